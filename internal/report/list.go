package report

import (
	"io"
	"strings"

	"muster/check"
	"muster/internal/term"
)

// List writes the checks, one per line.
func List(out io.Writer, style term.Style, checks []check.Check) error {
	p := printer{term.NewPrinter(out, style)}
	for _, c := range checks {
		p.entry(c)
	}
	return p.Err()
}

// Index writes the checks with every finding that each can report.
func Index(out io.Writer, style term.Style, checks []check.Check) error {
	p := printer{term.NewPrinter(out, style)}
	for _, c := range checks {
		p.entry(c)
		if len(c.Findings) > 0 {
			p.Line("    " + strings.Join(check.IDs(c.Findings), ", "))
		}
	}
	return p.Err()
}

func (p printer) entry(c check.Check) {
	about := []string{string(c.Group)}
	if c.Remote {
		about = append(about, "asks AWS")
	}
	if c.Deep {
		about = append(about, "debug only")
	}
	p.Print(p.Wrap(4, c.ID+" ("+strings.Join(about, ", ")+"): "+c.Title) + "\n")
}
