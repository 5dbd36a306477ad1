package ports

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"muster/internal/base/plural"
	"muster/internal/report/page"
	"muster/reach"
)

// HTML writes the report as one page that works without a network. The picture is inline.
func (r *Report) HTML(out io.Writer) error {
	_, err := io.WriteString(out, page.HTML("Ports of "+r.Scope, r.Section(), ""))
	return err
}

// Section returns the report as part of a page.
func (r *Report) Section() string {
	var b strings.Builder
	fmt.Fprintf(&b, "<p class=\"sum\">%s, %s, %s: %s</p>\n",
		esc(r.Region), r.members(), esc(r.At.Format("2006-01-02 15:04:05 MST")), r.htmlTally())
	for _, note := range r.notes() {
		fmt.Fprintf(&b, "<p class=\"note\">%s</p>\n", esc(note))
	}
	r.htmlProblems(&b)
	r.htmlFindings(&b)
	r.picture(&b)
	r.htmlBlocks(&b)
	r.htmlPeers(&b)
	return b.String()
}

func esc(s string) string { return page.Text(s) }

// class returns the CSS class of a status. The status is always written as text too, so that color is never the only
// sign.
func class(s reach.Status) string {
	switch s {
	case reach.Open:
		return "open"
	case reach.Unknown:
		return "unknown"
	default:
		return "bad"
	}
}

func (r *Report) htmlProblems(b *strings.Builder) {
	head := "<h2>Problems</h2>\n"
	shown, more := 0, r.MoreProblems
	for _, bl := range r.Blocks {
		for _, o := range bl.Outcomes {
			if o.status == reach.Open {
				continue
			}
			if shown++; shown > maxProblems && !r.all {
				more++
				continue
			}
			b.WriteString(head)
			head = ""
			fmt.Fprintf(b, "<div class=\"p %s\"><p><strong>%s %s</strong> %s</p>\n", class(o.status), mark(o.status),
				esc(o.Status), htmlText(o.Sentence))
			if bl.Pairs() > 1 {
				fmt.Fprintf(b, "<p>The same applies from %s to %s.</p>\n", htmlNames(bl.from), htmlNames(bl.to))
			}
			for _, f := range o.Fixes[:min(len(o.Fixes), shownFixes)] {
				fmt.Fprintf(b, "<pre>%s</pre>\n<details><summary>as CloudFormation</summary><pre>%s</pre></details>\n",
					esc(f.Command), esc(f.CloudFormation))
			}
			if n := o.fixes(); n > shownFixes {
				fmt.Fprintf(b, "<p>%d of %d rules are shown; <code>--fix cli</code> prints all of them.</p>\n", shownFixes, n)
			}
			b.WriteString("</div>\n")
		}
	}
	if more > 0 {
		fmt.Fprintf(b, "<p class=\"note\">%s not shown: <code>--all</code> shows all of them.</p>\n", plural.Count(more, "problem"))
	}
}

func (r *Report) htmlFindings(b *strings.Builder) {
	if len(r.Findings) > 0 {
		b.WriteString("<h2>On this host</h2>\n")
	}
	for _, f := range r.Findings {
		fmt.Fprintf(b, "<div class=\"p bad\"><p><strong>%s</strong>%s: %s</p><p>%s</p>\n",
			esc(f.ID), f.certainty(), esc(f.Summary), esc(f.Evidence))
		page.Fix(b, f.Fix)
		b.WriteString("</div>\n")
	}
	if len(r.Probes) > 0 {
		fmt.Fprintf(b, "<h2>Dialed from here</h2>\n<p>%s</p>\n<ul>\n", esc(r.Contacts()))
		for _, p := range r.Probes {
			if !p.agrees() {
				fmt.Fprintf(b, "<li>%s</li>\n", esc(p.Sentence))
			}
		}
		b.WriteString("</ul>\n")
	}
}

func (r *Report) htmlBlocks(b *strings.Builder) {
	heads := []string{"from", "to"}
	for _, n := range r.needs {
		heads = append(heads, needLabel(n))
	}
	var rows [][]page.Cell
	for _, bl := range r.rows() {
		row := []page.Cell{{HTML: htmlNames(bl.from)}, {HTML: htmlNames(bl.to)}}
		for _, n := range r.needs {
			i := slices.IndexFunc(bl.Outcomes, func(o Outcome) bool { return o.Need == n.String() })
			if i < 0 {
				row = append(row, page.Cell{HTML: "-"})
				continue
			}
			o := bl.Outcomes[i]
			row = append(row, page.Cell{HTML: mark(o.status) + " " + esc(o.cell()), Class: class(o.status)})
		}
		rows = append(rows, row)
	}
	b.WriteString("<h2>Who reaches whom</h2>\n")
	page.Table(b, heads, rows)
	if more := len(r.Blocks) + r.MoreBlocks - len(r.rows()); more > 0 {
		fmt.Fprintf(b, "<p class=\"note\">and %s</p>\n", plural.Count(more, "more row"))
	}
}

func (r *Report) htmlPeers(b *strings.Builder) {
	var rows [][]page.Cell
	for _, p := range r.Peers {
		rows = append(rows, []page.Cell{{HTML: htmlName(p.Name)}, {HTML: htmlName(p.Address)}, {HTML: htmlName(p.ENI)},
			{HTML: htmlName(p.Subnet)}, {HTML: htmlNames(p.Groups)}})
	}
	b.WriteString("<h2>Peers</h2>\n<details><summary>addresses, interfaces and groups</summary>\n")
	page.Table(b, []string{"peer", "address", "interface", "subnet", "groups"}, rows)
	b.WriteString("</details>\n")
}

// htmlTally is the tally, each part in the color of its status.
func (r *Report) htmlTally() string {
	var parts []string
	for part := range strings.SplitSeq(r.tally(), ", ") {
		status := reach.Open
		switch {
		case strings.HasSuffix(part, " closed"):
			status = reach.Missing
		case strings.HasSuffix(part, " unknown"):
			status = reach.Unknown
		}
		parts = append(parts, fmt.Sprintf("<strong class=\"%s\">%s %s</strong>", class(status), mark(status), esc(part)))
	}
	if len(r.Counts) == 0 {
		return esc(r.tally())
	}
	return strings.Join(parts, ", ")
}

// htmlNames is some, with ids that do not break at their hyphens.
func htmlNames(names []string) string {
	shown, more := names, ""
	if len(names) > shownNames {
		shown, more = names[:shownNames-1], " and "+plural.Thousands(len(names)-shownNames+1)+" more"
	}
	var out []string
	for _, name := range shown {
		out = append(out, htmlName(name))
	}
	return strings.Join(out, ", ") + more
}

// htmlText keeps ids and port ranges in a sentence on one line. Browsers break lines after hyphens.
func htmlText(text string) string {
	words := strings.Split(text, " ")
	for i, word := range words {
		if words[i] = esc(word); strings.Contains(word, "-") {
			words[i] = htmlName(word)
		}
	}
	return strings.Join(words, " ")
}

// htmlName keeps an id on one line, unless it is longer than a narrow screen.
func htmlName(name string) string {
	const longest = 40
	if len(name) > longest {
		return esc(name)
	}
	return "<span class=\"id\">" + esc(name) + "</span>"
}
