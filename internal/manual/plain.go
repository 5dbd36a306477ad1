package manual

import (
	"regexp"
	"strings"

	"muster/internal/term"
)

// readable is the maximum width of a text line.
const readable = 80

// Plain renders the Markdown of the pages: headings, paragraphs, lists, tables, code, links. Code lines are not wrapped,
// so that they can be copied.
func Plain(markdown string, style term.Style) string {
	if style.Width == 0 || style.Width > readable {
		style.Width = readable
	}
	p := &page{Style: style}
	for line := range strings.Lines(markdown) {
		p.add(strings.TrimRight(line, " \r\n"))
	}
	p.flush()
	return strings.TrimLeft(p.out.String(), "\n")
}

// page is the rendered text so far; block is the current paragraph or item, and marker its prefix.
type page struct {
	term.Style
	out    strings.Builder
	marker string
	block  string
	fenced bool
}

var (
	item = regexp.MustCompile(`^ *([-*]|\d+\.) +`)
	link = regexp.MustCompile(`\[([^]]+)\]\(([^)]+)\)`)
	rule = regexp.MustCompile(`^\|[-:| ]+\|$`)
)

func (p *page) add(line string) {
	marker := item.FindString(line)
	switch {
	case strings.HasPrefix(line, "```"):
		p.flush()
		p.fenced = !p.fenced
	case p.fenced, p.block == "" && strings.HasPrefix(line, "    "):
		p.out.WriteString("    " + p.Text(strings.TrimPrefix(line, "    ")) + "\n")
	case line == "":
		p.flush()
		p.out.WriteString("\n")
	case rule.MatchString(line):
	case strings.HasPrefix(line, "|"):
		p.begin("  ", strings.Join(strings.FieldsFunc(line, func(c rune) bool { return c == '|' }), " - "))
	case strings.HasPrefix(line, "#"):
		p.flush()
		p.out.WriteString(p.Paint(term.Bold, p.Wrap(0, p.Text(strings.TrimLeft(line, "# ")))) + "\n")
	case marker != "":
		p.begin(marker, line[len(marker):])
	case p.block == "":
		p.block = line
	default:
		p.block += " " + strings.TrimSpace(line)
	}
}

// begin starts a block with a hanging marker.
func (p *page) begin(marker, text string) {
	p.flush()
	p.marker, p.block = marker, strings.TrimSpace(text)
}

func (p *page) flush() {
	if p.block != "" {
		text := strings.ReplaceAll(link.ReplaceAllString(p.block, "$1 ($2)"), "**", "")
		p.out.WriteString(p.marker + p.Wrap(len(p.marker), p.Text(text)) + "\n")
	}
	p.block, p.marker = "", ""
}
