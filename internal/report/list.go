package report

import (
	"io"
	"strings"

	"muster/check"
	"muster/internal/term"
)

// List writes the checks, one per line.
func List(out io.Writer, style term.Style, checks []check.Check) error {
	p := &printer{out: out, Style: style}
	for _, c := range checks {
		p.entry(c)
	}
	return p.err
}

// Index writes the checks with every finding that each can report.
func Index(out io.Writer, style term.Style, checks []check.Check) error {
	p := &printer{out: out, Style: style}
	for _, c := range checks {
		p.entry(c)
		if len(c.Findings) > 0 {
			p.line("    " + p.Wrap(4, strings.Join(check.IDs(c.Findings), ", ")))
		}
	}
	return p.err
}

func (p *printer) entry(c check.Check) {
	about := []string{string(c.Group)}
	if c.Remote {
		about = append(about, "asks AWS")
	}
	if c.Deep {
		about = append(about, "debug only")
	}
	p.line(p.Wrap(4, c.ID+" ("+strings.Join(about, ", ")+"): "+c.Title))
}
