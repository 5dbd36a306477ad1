package clusters

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"muster/internal/fleet/verdict"
	"muster/internal/report/junit"
	"muster/internal/report/page"
	"muster/internal/term"
)

// HTML writes the clusters as one page that works without a network and without scripts.
func (d Document) HTML(out io.Writer, zone *time.Location) error {
	var b strings.Builder
	title := "Clusters in " + d.Region
	if len(d.Clusters) == 1 {
		title = "Cluster " + d.Clusters[0].Name + " in " + d.Region
	}
	fmt.Fprintf(&b, "<p class=\"sum\">%s</p>\n", verdict.Stamp(d.At))
	for _, c := range d.Clusters {
		c.html(&b, zone)
	}
	_, err := io.WriteString(out, page.HTML(title, b.String(), ""))
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
	fmt.Fprintf(b, "<h2>%s</h2>\n<p><strong class=\"%s\">%s</strong></p>\n", page.Text(c.Name), class(c.Status), page.Text(c.Verdict))
	c.htmlProblems(b)
	for _, u := range c.Unread {
		fmt.Fprintf(b, "<p class=\"note\">%s unknown: %s %s</p>\n", page.Text(u.Part), page.Text(u.Action), page.Text(u.Reason))
	}
	for _, note := range c.Notes {
		fmt.Fprintf(b, "<p class=\"note\">%s</p>\n", page.Text(note))
	}
	c.htmlTables(b)
	c.htmlGroups(b, zone)
}

func (c Cluster) htmlProblems(b *strings.Builder) {
	for _, p := range c.Problems {
		fmt.Fprintf(b, "<div class=\"p %s\"><p><strong>%s</strong> %s</p>\n", class(p.Status), page.Text(p.Status), page.Text(p.Summary))
		for _, why := range p.Why {
			fmt.Fprintf(b, "<p>%s</p>\n", page.Text(why))
		}
		page.Fix(b, p.Fix)
		b.WriteString("</div>\n")
	}
}

func (c Cluster) htmlTables(b *strings.Builder) {
	var rows [][]string
	for _, i := range c.Instances {
		rows = append(rows, []string{i.ID, i.Zone, i.Type, i.Status, yesNo(i.Connected), i.Agent, i.muster(), tasks(i.Running, i.Pending),
			fmt.Sprintf("%d of %d", i.FreeCPU, i.CPU), fmt.Sprintf("%d of %d", i.FreeMemory, i.Memory), i.Verdict, i.Wrong})
	}
	grid(b, "Instances", "instance, zone, type, status, connected, agent, muster, tasks, free CPU, free MiB, verdict, wrong", rows)
	if c.unpublished() {
		fmt.Fprintf(b, "<p class=\"note\">muster ?: %s</p>\n", unpublishedText)
	}
	rows = nil
	for _, s := range c.Services {
		skew := unknownCell
		if s.Skew != nil {
			skew = strconv.Itoa(*s.Skew)
		}
		rows = append(rows, []string{s.Name, fmt.Sprintf("%d of %d", s.Running, s.Desired), strconv.Itoa(s.Pending), s.Definition, s.spread,
			skew, s.SkewWhy, s.Rollout, onOff(s.Breaker), s.Verdict, s.Wrong})
	}
	grid(b, "Services", "service, running, pending, task definition, zones, skew, why, deployment, circuit breaker, verdict, wrong", rows)
}

func (c Cluster) htmlGroups(b *strings.Builder, zone *time.Location) {
	var rows [][]string
	for _, g := range c.Groups {
		var lines strings.Builder
		printer{term.NewPrinter(&lines, term.Style{UTF8: true})}.schedule(g, zone)
		rows = append(rows, []string{g.Name, strconv.Itoa(g.Min), strconv.Itoa(g.Desired), strconv.Itoa(g.Max), strconv.Itoa(g.InService),
			strings.Join(g.Suspended, ", "), strings.TrimSpace(lines.String()), g.Verdict, g.Wrong})
	}
	grid(b, "Auto Scaling groups", "group, min, desired, max, in service, suspended, schedule, verdict, wrong", rows)
}

// grid writes a table. heads is a list with commas.
func grid(b *strings.Builder, title, heads string, rows [][]string) {
	if len(rows) == 0 {
		return
	}
	names := strings.Split(heads, ", ")
	cells := make([][]page.Cell, len(rows))
	for n, row := range rows {
		for k, text := range row {
			cell := page.Cell{HTML: strings.ReplaceAll(page.Text(text), "\n", "<br>")}
			switch {
			case names[k] == "verdict":
				cell.Class = class(text)
			case len(text) < 40:
				cell.Class = "id"
			}
			cells[n] = append(cells[n], cell)
		}
	}
	fmt.Fprintf(b, "<h2>%s</h2>\n", title)
	page.Table(b, names, cells)
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
