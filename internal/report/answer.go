package report

import (
	"fmt"
	"io"

	"muster/check"
	"muster/internal/term"
)

// The answer is the first thing that a person reads: what is wrong in one line,
// then the evidence, the fix and, for a cause that was inferred, what would
// confirm it. It ends at the first empty line:
//
//	Cause: /etc/ecs/ecs.config:4: ECS_CLUSTER has a space before "="
//	  why      the ECS agent joined the cluster "default"
//	  fix      Rewrite the line and restart the ECS agent:
//	           sudo muster bootstrap --cluster prod
//	  page     muster explain ecs-config-misread
type answer struct {
	headline string
	about    *check.Cause // nil: nothing is wrong
}

// color is that of the status of what the answer is about.
func (a answer) color() string {
	if a.about == nil {
		return colors[check.Pass]
	}
	return colors[a.about.Status]
}

// answer is the most likely cause, else the first warning, else what could not
// be checked.
func (r *Report) answer() answer {
	switch unknown := r.undetermined(); {
	case len(r.Causes) > 0:
		return answer{kind(r.Causes[0]) + r.Causes[0].Summary, &r.Causes[0]}
	case len(r.Warnings) > 0:
		return answer{kind(r.Warnings[0]) + r.Warnings[0].Summary, &r.Warnings[0]}
	case len(unknown) > 0:
		return answer{"Could not check: " + unknown[0].Summary, &check.Cause{Finding: unknown[0]}}
	}
	return answer{"Healthy", nil}
}

// kind is what stands before the summary of a cause.
func kind(c check.Cause) string {
	switch {
	case c.Status == check.Warn && c.Confirm != "":
		return "Warning (probable): "
	case c.Status == check.Warn:
		return "Warning: "
	case c.Confirm != "":
		return "Probable cause: "
	}
	return "Cause: "
}

// answer writes the answer and the symptoms of its cause.
func (p *printer) answer(r *Report) {
	a := r.answer()
	p.title(a.color(), a.headline)
	if a.about != nil {
		p.details(a.about.Finding)
		p.symptoms(r, *a.about)
	}
	for _, cause := range r.Causes[min(1, len(r.Causes)):] {
		p.line("")
		p.title(colors[cause.Status], "Another "+lowerFirst(kind(cause))+cause.Summary)
		p.details(cause.Finding)
		p.symptoms(r, cause)
	}
	p.line("")
}

func lowerFirst(s string) string { return string(s[0]|0x20) + s[1:] }

// Table writes the answer, then what else is not as it should be, the worst last,
// where the eye is when it has scrolled by. Verbose: also what passed.
func (r *Report) Table(out io.Writer, style term.Style, verbose bool) error {
	p := &printer{out: out, Style: style}
	p.answer(r)
	for _, f := range r.others(verbose) {
		p.finding(f)
		p.details(f)
	}
	p.line(p.Wrap(0, r.tally()))
	return p.err
}

// others are the findings that the answer, the causes and their symptoms do not
// name, the worst last; those that passed are among them if all.
func (r *Report) others(all bool) []check.Finding {
	named := r.named()
	var out []check.Finding
	for _, status := range check.Statuses() {
		if status == check.Fail || !all && (status == check.Pass || status == check.Skip) {
			continue
		}
		for _, c := range r.Checks {
			for _, f := range c.Findings {
				if f.Status == status && !named[f.ID] {
					out = append(out, f)
				}
			}
		}
	}
	return out
}

// named returns the ids of the findings in the answer and under the other causes.
func (r *Report) named() map[string]bool {
	ids := map[string]bool{}
	if a := r.answer(); a.about != nil {
		ids[a.about.ID] = true
		for _, id := range a.about.Symptoms {
			ids[id] = true
		}
	}
	for _, cause := range r.Causes {
		for _, id := range cause.Symptoms {
			ids[id] = true
		}
	}
	return ids
}

// Diagnosis writes what `muster debug` shows: the answer, then every check in
// order. Verbose: with the evidence of what passed.
func (r *Report) Diagnosis(out io.Writer, style term.Style, verbose bool) error {
	p := &printer{out: out, Style: style}
	p.answer(r)
	p.line(p.Wrap(0, r.tally()))
	for _, c := range r.Checks {
		p.result(r, c, verbose)
	}
	return p.err
}

// details are the evidence, the fix, what would confirm it, and the page on it.
// A command stands on a line of its own and is never wrapped.
func (p *printer) details(f check.Finding) {
	p.labelledLines("why", f.Evidence)
	if f.Fix.Text != "" {
		p.detail("fix", f.Fix.Text)
	}
	for i, command := range f.Fix.Commands {
		label := ""
		if i == 0 && f.Fix.Text == "" {
			label = "fix"
		}
		p.verbatim(label, command)
	}
	if f.Confirm != "" {
		p.verbatim("confirm", f.Confirm)
	}
	if f.Status == check.Warn || f.Status == check.Fail {
		p.verbatim("page", "muster explain "+f.ID)
	}
}

// labelledLines writes the label before the first line only.
func (p *printer) labelledLines(label string, lines []string) {
	for _, line := range lines {
		p.detail(label, line)
		label = ""
	}
}

// verbatim writes a text that is copied from the screen: it stays on one line.
func (p *printer) verbatim(label, text string) {
	p.line(p.Paint(term.Dim, fmt.Sprintf("%-*s", margin, "  "+label)) + p.Text(text))
}

// symptoms lists what a cause explains, in a paragraph of its own.
func (p *printer) symptoms(r *Report, cause check.Cause) {
	if len(cause.Symptoms) == 0 {
		return
	}
	p.line("")
	label := "symptoms"
	for _, id := range cause.Symptoms {
		text := id
		if summary := r.find(id).Summary; summary != "" {
			text += ": " + summary
		}
		p.detail(label, text)
		label = ""
	}
}
