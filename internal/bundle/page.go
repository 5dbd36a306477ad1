package bundle

import (
	"cmp"
	"fmt"
	"html"
	"maps"
	"regexp"
	"slices"
	"strings"

	"muster/check"
	"muster/internal/base/fix"
	"muster/internal/host/dockerapi"
	"muster/internal/redact"
	"muster/internal/report/ports"
	"muster/internal/term"
)

// page returns the HTML report: a single file that loads and runs nothing. Like the page of package ports, it does not
// use html/template.
func (s Source) page(m Manifest, st story) string {
	var b strings.Builder
	name := cmp.Or(s.InstanceID, "an instance")
	b.WriteString("<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n" +
		"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\">\n")
	fmt.Fprintf(&b, "<title>%s</title>\n<style>%s%s</style>\n<body>\n", esc("muster debug: "+name), ports.Style, style)
	fmt.Fprintf(&b, "<h1>%s</h1>\n<p class=\"sum\">muster %s, %s</p>\n", esc("muster debug: "+name), esc(s.Version),
		esc(m.At.Format("2006-01-02 15:04:05 MST")))
	s.htmlCauses(&b)
	s.htmlTimeline(&b, st.moments)
	s.htmlChecks(&b)
	if s.Ports != nil {
		// Lower the headings by one level. Text from other sources cannot match, because its tags are escaped.
		section := strings.NewReplacer("<h2>", "<h3>", "</h2>", "</h3>").Replace(s.Ports.Section())
		fmt.Fprintf(&b, "<h2>Ports of %s</h2>\n<div class=\"wide\">%s</div>\n", esc(s.Ports.Scope), section)
	}
	htmlContainers(&b, st.containers)
	m.html(&b)
	b.WriteString("</body>\n</html>\n")
	return b.String()
}

const style = `h3{font-size:1rem;margin:1.4rem 0 .4rem}code{font-size:.9em;overflow-wrap:anywhere}td,p,li{overflow-wrap:anywhere}.wide{overflow-x:auto}.wide td{min-width:5rem}
.cause{border:1px solid var(--line);border-left:6px solid var(--bad);border-radius:6px;padding:.2rem 1rem;margin:1rem 0}.cause h2{margin:.6rem 0;font-size:1.2rem}
.well{border-left-color:var(--good)}details{margin:.2rem 0}summary{cursor:pointer}.badge{display:inline-block;min-width:4.4em;margin-right:.6em;font-weight:600}
.s-pass{color:var(--good)}.s-fail{color:var(--bad)}.s-warn,.s-unknown{color:var(--odd)}.s-skip{color:var(--dim)}.dim{color:var(--dim)}
.check{border-bottom:1px solid var(--line);padding:.35rem 0}.check>summary{list-style:none}.check>summary::-webkit-details-marker{display:none}.check .in{padding:0 0 .4rem 5rem}
.time{list-style:none;padding:0;border-left:2px solid var(--line);margin-left:.4rem}.time li{position:relative;padding:.12rem 0 .12rem 1rem;display:grid;grid-template-columns:4.6rem 5.2rem 8rem 1fr;gap:.6rem}
.time li:before{content:"";position:absolute;left:-6px;top:.55rem;width:10px;height:10px;border-radius:50%;background:var(--dim)}.time .ill:before{background:var(--bad)}.time .ill .said{color:var(--bad)}
.time .since,.time .who{color:var(--dim)}.time .gap{display:block;color:var(--dim)}
@media(max-width:40rem){body{margin:1rem auto}.time li{grid-template-columns:auto auto 1fr}.time .said{grid-column:1/-1}.check .in{padding-left:0}.badge{min-width:0}td,th{padding:.3rem .4rem}}
@media print{details::details-content{content-visibility:visible;display:block}body{margin:0;max-width:none}h2,h3{break-after:avoid}.cause,.check,li{break-inside:avoid}}
`

