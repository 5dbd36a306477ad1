// Package verdict evaluates the inventory of a cluster: what is wrong, why, and what fixes it. It makes no calls and
// knows no output format.
//
//	Evaluate(inventory, now) -> Verdict
//	  Line       "Problem: 1 of 12 container instances is not connected to ECS"
//	  Problems   worst first, each with evidence and a fix
//	  Instances, Services, Groups   one row each
//
// What could not be read is Unknown and names the IAM action. A group that sleeps is not a problem, and neither are the
// services that need its instances.
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
)

// Status is the severity of something. muster's checks use the same words.
type Status string

// Statuses. check and debug use the same words.
const (
	Pass    Status = "pass"
	Info    Status = "info" // shown in one line; no action is needed
	Unknown Status = "unknown"
	Warn    Status = "warn"
	Fail    Status = "fail"
)

// rank sorts statuses. As in muster check, a warning is worse than an unknown.
func rank(s Status) int { return slices.Index([]Status{Pass, Info, Unknown, Warn, Fail}, s) }

// Problem is something that is wrong or unknown.
type Problem struct {
	ID      string // stable, such as instance-disconnected
	Status  Status
	Summary string   // what is wrong
	Why     []string // evidence
	Fix     fix.Fix
}

// Verdict is the evaluation of one cluster.
type Verdict struct {
	Status    Status
	Line      string // the first line of the output
	Asleep    bool   // every group that could run its services has no instances
	Problems  []Problem
	Instances []Instance
	Services  []Service
	Groups    []Group
}

// Instance is a container instance with what is wrong with it.
type Instance struct {
	*inventory.Instance
	Status Status
	Wrong  string // a few words; empty if nothing is wrong
}

// Service is a service with what is wrong with it.
type Service struct {
	*inventory.Service
	Status Status
	Wrong  string
	Spread Spread
	Event  *inventory.Event // the latest event about a problem; nil if there is none
}

// Group is an Auto Scaling group with its next changes.
type Group struct {
	*inventory.Group
	Status     Status
	Wrong      string
	Sleep      *Sleep              // nil if the group does not sleep
	Runs       []Run               // runs of its scheduled actions, soonest first
	LastFailed *inventory.Activity // the latest failed scaling activity; nil if there is none
}

// evaluation is the state of one Evaluate call.
type evaluation struct {
	inv *inventory.Inventory
	now time.Time
	v   *Verdict

	zones     map[string]int   // number of ACTIVE, connected EC2 instances by zone
	tasks     map[string]zoned // running tasks by task group
	sleeping  map[string]bool  // capacity providers, and "" for the launch type EC2
	instances map[string]bool  // IDs of registered instances
}

type zoned map[string]int

// Evaluate evaluates a cluster as it was read, at the time now.
func Evaluate(inv *inventory.Inventory, now time.Time) *Verdict {
	e := &evaluation{inv: inv, now: now, v: &Verdict{}, zones: map[string]int{}, tasks: map[string]zoned{}, instances: map[string]bool{}}
	e.index()
	e.unread()
	e.groups()
	e.asleep()
	e.allInstances()
	e.services()
	e.cluster()
	slices.SortStableFunc(e.v.Problems, func(a, b Problem) int { return rank(b.Status) - rank(a.Status) })
	e.line()
	return e.v
}

func (e *evaluation) add(p Problem) { e.v.Problems = append(e.v.Problems, p) }

func (e *evaluation) index() {
	for n := range e.inv.Instances {
		i := &e.inv.Instances[n]
		e.instances[i.ID] = true
		if i.Kind == inventory.EC2 && i.Status == active && i.Connected {
			e.zones[i.Zone]++
		}
	}
	for _, t := range e.inv.Tasks {
		if t.Status != "RUNNING" {
			continue
		}
		if e.tasks[t.Group] == nil {
			e.tasks[t.Group] = zoned{}
		}
		e.tasks[t.Group][t.Zone] += t.Tasks
	}
}

const active = "ACTIVE"

// unread adds one problem for each IAM action that was denied.
func (e *evaluation) unread() {
	for _, u := range e.inv.Unread {
		if u.Action == "" {
			continue // left out on purpose
		}
		p := Problem{ID: "unread", Status: Unknown, Summary: fmt.Sprintf("could not read the %s: %s: %s", u.Part, u.Action, u.Reason),
			Fix: fix.Do("Try again.")}
		if u.Denied {
			p.Summary = fmt.Sprintf("could not read the %s: %s is not allowed", u.Part, u.Action)
			p.Why = []string{u.Reason}
			p.Fix = fix.Do("Allow " + u.Action + " for these credentials; packaging/iam/fleet.json lists all actions that muster fleet needs.")
		}
		e.add(p)
	}
}

