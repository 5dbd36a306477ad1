package ports

import (
	"fmt"
	"io"
	"strings"

	"muster/internal/base/fix"
	"muster/internal/term"
	"muster/reach"
)

// printer writes lines for a terminal and keeps the first write error. It escapes control characters, because names
// chosen by others could move the cursor.
type printer struct {
	term.Style
	out io.Writer
	err error
}

// margin is the column at which text after a label begins.
const margin = 11

// raw writes text that is already safe.
func (p *printer) raw(text string) {
	if p.err == nil {
		_, p.err = io.WriteString(p.out, text)
	}
}

func (p *printer) blank() { p.raw("\n") }

func (p *printer) title(sgr, text string) { p.raw(p.Paint(sgr, p.Wrap(0, p.Text(text))) + "\n") }

// text writes text. All lines except the first are indented.
func (p *printer) text(indent int, text string) { p.raw(p.wrapped(indent, text) + "\n") }

// wrapped wraps text and keeps leading blanks.
func (p *printer) wrapped(indent int, text string) string {
	rest := strings.TrimLeft(text, " ")
	before := text[:len(text)-len(rest)]
	return before + p.Wrap(max(indent, len(before)), p.Text(rest))
}

func (p *printer) note(text string) {
	p.raw(p.Paint(term.Yellow, "note:") + " " + p.Wrap(len("note: "), p.Text(text)) + "\n")
}

// labelled writes text after a label.
func (p *printer) labelled(label, text string) {
	p.raw(p.Paint(term.Dim, fmt.Sprintf("%-*s ", margin-1, "  "+label)) + p.Wrap(margin, p.Text(text)) + "\n")
}

// verbatim writes text that users copy from the screen. It is not wrapped.
func (p *printer) verbatim(label, text string) {
	p.raw(p.Paint(term.Dim, fmt.Sprintf("%-*s", margin, "  "+label)) + p.Text(text) + "\n")
}

// fix writes a fix, with each command on its own line.
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
	p.raw(p.Paint(colorOf(s), fmt.Sprintf("%-*s", margin, label)) + p.Wrap(margin, p.Text(sentence)) + "\n")
}

// mark returns the character for a status, for output in which color is not enough.
func mark(s reach.Status) string {
	switch s {
	case reach.Open:
		return "✓"
	case reach.Unknown:
		return "?"
	}
	return "✗"
}

func colorOf(s reach.Status) string {
	switch s {
	case reach.Open:
		return term.Green
	case reach.Unknown:
		return term.Magenta
	}
	return term.Red
}