// esc escapes text for HTML. It keeps line breaks, because redaction rules do not match beyond the end of a line.
func esc(s string) string { return term.HTML(s) }

func lines(all []string) string { return esc(strings.Join(all, "\n")) }

func (s Source) htmlCauses(b *strings.Builder) {
	causes := check.Causes(s.Results)
	if len(causes) == 0 {
		fmt.Fprintf(b, "<div class=\"cause well\"><h2>Nothing failed</h2><p>%s</p></div>\n", esc(tally(s.Results)))
	}
	for i, c := range causes {
		head := "The most likely cause"
		if i > 0 {
			head = "Also"
		}
		fmt.Fprintf(b, "<div class=\"cause\"><h2>%s: %s</h2>\n", head, esc(c.Summary))
		htmlFinding(b, c.Finding)
		if len(c.Symptoms) > 0 {
			fmt.Fprintf(b, "<p class=\"dim\">It explains %s.</p>\n", esc(strings.Join(c.Symptoms, ", ")))
		}
		b.WriteString("</div>\n")
	}
}

// tally returns text such as "12 pass, 1 unknown".
func tally(results []check.Result) string {
	counts := map[check.Status]int{}
	for _, r := range results {
		counts[r.Status]++
	}
	var parts []string
	for _, status := range slices.Backward(check.Statuses()) {
		if n := counts[status]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, status))
		}
	}
	return cmp.Or(strings.Join(parts, ", "), "no check was run")
}

func htmlFinding(b *strings.Builder, f check.Finding) {
	if len(f.Evidence) > 0 {
		fmt.Fprintf(b, "<pre>%s</pre>\n", lines(f.Evidence))
	}
	if f.Fix.Text != "" {
		fmt.Fprintf(b, "<p>%s</p>\n", esc(f.Fix.Text))
	}
	if len(f.Fix.Commands) > 0 {
		fmt.Fprintf(b, "<pre>%s</pre>\n", lines(f.Fix.Commands))
	}
}

func (s Source) htmlChecks(b *strings.Builder) {
	if len(s.Results) == 0 {
		return
	}
	fmt.Fprintf(b, "<h2>Checks</h2>\n<p class=\"sum\">%s</p>\n", esc(tally(s.Results)))
	worst := slices.Clone(s.Results) // first
	order := []check.Status{check.Fail, check.Warn, check.Unknown, check.Skip, check.Pass}
	slices.SortStableFunc(worst, func(a, b check.Result) int { return slices.Index(order, a.Status) - slices.Index(order, b.Status) })
	groups := slices.Clone(check.Groups())
	first := func(g check.Group) int {
		return slices.IndexFunc(worst, func(r check.Result) bool { return r.Group == g })
	}
	slices.SortStableFunc(groups, func(a, b check.Group) int { return first(a) - first(b) })
	for _, group := range groups {
		head := "<h3>" + esc(string(group)) + "</h3>\n"
		for _, r := range worst {
			if r.Group == group {
				b.WriteString(head)
				head = ""
				s.htmlCheck(b, r)
			}
		}
	}
}

func (s Source) htmlCheck(b *strings.Builder, r check.Result) {
	open := ""
	if r.Status == check.Fail || r.Status == check.Warn {
		open = " open"
	}
	fmt.Fprintf(b,
		"<details class=\"check\"%s><summary><span class=\"badge s-%s\">%s</span>%s <code class=\"dim\">%s</code></summary>\n<div class=\"in\">\n",
		open, esc(string(r.Status)), esc(string(r.Status)), esc(r.Title), esc(r.ID))
	for _, f := range r.Findings {
		fmt.Fprintf(b, "<p><span class=\"s-%s\">%s</span> %s", esc(string(f.Status)), esc(string(f.Status)), esc(f.Summary))
		if len(f.Under) > 0 {
			fmt.Fprintf(b, " <span class=\"dim\">(because of %s)</span>", esc(strings.Join(f.Under, ", ")))
			f.Fix = fix.Fix{} // it may be wrong while the cause lasts
		}
		b.WriteString("</p>\n")
		htmlFinding(b, f)
	}
	if text := s.pageOf(r); text != "" {
		fmt.Fprintf(b, "<details><summary>More about this check</summary><pre>%s</pre></details>\n", lines(strings.Split(text, "\n")))
	}
	b.WriteString("</div></details>\n")
}

