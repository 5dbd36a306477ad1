package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"muster/check"
	"muster/internal/term"
)

// Table writes what a person wants to know of a check: in the first line the
// most likely cause and what to do, then what is wrong, the worst last, where the
// eye is when it has scrolled by. Verbose: also what is well.
func (r *Report) Table(out io.Writer, style term.Style, verbose bool) error {
	p := &printer{out: out, Style: style}
	p.title(r.headline())
	lone := r.lone(verbose)
	if len(lone)+len(r.Causes) > 0 {
		p.line("")
	}
	for _, f := range lone {
		p.finding(f)
		p.details(f)
	}
	for _, cause := range slices.Backward(r.Causes) {
		p.finding(cause.Finding)
		p.details(cause.Finding)
		p.symptoms(r, cause)
	}
	p.line(p.Wrap(0, r.tally()))
	return p.err
}

// lone are the findings that are neither causes nor symptoms of one, the worst
// last; those that are well are among them for who wants all.
func (r *Report) lone(all bool) []check.Finding {
	silent := r.silenced()
	var out []check.Finding
	for _, status := range check.Statuses() {
		if status == check.Fail || !all && (status == check.Pass || status == check.Skip) {
			continue
		}
		for _, c := range r.Checks {
			for _, f := range c.Findings {
				if f.Status == status && !silent[f.ID] {
					out = append(out, f)
				}
			}
		}
	}
	return out
}

// Diagnosis writes what `muster debug` says: each cause with what was seen, what
// to do and its symptoms, the most likely first; then all that was looked at, in
// order. Verbose: with the evidence of what is well.
func (r *Report) Diagnosis(out io.Writer, style term.Style, verbose bool) error {
	p := &printer{out: out, Style: style}
	p.title(r.headline())
	for i, cause := range r.Causes {
		if i > 0 {
			p.line("")
			p.title("Another cause: " + advice(cause.Finding))
		}
		p.evidence(cause.Finding)
		p.detail("read", "muster explain "+cause.ID)
		p.symptoms(r, cause)
	}
	p.line("")
	p.line(p.Wrap(0, r.tally()))
	for _, c := range r.Checks {
		p.result(r, c, verbose)
	}
	return p.err
}

// result is one check in the list of all.
func (p *printer) result(r *Report, c check.Result, verbose bool) {
	if len(c.Findings) == 0 {
		p.finding(check.Finding{ID: c.ID, Status: c.Status, Summary: c.Title})
	}
	for _, f := range c.Findings {
		p.finding(f)
		told := slices.ContainsFunc(r.Causes, func(cause check.Cause) bool { return cause.ID == f.ID })
		if len(f.Under) > 0 {
			f.Remedy = "" // it may be wrong while the cause lasts
		}
		if !told && (verbose || f.Status != check.Pass) {
			p.details(f)
		}
		if len(f.Under) > 0 {
			p.detail("due to", strings.Join(f.Under, ", "))
		}
	}
}

// silenced are the ids of the findings that stand under their cause.
func (r *Report) silenced() map[string]bool {
	silent := map[string]bool{}
	for _, cause := range r.Causes {
		for _, id := range cause.Symptoms {
			silent[id] = true
		}
	}
	return silent
}

// find is the finding with this id.
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

// printer writes lines with a label, and keeps the first error of many writes.
type printer struct {
	term.Style
	out io.Writer
	err error
}

// margin is where the text stands that has a label before it.
const margin = 11

func (p *printer) line(text string) {
	if p.err == nil {
		_, p.err = fmt.Fprintln(p.out, text)
	}
}

func (p *printer) title(text string) { p.line(p.Paint(term.Bold, p.Wrap(0, p.Text(text)))) }

// labelled writes a text behind a label, in the label's colour.
func (p *printer) labelled(color, label, text string) {
	p.line(p.Paint(color, fmt.Sprintf("%-*s", margin, label)) + p.Wrap(margin, p.Text(text)))
}

func (p *printer) detail(label, text string) { p.labelled(term.Dim, "  "+label, text) }

var colors = map[check.Status]string{
	check.Pass: term.Green, check.Skip: term.Dim, check.Unknown: term.Magenta, check.Warn: term.Yellow, check.Fail: term.Red,
}

var marks = map[check.Status]string{check.Pass: "✓", check.Skip: "-", check.Unknown: "?", check.Warn: "!", check.Fail: "✗"}

func (p *printer) finding(f check.Finding) {
	label := string(f.Status)
	if p.UTF8 {
		label = marks[f.Status] + " " + label
	}
	p.labelled(colors[f.Status], label, f.ID+": "+f.Summary)
}

func (p *printer) evidence(f check.Finding) {
	for _, line := range f.Evidence {
		p.detail("seen", line)
	}
}

// details are what was seen, what to do, and where to read on.
func (p *printer) details(f check.Finding) {
	p.evidence(f)
	if f.Remedy != "" {
		p.detail("do", f.Remedy)
	}
	if f.Status == check.Warn || f.Status == check.Fail {
		p.detail("read", "muster explain "+f.ID)
	}
}

// symptoms name what a cause explains.
func (p *printer) symptoms(r *Report, cause check.Cause) {
	for _, id := range cause.Symptoms {
		p.detail("hence", strings.TrimSuffix(id+": "+r.find(id).Summary, ": "))
	}
}
