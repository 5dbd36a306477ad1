package bundle

import (
	"cmp"
	_ "embed"
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
	"muster/internal/report/page"
)

//go:embed page.css
var style string

// html returns the HTML report: a single file that loads and runs nothing.
func (s Source) html(m Manifest, st story) string {
	var b strings.Builder
	fmt.Fprintf(&b, "<p class=\"sum\">muster %s, %s</p>\n", esc(s.Version), esc(m.At.Format("2006-01-02 15:04:05 MST")))
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
	return page.HTML("muster debug: "+cmp.Or(s.InstanceID, "an instance"), b.String(), style)
}

// esc escapes text for HTML. It keeps line breaks, because redaction rules do not match beyond the end of a line.
func esc(s string) string { return page.Text(s) }

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
		fmt.Fprintf(b, "<pre>%s</pre>\n", page.Lines(f.Evidence))
	}
	page.Fix(b, f.Fix)
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
		"<details class=\"check\"%s><summary><span class=\"badge s-%s\">%s</span>%s <code class=\"dim\">%s</code></summary>\n<div "+
			"class=\"in\">\n",
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
		fmt.Fprintf(b, "<details><summary>More about this check</summary><pre>%s</pre></details>\n", esc(text))
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
	var rows [][]page.Cell
	for _, c := range all {
		var published, labels []string
		for _, p := range c.Bindings {
			published = append(published, fmt.Sprintf("%s to %d/%s", p.Host, p.ContainerPort, p.Protocol))
		}
		for _, key := range slices.Sorted(maps.Keys(c.Labels)) {
			labels = append(labels, strings.TrimPrefix(key, "com.amazonaws.ecs.")+"="+redact.Value(key, c.Labels[key]))
		}
		name := fmt.Sprintf("%s<br><code class=\"dim\">%s</code>", esc(c.Name), esc(c.ID[:min(12, len(c.ID))]))
		rows = append(rows, append([]page.Cell{{HTML: name}},
			page.Cells(c.NetworkMode, strings.Join(published, ", "), strings.Join(labels, ", "))...))
	}
	b.WriteString("<h2>Containers</h2>\n")
	page.Table(b, []string{"name", "network", "ports", "labels of ECS"}, rows)
}

func (m Manifest) html(b *strings.Builder) {
	var rows [][]page.Cell
	for _, f := range m.Files {
		cut := ""
		if f.Cut {
			cut = ", only its end"
		}
		var masked []string
		for _, id := range slices.Sorted(maps.Keys(f.Masked)) {
			masked = append(masked, fmt.Sprintf("%s %d", id, f.Masked[id]))
		}
		rows = append(rows, page.Cells(f.Name, fmt.Sprint(f.Size), f.Source+cut, strings.Join(masked, ", ")))
	}
	b.WriteString("<h2>What is in this bundle</h2>\n")
	page.Table(b, []string{"file", "bytes", "from", "masked"}, rows)
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
