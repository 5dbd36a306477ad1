// Package nearest finds similar names for a mistyped one.
package nearest

import (
	"slices"
	"strings"
)

// Of returns up to three names similar to want, nearest first. A similar name differs in at most a third of the
// characters, ignoring case, or one of the two is a prefix of the other.
func Of(want string, names []string) []string {
	type match struct {
		name     string
		distance int
	}
	var near []match
	w := strings.ToLower(want)
	for _, name := range names {
		n := strings.ToLower(name)
		d := distance([]rune(w), []rune(n))
		if d <= max(1, len(w)/3) || w != "" && (strings.HasPrefix(n, w) || len(n) > 2 && strings.HasPrefix(w, n)) {
			near = append(near, match{name, d})
		}
	}
	slices.SortStableFunc(near, func(a, b match) int { return a.distance - b.distance })
	var out []string
	for _, m := range near[:min(3, len(near))] {
		out = append(out, m.name)
	}
	return out
}

// Hint returns a "did you mean" question with the similar names. If there are none, it returns the text in otherwise.
func Hint(want string, names []string, otherwise string) string {
	if near := Of(want, names); len(near) > 0 {
		return "did you mean " + strings.Join(near, " or ") + "?"
	}
	return otherwise
}

// distance counts the insertions, deletions, substitutions and swaps of neighbors between a and b (optimal string
// alignment).
func distance(a, b []rune) int {
	var before, last, row []int
	last = make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range a {
		row = make([]int, len(b)+1)
		row[0] = i + 1
		for j := range b {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(last[j]+cost, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
