package report

import (
	"io"

	"muster/check"
	"muster/internal/term"
)

// answer is the first part of the output: what is wrong in one line, then the evidence and the fix. If the cause was
// inferred, it also shows what would confirm it. The answer ends at the first empty line:
//
//	Cause: /etc/ecs/ecs.config:4: ECS_CLUSTER has a space before "="
//	  why      the ECS agent joined the cluster "default"
//	  fix      Rewrite the line and restart the ECS agent:
//	           sudo muster bootstrap --cluster prod
//	  page     muster explain ecs-config-misread
type answer struct {
	headline string
	about    *check.Cause // the finding; nil if nothing is wrong
}

// color returns the color for the status of the answer's finding.
func (a answer) color() string {
	if a.about == nil {
		return colors[check.Pass]
	}
	return colors[a.about.Status]
}

// answer returns the most likely cause. Without a cause it returns the first warning, and without a warning the first
// finding that could not be checked.
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

// kind returns the label before the summary, such as "Cause: ".
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

// answer writes the answer and the symptoms of its cause. The other causes follow.
func (p printer) answer(r *Report) {
	a := r.answer()
	p.Title(a.color(), a.headline)
	if a.about != nil {
		p.details(a.about.Finding)
		p.symptoms(r, *a.about)
	}
	for _, cause := range r.Causes[min(1, len(r.Causes)):] {
		p.Blank()
		p.Title(colors[cause.Status], "Another "+lowerFirst(kind(cause))+cause.Summary)
		p.details(cause.Finding)
		p.symptoms(r, cause)
	}
	p.Blank()
}

func lowerFirst(s string) string { return string(s[0]|0x20) + s[1:] }

// Table writes the answer, then the other findings that did not pass. The worst is last, because the end of the output
// stays visible in a terminal. With verbose, the findings that passed are included.
func (r *Report) Table(out io.Writer, style term.Style, verbose bool) error {
	p := printer{term.NewPrinter(out, style)}
	p.answer(r)
	for _, f := range r.others(verbose) {
		p.finding(f)
		p.details(f)
	}
	p.Line(r.tally())
	return p.Err()
}

// others returns the findings that are neither the answer nor a cause's symptom, the worst last. It includes findings
// that passed or were skipped only if all is set.
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

// named returns the IDs of the answer's finding and of the symptoms of all causes.
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

// Diagnosis writes the output of `muster debug`: the answer, then every check in order. With verbose, it includes the
// evidence of findings that passed.
func (r *Report) Diagnosis(out io.Writer, style term.Style, verbose bool) error {
	p := printer{term.NewPrinter(out, style)}
	p.answer(r)
	p.Line(r.tally())
	for _, c := range r.Checks {
		p.result(r, c, verbose)
	}
	return p.Err()
}

// details writes the evidence, the fix, what would confirm the finding, and the command that prints its page. A command
// is on its own line and is never wrapped.
func (p printer) details(f check.Finding) {
	p.Labelled("why", f.Evidence...)
	p.Fix(f.Fix)
	if f.Confirm != "" {
		p.Verbatim("confirm", f.Confirm)
	}
	if f.Status == check.Warn || f.Status == check.Fail {
		p.Verbatim("page", "muster explain "+f.ID)
	}
}

// symptoms writes the findings that the cause explains, as a separate paragraph.
func (p printer) symptoms(r *Report, cause check.Cause) {
	if len(cause.Symptoms) == 0 {
		return
	}
	var lines []string
	for _, id := range cause.Symptoms {
		text := id
		if summary := r.find(id).Summary; summary != "" {
			text += ": " + summary
		}
		lines = append(lines, text)
	}
	p.Blank()
	p.Labelled("symptoms", lines...)
}
