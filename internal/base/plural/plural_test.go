package plural_test

import (
	"testing"

	"muster/internal/base/plural"
)

func TestNumbersAgreeWithTheirNouns(t *testing.T) {
	for want, got := range map[string]string{
		"0 peers":         plural.Count(0, "peer"),
		"1 peer":          plural.Count(1, "peer"),
		"2 peers":         plural.Count(2, "peer"),
		"1,000 addresses": plural.Count(1000, "address"),
		"1 copy fits":     plural.Of(1, "copy fits", "copies fit"),
		"12 copies fit":   plural.Of(12, "copy fits", "copies fit"),
		"is":              plural.Word(1, "is", "are"),
		"are":             plural.Word(0, "is", "are"),
		"999":             plural.Thousands(999),
		"28,232":          plural.Thousands(28_232),
		"1,234,567":       plural.Thousands(int64(1_234_567)),
		"-123":            plural.Thousands(-123),
		"-1,234":          plural.Thousands(-1234),
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
