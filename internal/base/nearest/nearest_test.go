package nearest

import (
	"slices"
	"testing"
)

func TestOf(t *testing.T) {
	clusters := []string{"prod", "prod-eu", "production", "staging", "dev", "PROD-US"}
	for name, c := range map[string]struct {
		want  string
		names []string
		near  []string
	}{
		"a swapped pair is one slip":        {"pord", clusters, []string{"prod"}},
		"a missing letter":                  {"stagng", clusters, []string{"staging"}},
		"case does not count":               {"Staging", clusters, []string{"staging"}},
		"a beginning finds the longer ones": {"prod", clusters[1:], []string{"prod-eu", "PROD-US", "production"}},
		"nothing near is nothing":           {"zzzzzz", clusters, nil},
		"an empty name has no neighbours":   {"", clusters, nil},
		"no names":                          {"prod", nil, nil},
		"runes, not bytes":                  {"grün", []string{"grön"}, []string{"grön"}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Of(c.want, c.names); !slices.Equal(got, c.near) {
				t.Errorf("Of(%q) = %q, want %q", c.want, got, c.near)
			}
		})
	}
}

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"a", "", 1}, {"", "abc", 3}, {"kitten", "sitting", 3}, {"ab", "ba", 1}, {"same", "same", 0}} {
		if got := distance([]rune(c.a), []rune(c.b)); got != c.want {
			t.Errorf("distance(%q, %q) = %d, want %d", c.a, c.b, got, c.want)
		}
		if back := distance([]rune(c.b), []rune(c.a)); back != c.want {
			t.Errorf("distance(%q, %q) = %d backwards, want %d", c.b, c.a, back, c.want)
		}
	}
}
