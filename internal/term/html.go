package term

import (
	"html"
	"strings"
)

// HTML is a text for a page, between two tags or in a quoted attribute. It stays as
// valid UTF-8 without active characters, line ends and tabs excepted. That its direction
// does not turn its neighbours is the style sheet's business: unicode-bidi: isolate.
func HTML(text string) string {
	lines := strings.Split(strings.ToValidUTF8(text, "?"), "\n")
	for i, line := range lines {
		lines[i] = html.EscapeString(Inert(line))
	}
	return strings.Join(lines, "\n")
}
