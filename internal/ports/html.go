package ports

import (
	"fmt"
	"html"
	"io"
	"slices"
	"strings"

	"muster/reach"
)

// HTML writes the report as one page that needs no network: styles and picture
// are in it, and there is no script. It is written without html/template,
// which would make the linker keep every method of every library.
func (r *Report) HTML(out io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width\">\n<title>%s</title>\n<style>%s</style>\n",
		esc("Ports of "+r.Scope), style)
	fmt.Fprintf(&b, "<h1>Ports of %s</h1>\n<p class=\"sum\">%s, %d peers, %s: <strong class=\"%s\">%s</strong></p>\n",
		esc(r.Scope), esc(r.Region), len(r.Peers), esc(r.At.Format("2006-01-02 15:04:05 MST")), class(r.worst), esc(r.tally()))
	for _, note := range r.Notes {
		fmt.Fprintf(&b, "<p class=\"note\">%s</p>\n", esc(note))
	}
	r.htmlProblems(&b)
	r.htmlFindings(&b)
	r.picture(&b)
	r.htmlBlocks(&b)
	r.htmlPeers(&b)
	b.WriteString("</html>\n")
	_, err := io.WriteString(out, b.String())
	return err
}

const style = `
body{font:15px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem;color:#1c2430;background:#fff}
h1{font-size:1.5rem;margin:0}h2{font-size:1.1rem;margin:2rem 0 .5rem}.sum{color:#556}
pre{background:#f3f4f6;padding:.6rem;border-radius:4px;white-space:pre-wrap;overflow-wrap:anywhere;font-size:13px;color:#1c2430}
table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.3rem .6rem;border-bottom:1px solid #dde;vertical-align:top;font-size:14px}
.p{border-left:4px solid;padding:.1rem .8rem;margin:.8rem 0}.p p,.p summary{margin:.4rem 0;color:#1c2430}.p strong{color:#b42318}.p.unknown strong{color:#8a6100}
.k{display:inline-block;width:12px;height:12px;margin:0 .2rem 0 .8rem}.note{color:#7a5b00}
.open{color:#1a7f37}.bad{color:#b42318}.unknown{color:#8a6100}svg text{font:12px system-ui,sans-serif;fill:#1c2430}
.f-open{fill:#7cc492;background:#7cc492}.f-bad{fill:#d9534f;background:#d9534f}.f-unknown{fill:#f0c04a;background:#f0c04a}.f-self{fill:#e6e8ec;background:#e6e8ec}
`

func esc(s string) string { return html.EscapeString(s) }

// class is the style of a status. Colour never stands alone: the status is
// always written too.
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
	for _, bl := range r.Blocks {
		for _, o := range bl.Outcomes {
			if o.status == reach.Open {
				continue
			}
			b.WriteString(head)
			head = ""
			fmt.Fprintf(b, "<div class=\"p %s\"><p><strong>%s</strong> %s</p>\n", class(o.status), esc(o.Status), esc(o.Sentence))
			if len(bl.From)*len(bl.To) > 1 {
				fmt.Fprintf(b, "<p>The same from %s to %s.</p>\n", esc(some(bl.From)), esc(some(bl.To)))
			}
			for _, f := range o.Fixes {
				fmt.Fprintf(b, "<pre>%s</pre>\n<details><summary>as CloudFormation</summary><pre>%s</pre></details>\n", esc(f.Command), esc(f.CloudFormation))
			}
			b.WriteString("</div>\n")
		}
	}
}

func (r *Report) htmlFindings(b *strings.Builder) {
	if len(r.Findings) > 0 {
		b.WriteString("<h2>On this host</h2>\n")
	}
	for _, f := range r.Findings {
		fmt.Fprintf(b, "<div class=\"p bad\"><p><strong>%s</strong> %s</p><p>%s</p></div>\n", esc(f.ID), esc(f.Summary), esc(f.Remedy))
	}
	if len(r.Probes) > 0 {
		fmt.Fprintf(b, "<h2>Dialled from here</h2>\n<p>%s</p>\n<ul>\n", esc(r.contacts()))
		for _, p := range r.Probes {
			if !p.agrees {
				fmt.Fprintf(b, "<li>%s</li>\n", esc(p.Sentence))
			}
		}
		b.WriteString("</ul>\n")
	}
}

func (r *Report) htmlBlocks(b *strings.Builder) {
	b.WriteString("<h2>Who reaches whom</h2>\n<table>\n<tr><th>from</th><th>to</th>")
	for _, n := range r.needs {
		fmt.Fprintf(b, "<th>%s</th>", esc(needLabel(n)))
	}
	b.WriteString("</tr>\n")
	for _, bl := range r.Blocks {
		fmt.Fprintf(b, "<tr><td>%s</td><td>%s</td>", esc(some(bl.From)), esc(some(bl.To)))
		for _, n := range r.needs {
			i := slices.IndexFunc(bl.Outcomes, func(o Outcome) bool { return o.Need == n.String() })
			if i < 0 {
				b.WriteString("<td>-</td>")
				continue
			}
			fmt.Fprintf(b, "<td class=\"%s\">%s</td>", class(bl.Outcomes[i].status), esc(bl.Outcomes[i].cell()))
		}
		b.WriteString("</tr>\n")
	}
	b.WriteString("</table>\n")
}

func (r *Report) htmlPeers(b *strings.Builder) {
	b.WriteString("<h2>Peers</h2>\n<details><summary>addresses, interfaces and groups</summary>\n<table>\n<tr><th>peer</th><th>address</th><th>interface</th><th>subnet</th><th>groups</th></tr>\n")
	for _, p := range r.Peers {
		fmt.Fprintf(b, "<tr><td>%s</td><td>%s</td><td>%s</td><td>%s</td><td>%s</td></tr>\n", esc(p.Name), esc(p.Address), esc(p.ENI), esc(p.Subnet), esc(strings.Join(p.Groups, ", ")))
	}
	b.WriteString("</table></details>\n")
}
