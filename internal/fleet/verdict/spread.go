package verdict

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"muster/internal/base/fix"
	"muster/internal/fleet/inventory"
)

// Spread describes how the running tasks of a service are distributed over Availability Zones.
type Spread struct {
	Known bool
	Zones []ZoneCount // sorted by name
	Skew  int         // the largest number of tasks in a zone minus the smallest
	// Matters is true if the skew remains, or returns, until someone changes something.
	Matters bool
	Why     string // why the skew matters or not; empty without a skew
	Fix     fix.Fix
}

// ZoneCount holds the running tasks and usable instances of a zone.
type ZoneCount struct {
	Zone             string
	Tasks, Instances int
}

const zoneAttribute = "ecs.availability-zone"

// spread counts the tasks by zone. It includes the zones of the service's groups, because a zone without instances is
// the worst skew.
func (e *evaluation) spread(s *inventory.Service) Spread {
	if _, missing := e.inv.Missing(inventory.PartTasks); missing {
		return Spread{Why: "unknown: the tasks were not read"}
	}
	counts := e.tasks["service:"+s.Name]
	zones := map[string]bool{}
	for zone := range counts {
		zones[zone] = true
	}
	if onEC2(s) {
		for zone := range e.zones {
			zones[zone] = true
		}
		for _, g := range e.inv.Groups {
			if len(s.Providers) > 0 && !slices.Contains(s.Providers, g.Provider) {
				continue
			}
			for _, zone := range g.Zones {
				zones[zone] = true
			}
		}
	}
	out := Spread{Known: true}
	for _, zone := range slices.Sorted(maps.Keys(zones)) {
		if zone != "" {
			out.Zones = append(out.Zones, ZoneCount{zone, counts[zone], e.zones[zone]})
		}
	}
	if len(out.Zones) == 0 {
		return out
	}
	byTasks := func(a, b ZoneCount) int { return a.Tasks - b.Tasks }
	out.Skew = slices.MaxFunc(out.Zones, byTasks).Tasks - slices.MinFunc(out.Zones, byTasks).Tasks
	if out.Skew > 1 { // a skew of 1 is even, because the number of tasks may not be a multiple of the zones
		e.reason(s, &out)
	}
	return out
}

// reason determines whether a skew matters (ECS developer guide, "Balancing an Amazon ECS service across Availability
// Zones" and "task placement strategies").
func (e *evaluation) reason(s *inventory.Service, out *Spread) {
	fewest := slices.MinFunc(out.Zones, func(a, b ZoneCount) int { return cmp.Or(a.Tasks-b.Tasks, a.Instances-b.Instances) })
	switch {
	case s.Scheduling == "DAEMON":
		out.Why = "a daemon runs once on each instance: its tasks follow the instances"
	case constrainedToZones(s):
		out.Why = "a placement constraint on " + zoneAttribute + " limits the zones"
	case len(s.Strategy) > 0 && !spreadsZones(s):
		out.Why = fmt.Sprintf("the first placement strategy is %s, which does not spread over zones", strategy(s))
	case onEC2(s) && fewest.Instances == 0:
		out.Matters = true
		out.Why = fmt.Sprintf("%s has no usable container instance", fewest.Zone)
		out.Fix = fix.Do(
			"Launch an instance there: check the subnets of the Auto Scaling group, and its last failed activity in muster fleet.",
		)
	case s.Rebalancing == "ENABLED":
		e.rebalanced(s, out, fewest)
	default:
		out.Matters = true
		out.Why = "Availability Zone rebalancing is off: the tasks stay until they are replaced"
		out.Fix = e.rebalance(s)
	}
}

// rebalanced sets the reason for a service that ECS rebalances: ECS moves tasks itself, unless it finds no space.
func (e *evaluation) rebalanced(s *inventory.Service, out *Spread, fewest ZoneCount) {
	out.Why = "Availability Zone rebalancing is on: ECS moves tasks by itself"
	event := matters(s.Events)
	if event == nil || !strings.Contains(event.Message, "unable to place a task") {
		return
	}
	out.Matters = true
	cpu, memory := e.room(fewest.Zone)
	out.Why = fmt.Sprintf(
		"Availability Zone rebalancing is on, but ECS finds no space; the emptiest instances of %s have %d CPU units and %d MiB free",
		fewest.Zone,
		cpu,
		memory,
	)
	out.Fix = fix.Do("See what is missing on each instance:", "muster fit --service "+s.Name+" "+e.flags())
}

// room returns the largest free amount of each resource on a usable instance of a zone.
func (e *evaluation) room(zone string) (cpu, memory int) {
	for _, i := range e.inv.Instances {
		if i.Zone == zone && i.Status == active && i.Connected {
			cpu, memory = max(cpu, i.Free.CPU), max(memory, i.Free.Memory)
		}
	}
	return cpu, memory
}

// rebalance returns the fix that distributes the tasks evenly. Rebalancing needs a maximum above 100 percent and no
// Classic Load Balancer.
func (e *evaluation) rebalance(s *inventory.Service) fix.Fix {
	if s.MaxPercent > 0 && s.MaxPercent <= 100 || s.ClassicLB || s.Controller != "ECS" {
		return fix.Do(
			"Have ECS place the tasks again:",
			"aws ecs update-service "+e.flags()+" --service "+s.Name+" --force-new-deployment",
		)
	}
	return fix.Do(
		"Have ECS keep the zones even:",
		"aws ecs update-service "+e.flags()+" --service "+s.Name+" --availability-zone-rebalancing ENABLED",
	)
}

func spreadsZones(s *inventory.Service) bool {
	return s.Strategy[0].Type == "spread" && strings.TrimPrefix(s.Strategy[0].Field, "attribute:") == zoneAttribute
}

func strategy(s *inventory.Service) string {
	return strings.TrimSpace(s.Strategy[0].Type + " " + s.Strategy[0].Field)
}

func constrainedToZones(s *inventory.Service) bool {
	return slices.ContainsFunc(s.Constraints, func(c inventory.Constraint) bool { return strings.Contains(c.Expression, zoneAttribute) })
}

// skew adds a problem for a skew that matters.
func (e *evaluation) skew(s *Service) {
	if !s.Spread.Matters {
		return
	}
	worse(&s.Status, &s.Wrong, Warn, fmt.Sprintf("skew %d", s.Spread.Skew))
	e.add(Problem{ID: "service-skew", Status: Warn,
		Summary: fmt.Sprintf("service %s is uneven over its zones: %s", s.Name, s.Spread.Text()),
		Why:     []string{s.Spread.Why}, Fix: s.Spread.Fix})
}

// Text returns text such as "a 4, b 1, c 1", with only the last letter of each zone if the rest is equal.
func (s Spread) Text() string {
	var parts []string
	for _, z := range s.Zones {
		parts = append(parts, fmt.Sprintf("%s %d", short(z.Zone, s.Zones), z.Tasks))
	}
	return strings.Join(parts, ", ")
}

// short returns the letter of a zone. It returns the whole name if the zones are in several regions, such as Local
// Zones.
func short(zone string, all []ZoneCount) string {
	for _, z := range all {
		if len(z.Zone) != len(zone) || z.Zone[:len(z.Zone)-1] != zone[:len(zone)-1] {
			return zone
		}
	}
	return zone[len(zone)-1:]
}
