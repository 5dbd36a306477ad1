package redact_test

import (
	"strings"
	"testing"

	"muster/internal/redact"
	"muster/test/redacttest"
)

// FuzzSurroundings checks that a secret in a known form is masked regardless of the text on other lines and, for forms
// inside a line, next to it.
func FuzzSurroundings(f *testing.F) {
	all := redacttest.Corpus()
	within := make([]bool, len(all))
	for i, s := range all {
		within[i] = !strings.Contains(s.Text, "\n") && !strings.Contains(redact.Log("INFO x: "+s.Text+" and so on"), s.Parts[0])
	}
	for i := 0; i < len(all); i += 37 {
		f.Add(uint16(i), "level=info msg=\"a\\\"", "} next")
	}
	f.Fuzz(func(t *testing.T, which uint16, before, after string) {
		i := int(which) % len(all)
		s := all[i]
		secret := s.Parts[0]
		if len(before)+len(after) > 4<<10 || strings.Contains(before+after, secret) {
			return
		}
		if got := redact.Log(before + "\n" + s.Text + "\n" + after); strings.Contains(got, secret) {
			t.Errorf("%s: %q is still in %q", s.Kind, secret, got)
		}
		if within[i] {
			if got := redact.Log(before + " " + s.Text + " " + after); strings.Contains(got, secret) {
				t.Errorf("%s: %q is still in %q", s.Kind, secret, got)
			}
		}
	})
}
