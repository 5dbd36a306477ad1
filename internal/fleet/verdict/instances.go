package verdict

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"muster/internal/base/fix"
	"muster/internal/base/plural"
	"muster/internal/fleet/inventory"
)

// settling is how long a new instance may take to register.
const settling = 10 * time.Minute

// allInstances evaluates the container instances, and the instances that have not registered.
func (e *evaluation) allInstances() {
	byProblem := map[string][]*inventory.Instance{}
	for n := range e.inv.Instances {
		i := &e.inv.Instances[n]
		row := Instance{Instance: i, Status: Pass}
		id, status, wrong := e.instance(i)
		if id != "" {
			byProblem[id] = append(byProblem[id], i)
		}
		if wrong != "" {
			row.Status, row.Wrong = status, wrong
		}
		e.v.Instances = append(e.v.Instances, row)
	}
	e.disconnected(byProblem["instance-disconnected"])
	e.gone(byProblem["instance-gone"])
	e.impaired(byProblem["instance-impaired"])
	e.refused(byProblem["registration-failed"])
	e.unregistered()
}

// instance returns what is wrong with an instance, and the ID of the problem. Instances outside EC2 are listed but not
// evaluated, because muster does not run on them.
func (e *evaluation) instance(i *inventory.Instance) (id string, status Status, wrong string) {
	_, noEC2 := e.inv.Missing(inventory.PartEC2)
	switch {
	case i.Kind == inventory.External:
		return "", Info, "external, not evaluated"
	case i.Kind == inventory.Managed:
		return "", Info, "managed by ECS, not evaluated"
	case i.Status == "REGISTRATION_FAILED":
		return "registration-failed", Fail, "registration failed"
	case i.State == "terminated" || i.State == "" && !noEC2:
		return "instance-gone", Fail, "EC2 has no such instance"
	case i.State != "" && i.State != "running" && i.State != "pending":
		return "", Info, i.State
	case i.Status == "DRAINING":
		return "", Info, "draining"
	case i.Status != active:
		return "", Info, strings.ToLower(i.Status)
	case !i.Connected:
		return "instance-disconnected", Fail, "agent not connected"
	case i.Health == "IMPAIRED":
		return "instance-impaired", Fail, "impaired"
	}
	return "", Pass, ""
}

func names(instances []*inventory.Instance) []string {
	var out []string
	for _, i := range instances {
		out = append(out, i.ID)
	}
	return out
}

func (e *evaluation) disconnected(bad []*inventory.Instance) {
	if len(bad) == 0 {
		return
	}
	why := []string{"agentConnected is false: " + some(names(bad))}
	for _, g := range e.v.Groups {
		for _, m := range g.Members {
			if m.Lifecycle != inventory.InService && slices.Contains(names(bad), m.ID) {
				why = append(why, fmt.Sprintf("%s is %s in group %s", m.ID, m.Lifecycle, g.Name))
			}
		}
	}
	e.add(Problem{ID: "instance-disconnected", Status: Fail,
		Summary: fmt.Sprintf("%d of %s %s not connected to ECS", len(bad),
			plural.Count(len(e.inv.Instances), "container instance"), plural.Word(len(bad), "is", "are")),
		Why: why,
		Fix: fix.Do("Find the cause on the instance:",
			"aws ssm start-session --target "+bad[0].ID+e.region(), "sudo muster debug")})
}

func (e *evaluation) gone(bad []*inventory.Instance) {
	if len(bad) == 0 {
		return
	}
	e.add(Problem{ID: "instance-gone", Status: Fail,
		Summary: fmt.Sprintf("%s registered that EC2 does not have", plural.Of(len(bad), "container instance is", "container instances are")),
		Why:     []string{"no running EC2 instance: " + some(names(bad))},
		Fix: fix.Do("Remove the registration; ECS starts its tasks elsewhere:",
			"aws ecs deregister-container-instance "+e.flags()+" --force --container-instance "+bad[0].ShortARN())})
}

func (e *evaluation) impaired(bad []*inventory.Instance) {
	if len(bad) == 0 {
		return
	}
	e.add(Problem{ID: "instance-impaired", Status: Fail,
		Summary: fmt.Sprintf("ECS reports %s as impaired", plural.Count(len(bad), "container instance")),
		Why:     []string{"healthStatus is IMPAIRED: " + some(names(bad))},
		Fix: fix.Do("Find the cause on the instance; usually Docker does not respond:",
			"aws ssm start-session --target "+bad[0].ID+e.region(), "sudo muster debug")})
}

func (e *evaluation) refused(bad []*inventory.Instance) {
	for _, i := range bad {
		e.add(
			Problem{
				ID:      "registration-failed",
				Status:  Fail,
				Summary: "the registration of " + i.ID + " failed",
				Why:     []string{i.StatusReason},
				Fix:     fix.Do("Fix the cause, then replace the instance."),
			},
		)
	}
}

// unregistered finds instances of a group that are in service but not in the cluster.
func (e *evaluation) unregistered() {
	if _, missing := e.inv.Missing(inventory.PartInstances); missing {
		return
	}
	var late, starting []string
	for _, g := range e.v.Groups {
		for _, m := range g.Members {
			switch launched := launchOf(g.Group, m.ID); {
			case m.Lifecycle != inventory.InService || e.instances[m.ID]:
			case !launched.IsZero() && e.now.Sub(launched) < settling:
				starting = append(starting, m.ID)
			default:
				late = append(late, fmt.Sprintf("%s of group %s, in %s", m.ID, g.Name, m.Zone))
			}
		}
	}
	if len(starting) > 0 {
		e.add(Problem{ID: "instance-starting", Status: Info,
			Summary: fmt.Sprintf(
				"%s less than 10 minutes ago and %s not registered yet",
				plural.Of(len(starting), "instance was launched", "instances were launched"),
				plural.Word(len(starting), "is", "are"),
			),
			Why: []string{some(starting)}})
	}
	if len(late) == 0 {
		return
	}
	id, _, _ := strings.Cut(late[0], " ")
	e.add(Problem{ID: "instance-unregistered", Status: Fail,
		Summary: fmt.Sprintf(
			"%s in service in an Auto Scaling group and not registered in the cluster",
			plural.Of(len(late), "instance is", "instances are"),
		),
		Why: []string{some(late)},
		Fix: fix.Do("Find the cause on the instance:", "aws ssm start-session --target "+id+e.region(),
			"sudo muster debug")})
}

// launchOf returns when a group launched an instance, or the zero time if unknown.
func launchOf(g *inventory.Group, id string) time.Time {
	for _, a := range g.Activities {
		if strings.HasPrefix(a.Description, "Launching a new EC2 instance") && strings.Contains(a.Description, id) {
			return a.Start
		}
	}
	return time.Time{}
}
