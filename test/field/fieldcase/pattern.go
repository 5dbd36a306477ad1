package fieldcase

import (
	"fmt"
	"regexp"
	"strings"
)

// Pattern is a part of a text, or between slashes a regular expression. Both
// ignore case.
type Pattern struct{ re *regexp.Regexp }

// NewPattern compiles a pattern.
func NewPattern(s string) (Pattern, error) {
	expr := regexp.QuoteMeta(s)
	if len(s) > 1 && s[0] == '/' && s[len(s)-1] == '/' {
		expr = s[1 : len(s)-1]
	}
	re, err := regexp.Compile("(?i)" + expr)
	if err != nil {
		return Pattern{}, fmt.Errorf("pattern %q: %w", s, err)
	}
	return Pattern{re}, nil
}

// Find returns the first match in the text. Where nothing matches the text as it
// is, it looks in Folded copies of it, if there are any.
func (p Pattern) Find(text string, folded ...string) (found string, ok bool) {
	for _, t := range append([]string{text}, folded...) {
		if at := p.re.FindStringIndex(t); at != nil {
			return t[at[0]:at[1]], true
		}
	}
	return "", false
}

// Fold replaces each run of white space by one blank.
func Fold(text string) string { return strings.Join(strings.Fields(text), " ") }
