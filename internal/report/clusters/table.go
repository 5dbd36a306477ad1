package clusters

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"muster/internal/base/plural"
	"muster/internal/fleet/inventory"
	"muster/internal/fleet/verdict"
	"muster/internal/term"
)

// shownInstances is the maximum number of instances in a table. Those with a problem come first.
const shownInstances = 40

// unknownCell marks a value that could not be read because a permission is missing. The problem names the IAM action.
const unknownCell = "?"

// Table writes the clusters as text: the verdict, the problems, then the tables. Times are in UTC. Times that users
// plan by are also in zone.
func (d Document) Table(out io.Writer, style term.Style, zone *time.Location) error {
	p := printer{term.NewPrinter(out, style)}
	for n, c := range d.Clusters {
		if n > 0 {
			p.Blank()
		}
		p.cluster(d, c, zone)
	}
	if len(d.Clusters) == 0 {
		p.Line("no clusters in " + d.Region)
	}
	if d.Wait != nil && d.Wait.Met {
		p.Blank()
		p.Line(fmt.Sprintf("back after %s: everything that was waited for is there", time.Duration(d.Wait.Seconds)*time.Second))
	}
	return p.Err()
}

var colors = map[string]string{string(verdict.Fail): term.Red, string(verdict.Warn): term.Yellow, string(verdict.Unknown): term.Magenta}

func (p printer) cluster(d Document, c Cluster, zone *time.Location) {
	first := c.Verdict
	if len(d.Clusters) > 1 {
		first = c.Name + ": " + first
	}
	color := colors[c.Status]
	if color == "" {
		color = term.Green
	}
	p.Title(color, first)
	for n, problem := range c.Problems {
		if n > 0 || problem.Status == string(verdict.Info) {
			p.Blank()
			p.Title(colors[problem.Status], label(problem.Status)+problem.Summary)
		}
		p.Labelled("why", problem.Why...)
		p.Fix(problem.Fix)
	}
	p.Blank()
	p.Line(fmt.Sprintf("cluster %s in %s: %s, %s, %s, %s", c.Name, d.Region,
		c.count(inventory.PartInstances, len(c.Instances), "instance"), c.count(inventory.PartServices, len(c.Services), "service"),
		c.count(inventory.PartGroups, len(c.Groups), "group"), plural.Count(c.Calls, "call")))
	for _, note := range c.Notes {
		p.Note(note)
	}
	p.instances(d, c)
	p.services(c)
	p.groups(c, zone)
	p.ports(c)
}

func label(status string) string {
	words := map[verdict.Status]string{verdict.Fail: "Problem: ", verdict.Warn: "Warning: ", verdict.Unknown: "Unknown: "}
	return words[verdict.Status(status)]
}

func (p printer) instances(d Document, c Cluster) {
	if c.missing(p, "INSTANCES", inventory.PartInstances) || len(c.Instances) == 0 {
		return
	}
	p.Blank()
	shown := slices.Clone(c.Instances)
	slices.SortStableFunc(shown, func(a, b Instance) int { return order(b.Verdict) - order(a.Verdict) })
	more := max(0, len(shown)-shownInstances)
	shown = shown[:len(shown)-more]
	columns := []column{
		{head: "INSTANCE"}, {head: "ZONE"}, {head: "TYPE", rank: 6}, {head: "STATUS", rank: 5}, {head: "CONNECTED", rank: 3},
		{head: "AGENT", rank: 7}, {head: "MUSTER", rank: 8}, {head: "TASKS", rank: 1, right: true}, {head: "FREE CPU", rank: 1, right: true},
		{head: "FREE MIB", rank: 1, right: true}, {head: "AGE", rank: 4, right: true}, {head: "WRONG"},
	}
	var paint []string
	for _, i := range shown {
		for n, cell := range []string{i.ID, i.Zone, i.Type, strings.ToLower(i.Status), yesNo(i.Connected), i.Agent, i.muster(),
			tasks(i.Running, i.Pending),
			strconv.Itoa(i.FreeCPU), strconv.Itoa(i.FreeMemory), c.age(d.At, i), i.Wrong} {
			columns[n].cells = append(columns[n].cells, cell)
		}
		paint = append(paint, colors[i.Verdict])
	}
	if left := p.columns(columns, paint); c.unpublished() && !slices.Contains(left, "muster") {
		p.Labelled("muster ?", unpublishedText)
	}
	if more > 0 {
		p.Line(fmt.Sprintf("and %s; --output json lists all", plural.Count(more, "more instance")))
	}
}

