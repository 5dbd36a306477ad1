package verdict

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"muster/internal/base/fix"
	"muster/internal/base/plural"
	"muster/internal/fleet/inventory"
	"muster/internal/fleet/schedule"
)

// Sleep describes why and until when a group has no instances. Its desired capacity is 0.
type Sleep struct {
	Since time.Time // zero if unknown
	By    string    // who set the desired capacity to 0; empty if unknown
	Cause string    // the evidence: Auto Scaling's sentence, or why it is missing
	Wake  *Run      // the next scheduled action that raises the capacity; nil if none is known
	// NoWake is the reason why Wake is missing or uncertain.
	NoWake string
	Left   int // number of instances that are still running or being terminated
}

// Run is the next run of a scheduled action.
type Run struct {
	Action    string
	At        time.Time // zero if it never runs again, or if that could not be computed
	Sets      string    // "desired 3, min 0"
	Capacity  int       // minimum desired capacity afterwards
	Unchanged bool      // the action sets no desired capacity
	Problem   string    // why At is unknown, or why the action does not run
}

// runs returns the next runs of a group's scheduled actions, soonest first.
func runs(g *inventory.Group, now time.Time) []Run {
	suspended := slices.Contains(g.Suspended, "ScheduledActions")
	var out []Run
	for _, a := range g.Scheduled {
		run := Run{Action: a.Name, Sets: sets(a)}
		run.Capacity, run.Unchanged = after(g, a)
		run.At, run.Problem = next(a, now)
		if suspended {
			run.Problem = "the process ScheduledActions of this group is suspended"
		}
		out = append(out, run)
	}
	slices.SortStableFunc(out, func(a, b Run) int {
		if a.At.IsZero() != b.At.IsZero() {
			return map[bool]int{true: 1, false: -1}[a.At.IsZero()]
		}
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Action, b.Action))
	})
	return out
}

// next returns the next run of an action. Auto Scaling returns it as the start time. If that has passed since, it is
// computed from the recurrence.
func next(a inventory.ScheduledAction, now time.Time) (at time.Time, problem string) {
	if a.Start.After(now) {
		return a.Start, ""
	}
	if a.Recurrence == "" {
		return time.Time{}, "it ran once, and does not run again"
	}
	cron, err := schedule.ParseCron(a.Recurrence)
	if err != nil {
		return time.Time{}, "could not compute the next run: " + err.Error()
	}
	zone, err := time.LoadLocation(cmp.Or(a.TimeZone, "UTC"))
	if err != nil {
		return time.Time{}, fmt.Sprintf("could not compute the next run: this machine does not know the time zone %s", a.TimeZone)
	}
	at = cron.Next(now, zone)
	switch {
	case at.IsZero():
		return at, fmt.Sprintf("the recurrence %q never comes", a.Recurrence)
	case !a.End.IsZero() && at.After(a.End):
		return time.Time{}, "it ended at " + Stamp(a.End)
	}
	return at, ""
}

// after returns the desired capacity of the group after the action, limited by the minimum and the maximum (EC2 Auto
// Scaling user guide, "Scheduled scaling").
func after(g *inventory.Group, a inventory.ScheduledAction) (capacity int, unchanged bool) {
	low, high, want := g.Min, g.Max, g.Desired
	if a.Min != nil {
		low = *a.Min
	}
	if a.Max != nil {
		high = *a.Max
	}
	if a.Desired != nil {
		want = *a.Desired
	}
	capacity = min(max(want, low), high)
	return capacity, capacity == g.Desired
}

func sets(a inventory.ScheduledAction) string {
	var parts []string
	for _, p := range []struct {
		word string
		n    *int
	}{{"desired", a.Desired}, {"min", a.Min}, {"max", a.Max}} {
		if p.n != nil {
			parts = append(parts, fmt.Sprintf("%s %d", p.word, *p.n))
		}
	}
	return strings.Join(parts, ", ")
}

// sleepOf returns why a group has no capacity, or nil if it has some.
func (e *evaluation) sleepOf(g *inventory.Group, runs []Run) *Sleep {
	if g.Desired > 0 {
		return nil
	}
	s := &Sleep{Left: len(g.Members)}
	e.since(g, s)
	for n := range runs {
		if r := runs[n]; r.Capacity > 0 && !r.At.IsZero() {
			s.Wake = &runs[n]
			s.NoWake = r.Problem
			break
		}
	}
	if s.Wake == nil {
		s.NoWake = e.noWake(g, runs)
	}
	return s
}