// pageOf returns the documentation page of a check that found a problem.
func (s Source) pageOf(r check.Result) string {
	if s.Page == nil || r.Status == check.Pass || r.Status == check.Skip {
		return ""
	}
	return s.Page(r.ID)
}

func htmlContainers(b *strings.Builder, all []dockerapi.Container) {
	if len(all) == 0 {
		return
	}
	b.WriteString("<h2>Containers</h2>\n<div class=\"wide\"><table>\n<tr><th>name</th><th>network</th><th>ports</th><th>labels of ECS</th></tr>\n")
	for _, c := range all {
		var published, labels []string
		for _, p := range c.Bindings {
			published = append(published, fmt.Sprintf("%s to %d/%s", p.Host, p.ContainerPort, p.Protocol))
		}
		for _, key := range slices.Sorted(maps.Keys(c.Labels)) {
			labels = append(labels, strings.TrimPrefix(key, "com.amazonaws.ecs.")+"="+redact.Value(key, c.Labels[key]))
		}
		fmt.Fprintf(b, "<tr><td>%s<br><code class=\"dim\">%s</code></td><td>%s</td><td>%s</td><td>%s</td></tr>\n",
			esc(c.Name), esc(c.ID[:min(12, len(c.ID))]), esc(c.NetworkMode), esc(strings.Join(published, ", ")), esc(strings.Join(labels, ", ")))
	}
	b.WriteString("</table></div>\n")
}

func (m Manifest) html(b *strings.Builder) {
	b.WriteString("<h2>What is in this bundle</h2>\n<div class=\"wide\"><table>\n<tr><th>file</th><th>bytes</th><th>from</th><th>masked</th></tr>\n")
	for _, f := range m.Files {
		cut := ""
		if f.Cut {
			cut = ", only its end"
		}
		var masked []string
		for _, id := range slices.Sorted(maps.Keys(f.Masked)) {
			masked = append(masked, fmt.Sprintf("%s %d", id, f.Masked[id]))
		}
		fmt.Fprintf(b, "<tr><td>%s</td><td>%d</td><td>%s%s</td><td>%s</td></tr>\n", esc(f.Name), f.Size, esc(f.Source), cut,
			esc(strings.Join(masked, ", ")))
	}
	b.WriteString("</table></div>\n")
	for _, f := range m.Failed {
		fmt.Fprintf(b, "<p class=\"note\">not collected: %s: %s</p>\n", esc(f.Collector), esc(f.Error))
	}
	b.WriteString("<h3>What was left out</h3>\n<ul>\n")
	for _, o := range m.LeftOut {
		fmt.Fprintf(b, "<li>%s <code class=\"dim\">%s</code></li>\n", esc(o.What), esc(o.Rule))
	}
	b.WriteString("</ul>\n")
}

// textNode matches the text between two tags.
var textNode = regexp.MustCompile(`>([^<]+)<`)

// maskMarkup masks secrets in the text of a page, after its head.
func maskMarkup(f *redact.Filter, page []byte) []byte {
	head, body, found := strings.Cut(string(page), "<body>")
	if !found {
		return []byte(f.Text(string(page)))
	}
	body = textNode.ReplaceAllStringFunc(body, func(node string) string {
		return ">" + html.EscapeString(f.Apart(html.UnescapeString(node[1:len(node)-1]))) + "<"
	})
	return []byte(head + "<body>" + body)
}
