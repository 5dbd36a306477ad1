package redact

import (
	"regexp"
	"strings"
	"testing"
)

var marked = regexp.MustCompile(`«[^»]*»`)

// assertExample masks an example whose secret is between « and »: exactly the secret must be masked, alone and in any
// surrounding text.
func assertExample(t *testing.T, example string) {
	t.Helper()
	line := strings.NewReplacer("«", "", "»", "").Replace(example)
	want := marked.ReplaceAllStringFunc(example, func(secret string) string {
		quote := strings.Trim(secret, "«»")[:1]
		if strings.Contains(`"'`, quote) && strings.HasSuffix(secret, quote+"»") {
			return quote + Mask + quote
		}
		return Mask
	})
	if want == example { // the whole example
		want = Mask
	}
	if got := Log(line); got != want {
		t.Errorf("%s\nbecame %s\nwant   %s", line, got, want)
	}
}

func TestEachFormMasksItsExample(t *testing.T) {
	for _, f := range follows {
		assertExample(t, f.example)
	}
	for _, f := range forms {
		assertExample(t, f.example)
	}
	for _, c := range commands {
		assertExample(t, c.example)
	}
}

func TestEachFormHasARule(t *testing.T) {
	known := map[string]bool{}
	for _, r := range Rules() {
		known[r.ID] = true
	}
	for _, f := range forms {
		if !known[f.rule] || f.what == "" || f.hints != strings.ToLower(f.hints) {
			t.Errorf("%+v", f)
		}
	}
}

func TestEachVendorsTokenIsMasked(t *testing.T) {
	for _, v := range vendors {
		for prefix := range strings.FieldsSeq(v.prefixes) {
			// SK is followed by hexadecimal digits, which every row accepts.
			token := strings.ReplaceAll(prefix, "~", " ") + strings.Repeat("0a1b2c3d4e5f", 1+v.least/12)
			for _, text := range []string{"%", `level=error msg="using % now"`, `["a","%"]`, "https://h.example/?x=%"} {
				if got := Log(strings.ReplaceAll(text, "%", token)); strings.Contains(got, token[len(token)/2:]) {
					t.Errorf("%s: %s remains in %s", v.name, token, got)
				}
			}
		}
	}
}