// since finds the change to 0 among the scaling activities.
func (e *evaluation) since(g *inventory.Group, s *Sleep) {
	if !g.ActivitiesRead {
		s.Cause = "unknown: its scaling activities were not read"
		if u, missing := e.inv.Missing(inventory.PartActivities); missing {
			s.Cause = "unknown: " + u.Action + " is not allowed"
		}
		return
	}
	var last *schedule.Change
	for _, a := range g.Activities {
		for _, c := range schedule.ParseCause(a.Cause) {
			if c.To == 0 && (last == nil || c.At.After(last.At)) {
				last = &c
			}
		}
	}
	if last == nil {
		s.Cause = "unknown: no scaling activity of the last six weeks set the desired capacity to 0"
		return
	}
	s.Since, s.Cause, s.By = last.At, last.Text, "another cause"
	switch last.By {
	case schedule.ByScheduledAction:
		s.By = "a scheduled action" + e.actionAt(g, last.At)
	case schedule.ByRequest:
		s.By = "a request (a person, a pipeline or EventBridge Scheduler; CloudTrail has the caller)"
	case schedule.ByPolicy:
		s.By = "the scaling policy " + last.Policy
	}
}

// actionAt returns the scheduled action whose recurrence includes this time, because Auto Scaling's sentence does not
// name the action.
func (e *evaluation) actionAt(g *inventory.Group, at time.Time) string {
	const late = 2 * time.Minute
	var fits []string
	for _, a := range g.Scheduled {
		cron, err := schedule.ParseCron(a.Recurrence)
		zone, zoneErr := time.LoadLocation(cmp.Or(a.TimeZone, "UTC"))
		if err != nil || zoneErr != nil {
			continue
		}
		if ran := cron.Next(at.Add(-late), zone); !ran.IsZero() && !ran.After(at) {
			fits = append(fits, a.Name)
		}
	}
	if len(fits) != 1 {
		return ""
	}
	return ", probably " + fits[0]
}

func (e *evaluation) noWake(g *inventory.Group, runs []Run) string {
	if u, missing := e.inv.Missing(inventory.PartScheduled); missing {
		return "unknown: " + u.Action + " is not allowed"
	}
	for _, p := range e.inv.Providers {
		if p.Name == g.Provider && p.Scaling && g.Max > 0 {
			return "the capacity provider " + p.Name + " scales it out when a task needs an instance"
		}
	}
	for _, r := range runs {
		if r.Capacity == 0 && g.Max == 0 && strings.Contains(r.Sets, "desired") && !strings.Contains(r.Sets, "desired 0") {
			return fmt.Sprintf("the scheduled action %s cannot raise the capacity: max is 0", r.Action)
		}
	}
	return "no scheduled action of this group raises its capacity; not read: EventBridge Scheduler, Lambda functions, automations by tag" +
		startAfter(g)
}

// startAfter returns what the tag StartAfter says. An automation may read it, which muster cannot know.
func startAfter(g *inventory.Group) string {
	for key, value := range g.Tags {
		if strings.EqualFold(key, "StartAfter") && value != "" {
			return fmt.Sprintf("; its tag %s says %s", key, value)
		}
	}
	return ""
}

// groups evaluates the Auto Scaling groups.
func (e *evaluation) groups() {
	for n := range e.inv.Groups {
		g := Group{Group: &e.inv.Groups[n], Status: Pass}
		g.Runs = runs(g.Group, e.now)
		g.Sleep = e.sleepOf(g.Group, g.Runs)
		for i := range g.Activities {
			if g.Activities[i].Status == "Failed" {
				g.LastFailed = &g.Activities[i]
				break
			}
		}
		e.lacking(&g)
		e.suspended(&g)
		e.sleepProblems(&g)
		if g.Group.Status != "" {
			worse(&g.Status, &g.Wrong, Warn, strings.ToLower(g.Group.Status))
		}
		e.v.Groups = append(e.v.Groups, g)
	}
}

