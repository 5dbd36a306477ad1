package ports

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"muster/internal/base/plural"
	"muster/internal/term"
	"muster/reach"
)

// shownNames is how many names of a set are listed before the rest is only counted.
const shownNames = 3

// Table writes the report as text: the problems, each with its fix, and then the matrix with equal rows combined. A
// command stays on one line.
func (r *Report) Table(out io.Writer, style term.Style) error {
	w := term.NewPrinter(out, style)
	w.Title(colorOf(r.worst), fmt.Sprintf("%s in %s: %s, %s: %s", r.Scope, r.Region, r.members(), plural.Count(len(r.Needs), "port range"),
		r.tally()))
	for _, note := range r.notes() {
		w.Note(note)
	}
	r.problems(w)
	for _, f := range r.Findings {
		w.Blank()
		w.Line("on this host" + f.certainty() + ": " + f.Summary)
		if f.Evidence != "" {
			w.Labelled("why", f.Evidence)
		}
		w.Fix(f.Fix)
	}
	r.probes(w)
	r.grid(w)
	return w.Err()
}

// certainty returns the text after "on this host".
func (f Finding) certainty() string {
	if f.Inferred {
		return ", probably"
	}
	return ""
}

// members returns text such as "3 instances". The scope determines the noun.
func (r *Report) members() string {
	what := "instance"
	switch word, _, _ := strings.Cut(r.Scope, " "); {
	case word == "service", word == "task":
		what = "task"
	case strings.HasSuffix(r.Scope, "addresses"):
		what = "address"
	}
	return plural.Count(len(r.Peers), what)
}

// tally returns text such as "4 closed, 2 open", which counts pairs times port ranges. The problems name which of the
// three kinds of closed applies.
func (r *Report) tally() string {
	var parts []string
	for _, part := range []struct {
		word     string
		statuses []reach.Status
	}{{"closed", []reach.Status{reach.Blocked, reach.Missing, reach.Stale}}, {"unknown", []reach.Status{reach.Unknown}}, {"open",
		[]reach.Status{reach.Open}}} {
		n := 0
		for _, s := range part.statuses {
			n += r.Counts[s.String()]
		}
		if n > 0 {
			parts = append(parts, plural.Thousands(n)+" "+part.word)
		}
	}
	if len(parts) == 0 {
		return "no pair to check"
	}
	return strings.Join(parts, ", ")
}

func (r *Report) problems(w *term.Printer) {
	shown, more := 0, r.MoreProblems
	for _, b := range r.Blocks {
		for _, o := range b.Outcomes {
			if o.status == reach.Open {
				continue
			}
			if shown++; shown > maxProblems && !r.all {
				more++
				continue
			}
			w.Blank()
			w.Verdict(colorOf(o.status), mark(o.status), o.Status, o.Sentence)
			if more := b.Pairs() - 1; more > 0 {
				w.Labelled("pairs", some(b.from)+" -> "+some(b.to))
			}
			fixes(w, o.Fixes, o.fixes(), "all of them")
		}
	}
	if more > 0 {
		w.Blank()
		w.Line(plural.Count(more, "problem") + " not shown: --all shows all of them, --fix cli prints every rule that is missing")
	}
}

// maxProblems is the maximum number of problems in a table or page.
const maxProblems = 50

// shownFixes is the maximum number of rules that the table prints for a problem.
const shownFixes = 2

// fixes writes the first rules of n, and how to print the others.
func fixes(w *term.Printer, all []Fix, n int, others string) {
	var commands []string
	for _, f := range all[:min(len(all), shownFixes)] {
		commands = append(commands, f.Command)
	}
	w.Verbatim("fix", commands...)
	if n > shownFixes {
		w.Labelled("", fmt.Sprintf("%d of %s rules are shown; --fix cli prints %s", shownFixes, plural.Thousands(n), others))
	}
}

// probes writes how many dials had which result, and lists those that differ from the verdict.
func (r *Report) probes(w *term.Printer) {
	if len(r.Probes) == 0 {
		return
	}
	w.Blank()
	w.Line("Dialed from here: " + r.Contacts())
	for _, p := range r.Probes {
		if !p.agrees() {
			w.Line("  " + p.Sentence)
		}
	}
}

func (r *Report) grid(w *term.Printer) {
	if len(r.Blocks) == 0 || w.Err() != nil {
		return
	}
	w.Blank()
	head := []string{"from", "to"}
	for _, n := range r.needs {
		head = append(head, needLabel(n))
	}
	var rows [][]term.Cell
	for _, b := range r.rows() {
		row := []term.Cell{{Text: some(b.from)}, {Text: some(b.to)}}
		by := map[string]Outcome{}
		for _, o := range b.Outcomes {
			by[o.Need] = o
		}
		for _, n := range r.needs {
			o := by[n.String()]
			row = append(row, term.Cell{Text: o.cell(), Color: o.color()})
		}
		rows = append(rows, row)
	}
	w.Print(w.Grid(head, 2, " -> ", rows))
	if more := len(r.Blocks) + r.MoreBlocks - len(r.rows()); more > 0 {
		w.Line("and " + plural.Count(more, "more row"))
	}
}

// rows returns the blocks that a table or page shows.
func (r *Report) rows() []Block {
	if r.all {
		return r.Blocks
	}
	return r.Blocks[:min(len(r.Blocks), maxProblems)]
}

// notes returns everything that stands before the problems. In a fleet whose pairs all differ there are hundreds of
// hints and warnings, of which it returns the first five.
func (r *Report) notes() []string {
	return slices.Concat(r.Notes, few(r.Hints, "more note"), few(r.warnings(), "more warning"))
}

func few(texts []string, what string) []string {
	const most = 5
	if more := len(texts) - most; more > 0 {
		return append(slices.Clone(texts[:most]), fmt.Sprintf("%s: see --output json", plural.Count(more, what)))
	}
	return texts
}

// warnings returns the warnings about open pairs. A closed pair's warnings are part of its sentence.
func (r *Report) warnings() []string {
	var out []string
	for _, b := range r.Blocks {
		for _, o := range b.Outcomes {
			for _, text := range o.Warnings {
				if o.status == reach.Open && !slices.Contains(out, text) {
					out = append(out, text)
				}
			}
		}
	}
	return out
}

// color returns the color of the status, or "" if the outcome was not evaluated.
func (o Outcome) color() string {
	if o.Status == "" {
		return ""
	}
	return colorOf(o.status)
}

func (o Outcome) cell() string {
	switch {
	case o.Status == "":
		return "-" // not evaluated in this direction
	case o.Missing != "":
		return o.Status + " " + o.Missing
	case o.open != "":
		return o.Status + " " + o.open
	default:
		return o.Status
	}
}

// needLabel returns a label short enough for a column, such as "discovery 47500-47599".
func needLabel(n reach.Need) string {
	label := n.Role
	if label == "" {
		label = n.Profile
	}
	return strings.TrimSpace(fmt.Sprintf("%s %s/%s", label, n.Protocol, n.Ports))
}

// some lists the first names and counts the rest.
func some(names []string) string {
	if len(names) <= shownNames {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:shownNames-1], ", "), len(names)-shownNames+1)
}
