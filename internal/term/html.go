package term

import (
	"html"
	"strings"
)

// HTML escapes text for a page, between two tags or in a quoted attribute. The result is valid UTF-8 without active
// characters except line feeds and tabs. The style sheet isolates its direction with unicode-bidi: isolate.
func HTML(text string) string {
	lines := strings.Split(strings.ToValidUTF8(text, "?"), "\n")
	for i, line := range lines {
		lines[i] = html.EscapeString(Inert(line))
	}
	return strings.Join(lines, "\n")
}