// muster returns the version of muster-agent, if it runs on such an instance.
func (i Instance) muster() string {
	if i.Muster == "" && i.Kind == string(inventory.EC2) {
		return unknownCell
	}
	return i.Muster
}

const unpublishedText = "the version is not published; muster bootstrap --publish-version makes muster-agent publish it"

// unpublished reports whether the version of muster is unknown for an instance.
func (c Cluster) unpublished() bool {
	return slices.ContainsFunc(c.Instances, func(i Instance) bool { return i.muster() == unknownCell })
}

func order(status string) int {
	return slices.Index([]string{"pass", "info", "unknown", "warn", "fail"}, status)
}

func (c Cluster) age(at time.Time, i Instance) string {
	switch {
	case i.Launched != nil:
		return verdict.Age(at.Sub(*i.Launched))
	case c.unread[inventory.PartEC2] != "":
		return unknownCell
	}
	return ""
}

// missing writes one line instead of a table that could not be read. It returns false if the part was read.
func (c Cluster) missing(p printer, head string, part inventory.Part) bool {
	why, missing := c.unread[part]
	if missing {
		p.Blank()
		p.Line(head + " unknown: " + why)
	}
	return missing
}

func (p printer) services(c Cluster) {
	if c.missing(p, "SERVICES", inventory.PartServices) || len(c.Services) == 0 {
		return
	}
	p.Blank()
	columns := []column{
		{
			head: "SERVICE",
		}, {head: "RUNNING", right: true}, {head: "PENDING", rank: 4, right: true}, {head: "TASK DEFINITION", rank: 7}, {head: "ZONES", rank: 1},
		{
			head:  "SKEW",
			rank:  2,
			right: true,
		}, {head: "DEPLOYMENT", rank: 3}, {head: "BREAKER", rank: 6}, {head: "REBALANCING", rank: 5}, {head: "WRONG"},
	}
	var paint []string
	for _, s := range c.Services {
		spread, skew := s.spread, unknownCell
		if s.Skew != nil {
			skew = strconv.Itoa(*s.Skew)
		} else {
			spread = unknownCell
		}
		for n, cell := range []string{s.Name, fmt.Sprintf("%d/%d", s.Running, s.Desired), strconv.Itoa(s.Pending), s.Definition, spread, skew,
			strings.ToLower(strings.ReplaceAll(s.Rollout, "_", " ")), onOff(s.Breaker), strings.ToLower(s.Rebalancing), s.Wrong} {
			columns[n].cells = append(columns[n].cells, cell)
		}
		paint = append(paint, colors[s.Verdict])
	}
	p.columns(columns, paint)
	for _, s := range c.Services {
		if s.Skew != nil && *s.Skew > 1 && !s.SkewMatters {
			p.Labelled("skew", s.Name+": "+s.SkewWhy)
		}
	}
}

