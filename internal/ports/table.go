package ports

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"muster/internal/term"
	"muster/reach"
)

// shownNames is how many names of a set are listed before the rest is counted.
const shownNames = 3

// Table writes the report for a person: problems first, each with its fix, then
// the matrix with equal rows together.
func (r *Report) Table(out io.Writer) error {
	w := &printer{out: out}
	w.line("%s in %s: %d peers, %d needs: %s", r.Scope, r.Region, len(r.Peers), len(r.Needs), r.tally())
	for _, note := range r.Notes {
		w.line("note: %s", note)
	}
	r.problems(w)
	for _, f := range r.Findings {
		w.line("\non this host%s: %s", f.certainty(), f.Summary)
		if f.Evidence != "" {
			w.line("  seen  %s", f.Evidence)
		}
		w.line("  do    %s", f.Remedy)
	}
	r.probes(w)
	r.grid(w)
	return w.err
}

// certainty is what stands behind "on this host".
func (f Finding) certainty() string {
	if f.Inferred {
		return ", inferred"
	}
	return ""
}

// printer keeps the first error of many writes.
type printer struct {
	out io.Writer
	err error
}

// line writes a line, in which what others have named, a process or a container,
// cannot move the cursor.
func (p *printer) line(format string, args ...any) {
	for i, a := range args {
		if text, is := a.(string); is {
			args[i] = term.OneLine(text)
		}
	}
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.out, format+"\n", args...)
	}
}

var statuses = []reach.Status{reach.Blocked, reach.Missing, reach.Stale, reach.Unknown, reach.Open}

// tally is "4 MISSING, 2 OPEN".
func (r *Report) tally() string {
	var parts []string
	for _, s := range statuses {
		if n := r.Counts[s.String()]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, s))
		}
	}
	if len(parts) == 0 {
		return "nothing to judge"
	}
	return strings.Join(parts, ", ")
}

func (r *Report) problems(w *printer) {
	for _, b := range r.Blocks {
		for _, o := range b.Outcomes {
			if o.status == reach.Open {
				continue
			}
			w.line("\n%s  %s", o.Status, o.Sentence)
			if more := len(b.From)*len(b.To) - 1; more > 0 {
				w.line("  pairs %s -> %s", some(b.From), some(b.To))
			}
			for _, f := range o.Fixes {
				w.line("  fix   %s", f.Command)
			}
		}
	}
}

// probes counts the dials, and lists those that add something to the verdict.
func (r *Report) probes(w *printer) {
	if len(r.Probes) == 0 {
		return
	}
	w.line("\nDialled from here: %s", r.Contacts())
	for _, p := range r.Probes {
		if !p.agrees() {
			w.line("  %s", p.Sentence)
		}
	}
}

func (r *Report) grid(w *printer) {
	if len(r.Blocks) == 0 || w.err != nil {
		return
	}
	w.line("")
	t := tabwriter.NewWriter(w.out, 0, 0, 2, ' ', 0)
	head := []string{"FROM", "TO"}
	for _, n := range r.needs {
		head = append(head, strings.ToUpper(needLabel(n)))
	}
	_, _ = fmt.Fprintln(t, strings.Join(head, "\t"))
	for _, b := range r.Blocks {
		cells := []string{some(b.From), some(b.To)}
		by := map[string]Outcome{}
		for _, o := range b.Outcomes {
			by[o.Need] = o
		}
		for _, n := range r.needs {
			cells = append(cells, by[n.String()].cell())
		}
		_, _ = fmt.Fprintln(t, strings.Join(cells, "\t"))
	}
	w.err = t.Flush()
}

func (o Outcome) cell() string {
	switch {
	case o.Status == "":
		return "-" // not asked in this direction
	case o.Missing != "":
		return o.Status + " " + o.Missing
	default:
		return o.Status
	}
}

// needLabel is short enough for a column: "discovery 47500-47599".
func needLabel(n reach.Need) string {
	label := n.Role
	if label == "" {
		label = n.Profile
	}
	return strings.TrimSpace(fmt.Sprintf("%s %s/%s", label, n.Protocol, n.Ports))
}

// some lists a few names and counts the rest.
func some(names []string) string {
	if len(names) <= shownNames {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:shownNames-1], ", "), len(names)-shownNames+1)
}
