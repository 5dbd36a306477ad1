package ports

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"muster/internal/base/fix"
	"muster/internal/term"
	"muster/reach"
)

// printer writes lines for a terminal, and keeps the first error of many writes. Names
// chosen by others, such as a container's, cannot move the cursor.
type printer struct {
	term.Style
	out io.Writer
	err error
}

// margin is where the text stands that has a label before it.
const margin = 11

// raw writes text that is safe already.
func (p *printer) raw(text string) {
	if p.err == nil {
		_, p.err = io.WriteString(p.out, text)
	}
}

func (p *printer) blank() { p.raw("\n") }

func (p *printer) title(sgr, text string) { p.raw(p.Paint(sgr, p.Wrap(0, p.Text(text))) + "\n") }

// text writes a text, all lines of which but the first are indented.
func (p *printer) text(indent int, text string) { p.raw(p.wrapped(indent, text) + "\n") }

// wrapped keeps blanks at the beginning.
func (p *printer) wrapped(indent int, text string) string {
	rest := strings.TrimLeft(text, " ")
	before := text[:len(text)-len(rest)]
	return before + p.Wrap(max(indent, len(before)), p.Text(rest))
}

func (p *printer) note(text string) {
	p.raw(p.Paint(term.Yellow, "note:") + " " + p.Wrap(len("note: "), p.Text(text)) + "\n")
}

// labelled writes a text behind a label.
func (p *printer) labelled(label, text string) {
	p.raw(p.Paint(term.Dim, fmt.Sprintf("%-*s ", margin-1, "  "+label)) + p.Wrap(margin, p.Text(text)) + "\n")
}

// verbatim writes a text that is copied from the screen: it stays on one line.
func (p *printer) verbatim(label, text string) {
	p.raw(p.Paint(term.Dim, fmt.Sprintf("%-*s", margin, "  "+label)) + p.Text(text) + "\n")
}

// fix writes a fix, each command on a line of its own.
func (p *printer) fix(f fix.Fix, remedy string) {
	label := "fix"
	if f.IsZero() && remedy != "" {
		for line := range strings.SplitSeq(remedy, "\n") {
			p.verbatim(label, line)
			label = ""
		}
		return
	}
	if f.Text != "" {
		p.labelled(label, f.Text)
		label = ""
	}
	for _, command := range f.Commands {
		p.verbatim(label, command)
		label = ""
	}
}

// verdict writes a status and its sentence.
func (p *printer) verdict(s reach.Status, sentence string) {
	label := s.String()
	if p.UTF8 {
		label = mark(s) + " " + label
	}
	p.raw(p.Paint(color(s), fmt.Sprintf("%-*s", margin, label)) + p.Wrap(margin, p.Text(sentence)) + "\n")
}

// mark stands for a status where color is not enough.
func mark(s reach.Status) string {
	switch s {
	case reach.Open:
		return "✓"
	case reach.Unknown:
		return "?"
	}
	return "✗"
}

func color(s reach.Status) string {
	switch s {
	case reach.Open:
		return term.Green
	case reach.Unknown:
		return term.Magenta
	}
	return term.Red
}

// count is "1 peer", "2 peers", "1,000 addresses".
func count(n int, what string) string {
	switch {
	case n == 1:
		return "1 " + what
	case strings.HasSuffix(what, "s"):
		return thousands(n) + " " + what + "es"
	}
	return thousands(n) + " " + what + "s"
}

// thousands writes a number with separators: 28,232.
func thousands(n int) string {
	text := strconv.Itoa(n)
	for i := len(text) - 3; i > 0 && text[i-1] != '-'; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
