package ports

import (
	"fmt"
	"io"
	"strings"
	"time"

	"muster/internal/base/plural"
	"muster/internal/report/junit"
	"muster/internal/report/page"
	"muster/internal/term"
	"muster/reach"
)

// section is a list of changes, sorted by importance.
type section struct {
	word   string
	status reach.Status // determines its color and mark
	all    []Change
}

func (d *Diff) sections() []section {
	return []section{{"CLOSED", reach.Missing, d.Closed}, {"UNKNOWN", reach.Unknown, d.Unknown}, {"OPENED", reach.Open, d.Opened}}
}

// Table writes the comparison as text. Ports that closed come first, each with the rules that were added or removed and
// with its fix.
func (d *Diff) Table(out io.Writer, style term.Style) error {
	w := term.NewPrinter(out, style)
	w.Title(colorOf(d.worst()), d.headline())
	for _, note := range d.Notes {
		w.Note(note)
	}
	for _, names := range []struct {
		what string
		all  []string
	}{{"new", d.New}, {"gone", d.Gone}} {
		if len(names.all) > 0 {
			w.Note(fmt.Sprintf("%s since the baseline: %s", names.what, some(names.all)))
		}
	}
	shown, more := 0, d.More
	for _, s := range d.sections() {
		for _, c := range s.all {
			if shown++; shown > maxProblems {
				more++
				continue
			}
			w.Blank()
			change(w, s, c)
		}
	}
	if more > 0 {
		w.Blank()
		w.Line(plural.Count(more, "change") + " not shown; --output json has more of them")
	}
	return w.Err()
}

func (d *Diff) headline() string {
	var parts []string
	for _, s := range d.sections() {
		if len(s.all) > 0 {
			parts = append(parts, plural.Thousands(len(s.all))+" "+strings.ToLower(s.word))
		}
	}
	what := "nothing changed"
	if len(parts) > 0 {
		what = strings.Join(parts, ", ")
	}
	return fmt.Sprintf("%s in %s since %s: %s", d.Scope, d.Region, d.Baseline.Format(time.RFC3339), what)
}

func (d *Diff) worst() reach.Status {
	for _, s := range d.sections() {
		if len(s.all) > 0 {
			return s.status
		}
	}
	return reach.Open
}

func change(w *term.Printer, s section, c Change) {
	w.Verdict(colorOf(s.status), mark(s.status), s.word, c.title())
	w.Labelled("why", c.Causes...)
	if s.status != reach.Open {
		w.Labelled("now", c.Sentence)
	}
	fixes(w, c.Fixes, len(c.Fixes), "all that are missing now")
}

// title returns text such as "tcp 47106-47199 of tcp 47100-47199 (ignite2 communication): i-1 -> i-2, i-3".
func (c Change) title() string {
	text := fmt.Sprintf("%s of %s: %s -> %s", c.Ports, c.Need, some(c.from), some(c.to))
	if c.Spare {
		text += " (needed only for further servers on one host)"
	}
	return text
}

// JUnit writes one test case for each change, and one for everything that did not change.
func (d *Diff) JUnit(out io.Writer) error {
	s := junit.Suite{Name: "muster ports, since " + d.Baseline.Format(time.RFC3339), At: d.At}
	for _, part := range d.sections() {
		for _, c := range part.all {
			one := junit.Case{Group: c.Need, Name: some(c.from) + " -> " + some(c.to), Message: strings.ToLower(part.word) + ": " + c.title(),
				Text: c.story(), Status: junit.Passed}
			switch {
			case part.status == reach.Missing && !c.Spare:
				one.Status = junit.Failed
			case part.status == reach.Unknown:
				one.Status = junit.Errored
			}
			s.Cases = append(s.Cases, one)
		}
	}
	s.Cases = append(s.Cases, junit.Case{Group: d.Scope, Name: "unchanged", Text: fmt.Sprintf("%d pairs times port ranges\n", d.Unchanged)})
	return s.Write(out)
}

func (c Change) story() string {
	var b strings.Builder
	for _, cause := range c.Causes {
		b.WriteString("why: " + cause + "\n")
	}
	b.WriteString("now: " + c.Sentence + "\n")
	for _, f := range c.Fixes {
		b.WriteString("fix: " + f.Command + "\n")
	}
	return b.String()
}

// JUnit writes one test case for each requirement of each block of pairs.
func (r *Report) JUnit(out io.Writer) error {
	s := junit.Suite{Name: "muster ports", At: r.At}
	for _, b := range r.Blocks {
		for _, o := range b.Outcomes {
			one := junit.Case{Group: o.Need, Name: some(b.from) + " -> " + some(b.to), Message: o.Status + ": " + o.Sentence}
			switch o.status {
			case reach.Open:
				one.Text = o.Sentence + "\n"
			case reach.Unknown:
				one.Status, one.Text = junit.Errored, o.Sentence+"\n"
			default:
				one.Status = junit.Failed
				for _, f := range o.Fixes {
					one.Text += "fix: " + f.Command + "\n"
				}
			}
			s.Cases = append(s.Cases, one)
		}
	}
	if r.MoreBlocks > 0 {
		more := junit.Case{Group: r.Scope, Name: "further pairs", Message: fmt.Sprintf("%s more, %s; --all shows all of them",
			plural.Count(r.MoreBlocks, "block"), plural.Count(r.MoreProblems, "problem"))}
		if r.MoreProblems > 0 {
			more.Status = junit.Failed
		}
		s.Cases = append(s.Cases, more)
	}
	if r.worst == reach.Unknown && r.Counts[reach.Unknown.String()] == 0 {
		s.Cases = append(s.Cases, junit.Case{Group: r.Scope, Name: "not evaluated", Status: junit.Errored, Message: strings.Join(r.Notes, "; ")})
	}
	return s.Write(out)
}

// HTML writes the comparison as one page that works without a network.
func (d *Diff) HTML(out io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "<p class=\"sum\"><strong class=\"%s\">%s %s</strong></p>\n", class(d.worst()), mark(d.worst()), esc(d.headline()))
	for _, note := range d.Notes {
		fmt.Fprintf(&b, "<p class=\"note\">%s</p>\n", esc(note))
	}
	for _, s := range d.sections() {
		for i, c := range s.all {
			if i >= maxProblems {
				fmt.Fprintf(&b, "<p class=\"note\">%s not shown: <code>--output json</code> has more of them.</p>\n",
					plural.Count(len(s.all)-i, "change"))
				break
			}
			fmt.Fprintf(&b, "<div class=\"p %s\"><p><strong>%s %s</strong> %s</p>\n<ul>\n", class(s.status), mark(s.status), s.word, esc(c.title()))
			for _, cause := range c.Causes {
				fmt.Fprintf(&b, "<li>%s</li>\n", esc(cause))
			}
			fmt.Fprintf(&b, "</ul>\n<p>%s</p>\n", esc(c.Sentence))
			for _, f := range c.Fixes[:min(len(c.Fixes), shownFixes)] {
				fmt.Fprintf(&b, "<pre>%s</pre>\n", esc(f.Command))
			}
			b.WriteString("</div>\n")
		}
	}
	_, err := io.WriteString(out, page.HTML("Ports of "+d.Scope+" since "+d.Baseline.Format(time.DateOnly), b.String(), ""))
	return err
}