func (p printer) groups(c Cluster, zone *time.Location) {
	if c.missing(p, "GROUPS", inventory.PartGroups) || len(c.Groups) == 0 {
		return
	}
	p.Blank()
	columns := []column{
		{head: "GROUP"}, {head: "MIN", rank: 2, right: true}, {head: "DESIRED", right: true}, {head: "MAX", rank: 2, right: true},
		{
			head:  "IN SERVICE",
			right: true,
		}, {head: "WARM POOL", rank: 3, right: true}, {head: "CAPACITY PROVIDER", rank: 4}, {head: "SUSPENDED", rank: 1}, {head: "WRONG"},
	}
	var paint []string
	for _, g := range c.Groups {
		warm := ""
		if g.WarmPool != nil {
			warm = strconv.Itoa(*g.WarmPool)
		}
		for n, cell := range []string{g.Name, strconv.Itoa(g.Min), strconv.Itoa(g.Desired), strconv.Itoa(g.Max), strconv.Itoa(g.InService), warm,
			g.Provider, strings.Join(g.Suspended, ", "), g.Wrong} {
			columns[n].cells = append(columns[n].cells, cell)
		}
		paint = append(paint, colors[g.Verdict])
	}
	p.columns(columns, paint)
	for _, g := range c.Groups {
		p.schedule(g, zone)
	}
	for _, part := range []inventory.Part{inventory.PartScheduled, inventory.PartActivities} {
		if why := c.unread[part]; why != "" {
			p.Labelled("unknown", fmt.Sprintf("%s: %s", part, why))
		}
	}
}

// shownRuns is the maximum number of listed scheduled actions of a group.
const shownRuns = 4

// schedule writes the next scheduled actions of a group, and its failed activities.
func (p printer) schedule(g Group, zone *time.Location) {
	if s := g.Sleep; s != nil {
		text := g.Name + ": "
		if s.Since != nil {
			text += "since " + both(*s.Since, zone) + " by " + s.By
		} else {
			text += s.Cause
		}
		p.Labelled("asleep", text)
		if s.Wakes != nil {
			p.Labelled("wakes", fmt.Sprintf("%s: %s by the scheduled action %s", g.Name, both(*s.Wakes, zone), s.Action))
		}
		if s.NoWake != "" {
			p.Labelled("wakes", g.Name+": "+s.NoWake)
		}
	}
	for n, r := range g.Next {
		if n == shownRuns {
			p.Labelled("", fmt.Sprintf("and %s; --output json lists all", plural.Count(len(g.Next)-n, "more scheduled action")))
			break
		}
		text := g.Name + ": "
		if r.At != nil {
			text += both(*r.At, zone) + " "
		}
		text += r.Action + " sets " + r.Sets
		if r.Problem != "" {
			text += "; " + r.Problem
		}
		p.Labelled("next", text)
	}
	if f := g.LastFailed; f != nil {
		p.Labelled("failed", fmt.Sprintf("%s: %s %s", g.Name, both(f.At, zone), f.Message))
	}
}

func (p printer) ports(c Cluster) {
	if c.Ports == nil {
		return
	}
	var parts []string
	for _, status := range []string{"BLOCKED", "MISSING", "STALE", "UNKNOWN", "OPEN"} {
		if n := c.Ports.Counts[status]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, strings.ToLower(status)))
		}
	}
	if len(parts) == 0 {
		parts = []string{"no pair to check"}
	}
	p.Blank()
	p.Print("PORTS  " + p.Wrap(len("PORTS  "), p.Text(strings.Join(parts, ", ")+"; muster ports --cluster "+c.Name+" has the matrix")) + "\n")
}

// both formats a time in UTC and in the reader's time zone.
func both(t time.Time, zone *time.Location) string {
	return verdict.Stamp(t) + " (" + t.In(zone).Format("Mon 15:04 MST") + ")"
}

func tasks(running, pending int) string {
	if pending > 0 {
		return fmt.Sprintf("%d+%d", running, pending)
	}
	return strconv.Itoa(running)
}

func yesNo(yes bool) string {
	if yes {
		return "yes"
	}
	return "no"
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

// count returns the number with its noun, or "? groups" for a part that could not be read.
func (c Cluster) count(part inventory.Part, n int, what string) string {
	if n == 0 && c.unread[part] != "" {
		return unknownCell + " " + what + "s"
	}
	return plural.Count(n, what)
}
