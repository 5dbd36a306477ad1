package fieldcase

import (
	"fmt"
	"regexp"
	"strings"
)

// Pattern is a substring, or a regular expression between slashes. Both ignore case.
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

// Find returns the first match in the text. Without a match, it searches the folded copies, if any.
func (p Pattern) Find(text string, folded ...string) (found string, ok bool) {
	for _, t := range append([]string{text}, folded...) {
		if at := p.re.FindStringIndex(t); at != nil {
			return t[at[0]:at[1]], true
		}
	}
	return "", false
}

// Fold replaces each run of white space with one blank.
func Fold(text string) string { return strings.Join(strings.Fields(text), " ") }
