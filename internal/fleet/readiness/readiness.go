// Package readiness determines what a cluster still lacks until it is ready, and waits for it:
//
//	expectations  "workers=3"   the group (or service) workers has 3 that work
//	Missing       group workers: 1 of 3 instances in service; i-1 has not registered
//
// It makes no calls. Package internal/fleet/survey reads the cluster, and package verdict evaluates it.
package readiness

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"muster/internal/base/nearest"
	"muster/internal/fleet/inventory"
	"muster/internal/fleet/verdict"
)

// Expectation is an expected number of instances of a group, or of running tasks of a service.
type Expectation struct {
	Kind  string // "group" or "service"; empty means whichever has the name
	Name  string
	Count int
}

// Parse parses NAME=N, group:NAME=N or service:NAME=N.
func Parse(text string) (Expectation, error) {
	name, number, ok := cutLast(text, "=")
	n, err := strconv.Atoi(number)
	if !ok || err != nil || n < 0 || name == "" {
		return Expectation{}, fmt.Errorf("%q is not an expectation such as workers=3 or service:web=6", text)
	}
	e := Expectation{Name: name, Count: n}
	for _, kind := range []string{"group", "service"} {
		if rest, is := strings.CutPrefix(name, kind+":"); is && rest != "" {
			e.Kind, e.Name = kind, rest
		}
	}
	return e, nil
}

func cutLast(text, sep string) (before, after string, ok bool) {
	i := strings.LastIndex(text, sep)
	if i < 0 {
		return text, "", false
	}
	return text[:i], text[i+len(sep):], true
}

// Missing returns what the cluster lacks, the most basic part first, or nil if it is ready. closed contains sentences
// about closed ports. Without expectations, every group must have its desired capacity, and none may sleep.
func Missing(inv *inventory.Inventory, v *verdict.Verdict, expected []Expectation, closed []string) (out []string) {
	for _, u := range inv.Unread {
		if u.Action != "" && needed(u.Part) {
			out = append(out, fmt.Sprintf("the %s could not be read: %s: %s", u.Part, u.Action, u.Reason))
		}
	}
	for _, e := range expected {
		out = append(out, e.missing(inv)...)
	}
	if len(expected) == 0 {
		out = append(out, groups(v)...)
	}
	registered := map[string]inventory.Instance{}
	for _, i := range inv.Instances {
		registered[i.ID] = i
	}
	for _, g := range inv.Groups {
		for _, m := range g.Members {
			i, is := registered[m.ID]
			switch {
			case m.Lifecycle != inventory.InService:
			case !is:
				out = append(out, m.ID+" of group "+g.Name+" has not registered")
			case i.Kind == inventory.EC2 && !i.Connected:
				out = append(out, "the ECS agent of "+m.ID+" is not connected")
			}
		}
	}
	out = append(out, services(inv)...)
	return append(out, closed...)
}

func needed(part inventory.Part) bool {
	return slices.Contains([]inventory.Part{inventory.PartInstances, inventory.PartServices, inventory.PartGroups}, part)
}

// Denied returns the first missing permission without which waiting cannot succeed.
func Denied(inv *inventory.Inventory) (inventory.Unread, bool) {
	for _, u := range inv.Unread {
		if u.Denied && needed(u.Part) {
			return u, true
		}
	}
	return inventory.Unread{}, false
}

// Unknown returns an error for an expectation with a name that the cluster does not have. Waiting for a mistyped name
// would never end.
func Unknown(inv *inventory.Inventory, expected []Expectation) error {
	var known []string
	for _, g := range inv.Groups {
		known = append(known, g.Name)
	}
	for _, s := range inv.Services {
		known = append(known, s.Name)
	}
	for _, e := range expected {
		if group, service := e.find(inv); group == nil && service == nil {
			return fmt.Errorf("cluster %s has no %s %s: %s", inv.Cluster.Name, cmp.Or(e.Kind, "group or service"), e.Name,
				nearest.Hint(e.Name, known, "a group that is not of a capacity provider can be named with --asg"))
		}
	}
	return nil
}

func (e Expectation) find(inv *inventory.Inventory) (*inventory.Group, *inventory.Service) {
	if e.Kind != "service" {
		if g := inv.Group(e.Name); g != nil {
			return g, nil
		}
	}
	n := slices.IndexFunc(inv.Services, func(s inventory.Service) bool { return s.Name == e.Name })
	if e.Kind == "group" || n < 0 {
		return nil, nil
	}
	return nil, &inv.Services[n]
}

func (e Expectation) missing(inv *inventory.Inventory) []string {
	switch g, s := e.find(inv); {
	case g != nil && g.InService() < e.Count:
		return []string{fmt.Sprintf("group %s: %d of %d instances in service", g.Name, g.InService(), e.Count)}
	case s != nil && s.Running < e.Count:
		return []string{fmt.Sprintf("service %s: %d of %d tasks running", s.Name, s.Running, e.Count)}
	case g == nil && s == nil:
		return []string{fmt.Sprintf("there is no group or service %s", e.Name)}
	}
	return nil
}

func groups(v *verdict.Verdict) (out []string) {
	for _, g := range v.Groups {
		switch {
		case g.Sleep != nil:
			out = append(out, fmt.Sprintf("group %s %s", g.Name, g.Sleep.Text()))
		case g.InService() < g.Desired:
			out = append(out, fmt.Sprintf("group %s: %d of %d instances in service", g.Name, g.InService(), g.Desired))
		}
	}
	return out
}

// services returns a sentence for each service that lacks running tasks, or whose deployment is in progress or failed.
func services(inv *inventory.Inventory) (out []string) {
	for _, s := range inv.Services {
		switch {
		case s.Status != "ACTIVE":
		case s.Running < s.Desired:
			out = append(out, fmt.Sprintf("service %s: %d of %d tasks running", s.Name, s.Running, s.Desired))
		case len(s.Deployments) > 0 && s.Deployments[0].Rollout == "IN_PROGRESS":
			out = append(out, fmt.Sprintf("service %s: the deployment of %s is in progress", s.Name, s.Deployments[0].Definition))
		case len(s.Deployments) > 0 && s.Deployments[0].Rollout == "FAILED":
			out = append(out, fmt.Sprintf("service %s: the deployment of %s failed", s.Name, s.Deployments[0].Definition))
		}
	}
	return out
}

// Interval returns the time between two readings with this many calls. It allows two calls a second on average, and is
// at least 10 s.
func Interval(calls int) time.Duration {
	return max(10*time.Second, time.Duration(calls)*time.Second/2)
}

// Wait calls look until nothing is missing, patience is over, or look returns an error. It returns what was missing
// last.
func Wait(
	ctx context.Context,
	patience time.Duration,
	look func(context.Context) (missing []string, next time.Duration, err error),
) ([]string, error) {
	until := time.Now().Add(patience)
	for {
		missing, next, err := look(ctx)
		if err != nil || len(missing) == 0 {
			return missing, err
		}
		left := time.Until(until)
		if left <= 0 {
			return missing, nil
		}
		timer := time.NewTimer(min(next, left))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return missing, ctx.Err()
		}
	}
}