// lacking reports a group with fewer instances in service than desired.
func (e *evaluation) lacking(g *Group) {
	in := g.InService()
	if in >= g.Desired {
		return
	}
	p := Problem{
		ID:      "group-short",
		Status:  Warn,
		Summary: fmt.Sprintf("group %s has %d of %s in service", g.Name, in, plural.Count(g.Desired, "instance")),
	}
	p.Fix = fix.Do("See what the group does:", "aws autoscaling describe-scaling-activities --auto-scaling-group-name "+g.Name+e.region())
	// A failure is the reason only if no activity has succeeded since.
	if len(g.Activities) > 0 && g.Activities[0].Status == "Failed" {
		p.Status = Fail
		p.Why = []string{
			Stamp(g.Activities[0].Start) + " " + g.Activities[0].Description,
			cmp.Or(g.Activities[0].Message, g.Activities[0].Cause),
		}
	}
	worse(&g.Status, &g.Wrong, p.Status, fmt.Sprintf("%d of %d in service", in, g.Desired))
	e.add(p)
}

// harmful lists the processes without which a group does not work as expected (EC2 Auto Scaling user guide, "Suspend
// and resume processes").
var harmful = []string{
	"Launch",
	"Terminate",
	"HealthCheck",
	"ReplaceUnhealthy",
	"ScheduledActions",
	"AlarmNotification",
	"AddToLoadBalancer",
}

func (e *evaluation) suspended(g *Group) {
	var bad []string
	for _, p := range g.Suspended {
		if slices.Contains(harmful, p) {
			bad = append(bad, p)
		}
	}
	if len(bad) == 0 {
		return
	}
	worse(&g.Status, &g.Wrong, Warn, "suspended: "+strings.Join(bad, ", "))
	e.add(Problem{ID: "group-suspended", Status: Warn,
		Summary: fmt.Sprintf("group %s has suspended processes: %s", g.Name, strings.Join(bad, ", ")),
		Fix: fix.Do("If that is over, resume them:", "aws autoscaling resume-processes --auto-scaling-group-name "+g.Name+
			" --scaling-processes "+strings.Join(bad, " ")+e.region())})
}

// sleepProblems reports a group that a scheduled action has scaled to 0 and that no action scales up again.
func (e *evaluation) sleepProblems(g *Group) {
	s := g.Sleep
	if s == nil {
		return
	}
	worse(&g.Status, &g.Wrong, Info, "asleep")
	_, unread := e.inv.Missing(inventory.PartScheduled)
	if unread || s.Wake != nil && s.NoWake == "" || !strings.HasPrefix(s.By, "a scheduled action") {
		return
	}
	worse(&g.Status, &g.Wrong, Warn, "asleep, nothing wakes it")
	e.add(
		Problem{ID: "group-no-wake", Status: Warn, Summary: fmt.Sprintf("group %s is asleep, and no scheduled action wakes it", g.Name),
			Why: []string{s.Cause, s.NoWake},
			Fix: fix.Do(
				"Wake it by hand:",
				fmt.Sprintf("aws autoscaling set-desired-capacity --auto-scaling-group-name %s --desired-capacity %d%s",
					g.Name, max(1, g.Min), e.region()),
			)},
	)
}

// asleep finds the services that cannot run because their groups have no instances.
func (e *evaluation) asleep() {
	e.sleeping = map[string]bool{}
	all := len(e.v.Groups) > 0
	for _, g := range e.v.Groups {
		all = all && g.Sleep != nil
		if g.Sleep != nil && g.Provider != "" {
			e.sleeping[g.Provider] = true
		}
	}
	left := slices.ContainsFunc(
		e.inv.Instances,
		func(i inventory.Instance) bool { return i.Status == active && i.Connected && i.Kind == inventory.EC2 },
	)
	_, unread := e.inv.Missing(inventory.PartInstances)
	e.v.Asleep = all && !left && !unread
	e.sleeping[""] = e.v.Asleep
}

// asleepService reports whether a service waits for groups that sleep.
func (e *evaluation) asleepService(s *inventory.Service) bool {
	if !onEC2(s) {
		return false
	}
	if len(s.Providers) == 0 {
		return e.sleeping[""]
	}
	for _, p := range s.Providers {
		if !e.sleeping[p] {
			return false
		}
	}
	return true
}

func (e *evaluation) asleepLine() string {
	var parts []string
	for _, g := range e.v.Groups {
		parts = append(parts, "group "+g.Name+" "+g.Sleep.Text())
	}
	return some(parts)
}

// Text returns text such as "has been asleep since 2026-11-26T19:00:00Z and wakes at 2026-11-30T05:00:00Z".
func (s *Sleep) Text() string {
	text := "is asleep"
	if !s.Since.IsZero() {
		text = "has been asleep since " + Stamp(s.Since)
	}
	if s.Wake != nil {
		return text + " and wakes at " + Stamp(s.Wake.At)
	}
	return text + "; when it wakes is unknown"
}
