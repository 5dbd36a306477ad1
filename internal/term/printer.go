package term

import (
	"fmt"
	"io"
	"strings"

	"muster/internal/base/fix"
)

// Printer writes a report to a terminal and keeps the first write error. All text is made safe for one line, because
// names chosen by others could move the cursor. Only Print expects text that is safe already.
//
//	✗ MISSING  i-1 cannot reach i-2: no rule allows it     Verdict
//	  why      sg-1 has no rule for this port              Labelled
//	  fix      Add the rule:                               Fix
//	           aws ec2 authorize-security-group-ingress ...
type Printer struct {
	Style
	out io.Writer
	err error
}

// NewPrinter returns a Printer that writes to out.
func NewPrinter(out io.Writer, style Style) *Printer { return &Printer{Style: style, out: out} }

// Err returns the first write error.
func (p *Printer) Err() error { return p.err }

// margin is the column at which text after a label begins.
const margin = 11

// Print writes text as it is.
func (p *Printer) Print(text string) {
	if p.err == nil {
		_, p.err = io.WriteString(p.out, text)
	}
}

// Blank writes an empty line.
func (p *Printer) Blank() { p.Print("\n") }

// Title writes a paragraph in a color. Its leading blanks indent all of its lines.
func (p *Printer) Title(color, text string) { p.Print(p.Paint(color, p.wrapped(0, text)) + "\n") }

// Line is Title without a color.
func (p *Printer) Line(text string) { p.Title("", text) }

// wrapped wraps text that begins at a column. Its leading blanks indent all of its lines.
func (p *Printer) wrapped(column int, text string) string {
	text = p.Text(text)
	rest := strings.TrimLeft(text, " ")
	blanks := len(text) - len(rest)
	return text[:blanks] + p.Wrap(column+blanks, rest)
}

// Note writes a remark on the whole report.
func (p *Printer) Note(text string) {
	p.Print(p.Paint(Yellow, "note:") + " " + p.wrapped(len("note: "), text) + "\n")
}

// Verdict writes a status and its sentence. The mark is for output in which color is not enough.
func (p *Printer) Verdict(color, mark, status, sentence string) {
	if p.UTF8 {
		status = mark + " " + status
	}
	p.labelled(color, status, p.wrapped(margin, sentence))
}

// Labelled writes lines of text, with the label in front of the first one.
func (p *Printer) Labelled(label string, lines ...string) {
	for _, line := range lines {
		p.labelled(Dim, "  "+label, p.wrapped(margin, line))
		label = ""
	}
}

// Verbatim writes lines that users copy from the screen. They are not wrapped.
func (p *Printer) Verbatim(label string, lines ...string) {
	for _, line := range lines {
		p.labelled(Dim, "  "+label, p.Text(line))
		label = ""
	}
}

func (p *Printer) labelled(color, label, text string) {
	p.Print(p.Paint(color, fmt.Sprintf("%-*s ", margin-1, label)) + text + "\n")
}

// Fix writes a fix, with each command on its own line.
func (p *Printer) Fix(f fix.Fix) {
	label := "fix"
	if f.Text != "" {
		p.Labelled(label, f.Text)
		label = ""
	}
	p.Verbatim(label, f.Commands...)
}
