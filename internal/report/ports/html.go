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

// HTML writes the report as one page that works without a network. The styles and the picture are inline, and there is
// no script. The page is not made with html/template, because that would make the linker keep every method of every
// library.
func (r *Report) HTML(out io.Writer) error {
	return page(out, "Ports of "+r.Scope, r.Section())
}

func page(out io.Writer, title, body string) error {
	title = esc(title)
	_, err := fmt.Fprintf(out, "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n"+
		"<meta name=\"viewport\" content=\"width=device-width\">\n<title>%s</title>\n<style>%s</style>\n<h1>%s</h1>\n%s</html>\n",
		title, Style, title, body)
	return err
}

// Section returns the report as part of a page that includes Style.
func (r *Report) Section() string {
	var b strings.Builder
	fmt.Fprintf(&b, "<p class=\"sum\">%s, %s, %s: %s</p>\n",
		esc(r.Region), r.members(), esc(r.At.Format("2006-01-02 15:04:05 MST")), r.htmlTally())
	for _, note := range slices.Concat(r.Notes, r.Hints, r.warnings()) {
		fmt.Fprintf(&b, "<p class=\"note\">%s</p>\n", esc(note))
	}
	r.htmlProblems(&b)
	r.htmlFindings(&b)
	r.picture(&b)
	r.htmlBlocks(&b)
	r.htmlPeers(&b)
	return b.String()
}

// Style is the style sheet for a page with a Section, in light and dark mode. Every element isolates its text, so that
// a name in Arabic or Hebrew does not reorder the text next to it.
const Style = `
*{unicode-bidi:isolate}
:root{color-scheme:light dark;--ink:#1c2430;--paper:#fff;--dim:#556;--box:#f3f4f6;--line:#dde;--good:#1a7f37;--bad:#b42318;--odd:#8a6100}
@media(prefers-color-scheme:dark){:root{--ink:#e3e7ee;--paper:#14181f;--dim:#9aa5b5;--box:#1f2530;--line:#333c4a;--good:#5fce83;--bad:#ff8a7e;--odd:#e9b949}}
@media print{:root{--ink:#000;--paper:#fff;--dim:#444;--box:#f6f6f6;--line:#ccc;--good:#1a7f37;--bad:#b42318;--odd:#8a6100}}
body{font:15px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem;color:var(--ink);background:var(--paper)}
h1{font-size:1.5rem;margin:0}h2{font-size:1.1rem;margin:2rem 0 .5rem}.sum{color:var(--dim)}
pre{background:var(--box);padding:.6rem;border-radius:4px;white-space:pre-wrap;overflow-wrap:anywhere;font-size:13px;color:var(--ink)}
body{overflow-wrap:anywhere}.wide{overflow-x:auto;max-width:100%}.id{white-space:nowrap}
table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.3rem .6rem;border-bottom:1px solid var(--line);vertical-align:top;font-size:14px}
.p{border-left:4px solid;padding:.1rem .8rem;margin:.8rem 0}.p p,.p summary{margin:.4rem 0;color:var(--ink)}.p strong{color:var(--bad)}.p.unknown strong{color:var(--odd)}
.k{display:inline-block;width:12px;height:12px;margin:0 .2rem 0 .8rem}.note{color:var(--odd)}
@media(max-width:48rem){body{margin:1rem auto}tr.head{display:none}table,tbody,tr,td{display:block}td{border:0;padding:.1rem 0}
tr{border-bottom:1px solid var(--line);padding:.4rem 0}td::before{content:attr(data-h) " ";color:var(--dim)}}
.open{color:var(--good)}.bad{color:var(--bad)}.unknown{color:var(--odd)}svg text{font:12px system-ui,sans-serif;fill:var(--ink)}
.f-open{fill:#7cc492;background:#7cc492}.f-bad{fill:#d9534f;background:#d9534f}.f-unknown{fill:#f0c04a;background:#f0c04a}.f-self{fill:#e6e8ec;background:#e6e8ec}
svg text.m{font:bold 12px system-ui,sans-serif;fill:#1c2430;text-anchor:middle}
`

func esc(s string) string { return term.HTML(s) }

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
				esc(o.Status), esc(o.Sentence))
			if len(bl.From)*len(bl.To) > 1 {
				fmt.Fprintf(b, "<p>The same applies from %s to %s.</p>\n", htmlNames(bl.From), htmlNames(bl.To))
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
		fmt.Fprintf(b, "<div class=\"p bad\"><p><strong>%s</strong>%s: %s</p><p>%s</p><p>%s</p>",
			esc(f.ID), f.certainty(), esc(f.Summary), esc(f.Evidence), esc(f.Fix.Text))
		if commands := strings.Join(f.Fix.Commands, "\n"); commands != "" {
			fmt.Fprintf(b, "<pre>%s</pre>", esc(commands))
		}
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
	b.WriteString("<h2>Who reaches whom</h2>\n<div class=\"wide\"><table>\n<tr class=\"head\"><th>from</th><th>to</th>")
	for _, n := range r.needs {
		fmt.Fprintf(b, "<th>%s</th>", esc(needLabel(n)))
	}
	b.WriteString("</tr>\n")
	for _, bl := range r.rows() {
		fmt.Fprintf(b, "<tr><td data-h=\"from\">%s</td><td data-h=\"to\">%s</td>", htmlNames(bl.From), htmlNames(bl.To))
		for _, n := range r.needs {
			i := slices.IndexFunc(bl.Outcomes, func(o Outcome) bool { return o.Need == n.String() })
			if i < 0 {
				fmt.Fprintf(b, "<td data-h=\"%s\">-</td>", esc(needLabel(n)))
				continue
			}
			o := bl.Outcomes[i]
			fmt.Fprintf(b, "<td data-h=\"%s\" class=\"%s\">%s %s</td>", esc(needLabel(n)), class(o.status), mark(o.status), esc(o.cell()))
		}
		b.WriteString("</tr>\n")
	}
	b.WriteString("</table></div>\n")
	if more := len(r.Blocks) + r.MoreBlocks - len(r.rows()); more > 0 {
		fmt.Fprintf(b, "<p class=\"note\">and %s</p>\n", plural.Count(more, "more row"))
	}
}

func (r *Report) htmlPeers(b *strings.Builder) {
	b.WriteString("<h2>Peers</h2>\n<details><summary>addresses, interfaces and groups</summary>\n<div class=\"wide\"><table>\n" +
		"<tr class=\"head\"><th>peer</th><th>address</th><th>interface</th><th>subnet</th><th>groups</th></tr>\n")
	for _, p := range r.Peers {
		b.WriteString("<tr>")
		for _, cell := range [][2]string{{"peer", htmlName(p.Name)}, {"address", htmlName(p.Address)}, {"interface", htmlName(p.ENI)},
			{"subnet", htmlName(p.Subnet)}, {"groups", htmlNames(p.Groups)}} {
			fmt.Fprintf(b, "<td data-h=\"%s\">%s</td>", cell[0], cell[1])
		}
		b.WriteString("</tr>\n")
	}
	b.WriteString("</table></div></details>\n")
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

// htmlName keeps an id on one line, unless it is longer than a narrow screen.
func htmlName(name string) string {
	const longest = 40
	if len(name) > longest {
		return esc(name)
	}
	return "<span class=\"id\">" + esc(name) + "</span>"
}
