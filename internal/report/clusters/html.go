package clusters

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"muster/internal/fleet/verdict"
	"muster/internal/report/junit"
	"muster/internal/report/ports"
	"muster/internal/term"
)

// HTML writes the clusters as one page that works without a network and without scripts, in the style of the muster
// ports page.
func (d Document) HTML(out io.Writer, zone *time.Location) error {
	var b strings.Builder
	title := term.HTML("Clusters in " + d.Region)
	if len(d.Clusters) == 1 {
		title = term.HTML("Cluster " + d.Clusters[0].Name + " in " + d.Region)
	}
	fmt.Fprintf(
		&b,
		"<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width\">\n"+
			"<title>%s</title>\n<style>%s</style>\n<h1>%s</h1>\n<p class=\"sum\">%s</p>\n",
		title,
		ports.Style,
		title,
		verdict.Stamp(d.At),
	)
	for _, c := range d.Clusters {
		c.html(&b, zone)
	}
	b.WriteString("</html>\n")
	_, err := io.WriteString(out, b.String())
	return err
}

// class returns the CSS class of a status. The status is always written as text too, so that color is never the only
// sign.
func class(status string) string {
	switch verdict.Status(status) {
	case verdict.Fail, verdict.Warn:
		return "bad"
	case verdict.Unknown:
		return "unknown"
	}
	return "open"
}

func (c Cluster) html(b *strings.Builder, zone *time.Location) {
	fmt.Fprintf(b, "<h2>%s</h2>\n<p><strong class=\"%s\">%s</strong></p>\n", term.HTML(c.Name), class(c.Status), term.HTML(c.Verdict))
	c.htmlProblems(b)
	for _, u := range c.Unread {
		fmt.Fprintf(b, "<p class=\"note\">%s unknown: %s %s</p>\n", term.HTML(u.Part), term.HTML(u.Action), term.HTML(u.Reason))
	}
	for _, note := range c.Notes {
		fmt.Fprintf(b, "<p class=\"note\">%s</p>\n", term.HTML(note))
	}
	c.htmlTables(b)
	c.htmlGroups(b, zone)
}

func (c Cluster) htmlProblems(b *strings.Builder) {
	for _, p := range c.Problems {
		fmt.Fprintf(b, "<div class=\"p %s\"><p><strong>%s</strong> %s</p>\n", class(p.Status), term.HTML(p.Status), term.HTML(p.Summary))
		for _, why := range p.Why {
			fmt.Fprintf(b, "<p>%s</p>\n", term.HTML(why))
		}
		if p.Fix.Text != "" {
			fmt.Fprintf(b, "<p>%s</p>\n", term.HTML(p.Fix.Text))
		}
		if len(p.Fix.Commands) > 0 {
			fmt.Fprintf(b, "<pre>%s</pre>\n", term.HTML(strings.Join(p.Fix.Commands, "\n")))
		}
		b.WriteString("</div>\n")
	}
}

func (c Cluster) htmlTables(b *strings.Builder) {
	var rows [][]string
	for _, i := range c.Instances {
		rows = append(rows, []string{i.ID, i.Zone, i.Type, i.Status, yesNo(i.Connected), i.Agent, i.muster(), tasks(i.Running, i.Pending),
			fmt.Sprintf("%d of %d", i.FreeCPU, i.CPU), fmt.Sprintf("%d of %d", i.FreeMemory, i.Memory), i.Verdict, i.Wrong})
	}
	grid(
		b,
		"Instances",
		[]string{"instance", "zone", "type", "status", "connected", "agent", "muster", "tasks", "free CPU", "free MiB", "verdict", "wrong"},
		rows,
	)
	if c.unpublished() {
		fmt.Fprintf(b, "<p class=\"note\">muster ?: %s</p>\n", unpublishedText)
	}
	rows = nil
	for _, s := range c.Services {
		skew := unknownCell
		if s.Skew != nil {
			skew = strconv.Itoa(*s.Skew)
		}
		rows = append(
			rows,
			[]string{s.Name, fmt.Sprintf("%d of %d", s.Running, s.Desired), strconv.Itoa(s.Pending), s.Definition, s.spread, skew,
				s.SkewWhy, s.Rollout, onOff(s.Breaker), s.Verdict, s.Wrong},
		)
	}
	grid(
		b,
		"Services",
		[]string{
			"service",
			"running",
			"pending",
			"task definition",
			"zones",
			"skew",
			"why",
			"deployment",
			"circuit breaker",
			"verdict",
			"wrong",
		},
		rows,
	)
}

func (c Cluster) htmlGroups(b *strings.Builder, zone *time.Location) {
	var rows [][]string
	for _, g := range c.Groups {
		var lines strings.Builder
		printer{term.NewPrinter(&lines, term.Style{UTF8: true})}.schedule(g, zone)
		rows = append(rows, []string{g.Name, strconv.Itoa(g.Min), strconv.Itoa(g.Desired), strconv.Itoa(g.Max), strconv.Itoa(g.InService),
			strings.Join(g.Suspended, ", "), strings.TrimSpace(lines.String()), g.Verdict, g.Wrong})
	}
	grid(
		b,
		"Auto Scaling groups",
		[]string{"group", "min", "desired", "max", "in service", "suspended", "schedule", "verdict", "wrong"},
		rows,
	)
}

func grid(b *strings.Builder, title string, heads []string, rows [][]string) {
	if len(rows) == 0 {
		return
	}
	fmt.Fprintf(b, "<h2>%s</h2>\n<table>\n<tr>", title)
	for _, h := range heads {
		fmt.Fprintf(b, "<th>%s</th>", h)
	}
	b.WriteString("</tr>\n")
	for _, row := range rows {
		b.WriteString("<tr>")
		for n, cell := range row {
			style := ""
			if heads[n] == "verdict" {
				style = " class=\"" + class(cell) + "\""
			}
			fmt.Fprintf(b, "<td%s>%s</td>", style, strings.ReplaceAll(term.HTML(cell), "\n", "<br>"))
		}
		b.WriteString("</tr>\n")
	}
	b.WriteString("</table>\n")
}

// JUnit writes one test case for each problem, and one for each cluster, service and group without a problem. A run
// whose exit code is not 0 has a failed test case.
func (d Document) JUnit(out io.Writer) error {
	s := junit.Suite{Name: "muster fleet", At: d.At}
	for _, c := range d.Clusters {
		for _, p := range c.Problems {
			one := junit.Case{Group: c.Name, Name: p.ID + ": " + p.Summary, Message: p.Summary, Text: p.text()}
			switch verdict.Status(p.Status) {
			case verdict.Fail:
				one.Status = junit.Failed
			case verdict.Unknown:
				one.Status = junit.Skipped
				if c.ExitCode != 0 {
					one.Status = junit.Errored
				}
			}
			s.Cases = append(s.Cases, one)
		}
		s.Cases = append(s.Cases, junit.Case{Group: c.Name, Name: "cluster", Status: caseStatus(c), Message: c.Verdict, Text: c.Verdict})
	}
	return s.Write(out)
}

func caseStatus(c Cluster) junit.Status {
	switch verdict.Status(c.Status) {
	case verdict.Fail:
		return junit.Failed
	case verdict.Unknown:
		return junit.Errored
	}
	return junit.Passed
}

func (p Problem) text() string {
	return strings.Join(append(append([]string{p.Status + ": " + p.Summary}, p.Why...), p.Fix.Lines()...), "\n")
}
