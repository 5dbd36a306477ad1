package report

import (
	"slices"
	"strings"

	"muster/check"
	"muster/internal/term"
)

// printer writes findings.
type printer struct{ *term.Printer }

var colors = map[check.Status]string{
	check.Pass: term.Green, check.Skip: term.Dim, check.Unknown: term.Magenta, check.Warn: term.Yellow, check.Fail: term.Red,
}

var marks = map[check.Status]string{check.Pass: "✓", check.Skip: "-", check.Unknown: "?", check.Warn: "!", check.Fail: "✗"}

// finding writes a finding in one line: status, ID and summary.
func (p printer) finding(f check.Finding) {
	p.Verdict(colors[f.Status], marks[f.Status], string(f.Status), f.ID+": "+f.Summary)
}

// result writes one check in the list of all checks. It does not repeat details that the answer already shows. It shows
// no fix for a symptom, because that fix may be wrong while the cause remains.
func (p printer) result(r *Report, c check.Result, verbose bool) {
	if len(c.Findings) == 0 {
		p.finding(check.Finding{ID: c.ID, Status: c.Status, Summary: c.Title})
	}
	for _, f := range c.Findings {
		p.finding(f)
		under := f.Under
		if len(under) > 0 {
			f = check.Finding{ID: f.ID, Status: f.Status, Summary: f.Summary, Evidence: f.Evidence}
		}
		if !r.shown(f.ID) && (verbose || f.Status != check.Pass) {
			p.details(f)
		}
		if len(under) > 0 {
			p.Labelled("due to", strings.Join(under, ", "))
		}
	}
}

// shown reports whether the answer already shows the details of a finding.
func (r *Report) shown(id string) bool {
	a := r.answer()
	return a.about != nil && a.about.ID == id || slices.ContainsFunc(r.Causes, func(c check.Cause) bool { return c.ID == id })
}

// find returns the finding with this ID.
func (r *Report) find(id string) check.Finding {
	for _, c := range r.Checks {
		for _, f := range c.Findings {
			if f.ID == id {
				return f
			}
		}
	}
	return check.Finding{ID: id}
}
