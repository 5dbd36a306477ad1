package reach

import (
	"slices"
	"testing"
)

func TestParseTargets(t *testing.T) {
	for text, want := range map[string][]Range{
		"dynamic":              {{}},
		"8080":                 {{8080, 8080}},
		"8080, 9000-9009,8080": {{8080, 8080}, {9000, 9009}},
		"dynamic,8081":         {{}, {8081, 8081}},
		"":                     nil, "0": nil, "8080,": nil, "http": nil, "0-65535": nil, "65536": nil, "9-8": nil,
	} {
		got, err := ParseTargets(text)
		if !slices.Equal(got, want) || (err == nil) != (want != nil) {
			t.Errorf("%q is %v, %v; want %v", text, got, err, want)
		}
	}
}