// cluster evaluates the cluster itself, and the consequences of a cluster without instances.
func (e *evaluation) cluster() {
	c := e.inv.Cluster
	if c.Status != "" && c.Status != active {
		e.add(Problem{ID: "cluster-status", Status: Fail, Summary: fmt.Sprintf("cluster %s is %s", c.Name, c.Status)})
	}
	if _, missing := e.inv.Missing(inventory.PartInstances); missing || len(e.inv.Instances) > 0 || e.v.Asleep {
		return
	}
	var waiting []string
	for _, s := range e.inv.Services {
		if onEC2(&s) && s.Desired > 0 {
			waiting = append(waiting, s.Name)
		}
	}
	if len(waiting) > 0 {
		e.add(Problem{ID: "no-instances", Status: Fail,
			Summary: fmt.Sprintf(
				"cluster %s has no container instance, and %s",
				c.Name,
				plural.Of(len(waiting), "service needs one", "services need one"),
			),
			Why: []string{"services: " + some(waiting)},
			Fix: fix.Do("Find out why no instance registers; on an instance that should be in this cluster, run:",
				"sudo muster debug")})
	}
}

// line sets the status and the first line.
func (e *evaluation) line() {
	v := e.v
	v.Status = Pass
	if len(v.Problems) > 0 {
		v.Status = v.Problems[0].Status
	}
	words := map[Status]string{Fail: "Problem: ", Warn: "Warning: ", Unknown: "Unknown: "}
	switch word, bad := words[v.Status]; {
	case bad:
		v.Line = word + v.Problems[0].Summary
	case v.Asleep:
		v.Line = "Asleep: " + e.asleepLine()
	default:
		v.Line = "Healthy: " + e.healthyLine()
	}
}

func (e *evaluation) healthyLine() string {
	connected, judged, other := 0, 0, 0
	for n := range e.inv.Instances {
		switch i := &e.inv.Instances[n]; {
		case i.Kind != inventory.EC2:
			other++
		default:
			judged++
			if i.Connected {
				connected++
			}
		}
	}
	parts := []string{fmt.Sprintf("%d of %s connected", connected, plural.Count(judged, "container instance"))}
	if judged == 0 {
		parts = []string{"no EC2 instances to evaluate"}
	}
	if other > 0 {
		parts = append(parts, plural.Of(other, "instance not evaluated", "instances not evaluated"))
	}
	steady := 0
	for _, s := range e.inv.Services {
		if s.Running == s.Desired {
			steady++
		}
	}
	parts = append(parts, fmt.Sprintf("%d of %s at the desired count", steady, plural.Count(len(e.inv.Services), "service")))
	return strings.Join(parts, ", ")
}

// worse replaces status and wrong if s is worse.
func worse(status *Status, wrong *string, s Status, text string) {
	if rank(s) > rank(*status) || *wrong == "" {
		*status, *wrong = s, text
	}
}

// some lists up to five names and counts the rest.
func some(names []string) string {
	const most = 5
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}

// Stamp formats a time in UTC, RFC 3339.
func Stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// Age formats a duration with one unit: 3d, 5h, 12m.
func Age(d time.Duration) string {
	switch {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%dd", int(d.Hours())/24)
	case d >= time.Hour:
		return fmt.Sprintf("%dh", int(d.Hours()))
	}
	return fmt.Sprintf("%dm", max(0, int(d.Minutes())))
}

// flags returns the options that name the cluster and the region, for a command to paste.
func (e *evaluation) flags() string {
	return "--cluster " + e.inv.Cluster.Name + " --region " + e.inv.Region
}

func (e *evaluation) region() string { return " --region " + e.inv.Region }

// onEC2 reports whether a service needs container instances.
func onEC2(s *inventory.Service) bool {
	if len(s.Providers) > 0 {
		return !slices.ContainsFunc(s.Providers, func(p string) bool { return strings.HasPrefix(p, "FARGATE") })
	}
	return cmp.Or(s.LaunchType, "EC2") == "EC2"
}
