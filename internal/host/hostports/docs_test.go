package hostports

import (
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Every finding must have a row in the manual, and the manual no other rows. The ids are read from the source, because
// no host has all findings at once.
func TestEveryFindingIsInTheManual(t *testing.T) {
	inCode := matches(t, "findings.go", `ID:\s+"([^"]+)"`)
	inManual := matches(t, "../../../docs/reference/ports.md", "(?m)^\\| `([a-z0-9]+(?:-[a-z0-9]+)+)` \\| [^|]+ \\| [^|]{10,} \\|$")
	if len(inCode) < 10 {
		t.Errorf("found only %d ids in the source: %q", len(inCode), inCode)
	}
	if diff := cmp.Diff(inCode, inManual); diff != "" {
		t.Errorf("docs/reference/ports.md (-code +page):\n%s", diff)
	}
}

func matches(t *testing.T, path, pattern string) []string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, m := range regexp.MustCompile(pattern).FindAllSubmatch(text, -1) {
		out = append(out, string(m[1]))
	}
	slices.Sort(out)
	return slices.Compact(out)
}
