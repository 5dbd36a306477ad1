// Package page writes what the HTML reports share: the frame with its style sheet, tables, and fixes. A page is one file
// that loads nothing and runs nothing.
//
// It does not use html/template, because that would make the linker keep every method of every library. Callers escape
// text with Text instead.
package page

import (
	_ "embed"
	"fmt"
	"strings"

	"muster/internal/base/fix"
	"muster/internal/term"
)

//go:embed page.css
var style string

const frame = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<title>%[1]s</title>
<style>
%[2]s</style>
<body>
<h1>%[1]s</h1>
%[3]s</body>
</html>
`

// HTML returns a page. title is text, body is HTML. extra is a style sheet for this page only, which may be empty.
func HTML(title, body, extra string) string {
	return fmt.Sprintf(frame, Text(title), style+extra, body)
}

// Text escapes text for a page.
func Text(text string) string { return term.HTML(text) }

// Lines escapes lines for a page.
func Lines(lines []string) string { return Text(strings.Join(lines, "\n")) }

// Cell is a cell of a table. Class may be empty.
type Cell struct{ HTML, Class string }

// Cells returns cells with texts.
func Cells(texts ...string) []Cell {
	out := make([]Cell, 0, len(texts))
	for _, text := range texts {
		out = append(out, Cell{HTML: Text(text)})
	}
	return out
}

// Table writes a table. On a narrow screen a row becomes a list: the style sheet then writes the head before each cell.
func Table(b *strings.Builder, heads []string, rows [][]Cell) {
	b.WriteString("<div class=\"wide\"><table>\n<tr class=\"head\">")
	for _, head := range heads {
		fmt.Fprintf(b, "<th>%s</th>", Text(head))
	}
	b.WriteString("</tr>\n")
	for _, row := range rows {
		b.WriteString("<tr>")
		for n, cell := range row {
			class := ""
			if cell.Class != "" {
				class = " class=\"" + cell.Class + "\""
			}
			fmt.Fprintf(b, "<td data-h=\"%s\"%s>%s</td>", Text(heads[n]), class, cell.HTML)
		}
		b.WriteString("</tr>\n")
	}
	b.WriteString("</table></div>\n")
}

// Fix writes a fix: the step, and its commands to copy.
func Fix(b *strings.Builder, f fix.Fix) {
	if f.Text != "" {
		fmt.Fprintf(b, "<p>%s</p>\n", Text(f.Text))
	}
	if len(f.Commands) > 0 {
		fmt.Fprintf(b, "<pre>%s</pre>\n", Lines(f.Commands))
	}
}
