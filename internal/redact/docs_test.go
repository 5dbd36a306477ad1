package redact_test

import (
	"flag"
	"os"
	"strings"
	"testing"

	"muster/internal/redact"
)

var update = flag.Bool("update", false, "rewrite the rules in docs/guides/bundle.md")

// The page must list all rules.
func TestDocsListTheRules(t *testing.T) {
	const path, head = "../../docs/guides/bundle.md", "| rule | what it masks |\n|---|---|\n"
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var rows strings.Builder
	for _, r := range redact.Rules() {
		rows.WriteString("| `" + r.ID + "` | " + r.What + " |\n")
	}
	before, after, found := strings.Cut(string(data), head)
	_, after, _ = strings.Cut(after, "|\n\n")
	if want := before + head + rows.String() + "\n" + after; !found {
		t.Errorf("%s has no table of the rules", path)
	} else if want != string(data) {
		t.Errorf("%s does not list the current rules (go test ./internal/redact -update)", path)
		if *update {
			err = os.WriteFile(path, []byte(want), 0o644)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}
