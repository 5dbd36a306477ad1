package tasks

import (
	"cmp"
	"context"
	"slices"
	"time"

	"muster/agent/containers"
	"muster/agent/orphans"
	"muster/check"
	"muster/check/subject"
	"muster/internal/base/fix"
	"muster/internal/host/dockerapi"
)

// secondLook is the time between the two comparisons. The ECS agent learns of a start or an exit from Docker's events,
// a moment later. muster-agent waits three minutes, which is too long for a check.
const secondLook = 3 * time.Second

// orphans compares the ECS agent's tasks with Docker's containers, twice. A difference that lasts is only a warning,
// because a task that is being stopped can look the same.
func (g Group) orphans(ctx context.Context) []check.Finding {
	if g.Engine == nil {
		return subject.NoEngine(g.NoEngine)
	}
	if g.Agent == nil || !g.Registered(ctx) {
		return check.Skipped("the ECS agent reports no registration, so it has no tasks to compare")
	}
	before, err := g.differences(ctx)
	if err != nil {
		return check.Undetermined(err, fix.Fix{})
	}
	if len(before) == 0 {
		return check.Passed("the ECS agent and Docker agree")
	}
	select {
	case <-ctx.Done():
		return check.Undetermined(ctx.Err(), fix.Fix{})
	case <-time.After(secondLook):
	}
	after, err := g.differences(ctx)
	if err != nil {
		return check.Undetermined(err, fix.Fix{})
	}
	var found []check.Finding
	for key, o := range after {
		if _, lasts := before[key]; lasts {
			found = append(found, g.orphanFinding(o))
		}
	}
	if len(found) == 0 {
		return check.Passed("the ECS agent and Docker agree")
	}
	return sortedFindings(found)
}

// differences returns the differences by container ID, or by ARN for a task without containers.
func (g Group) differences(ctx context.Context) (map[string]orphans.Orphan, error) {
	known, err := g.Agent.Tasks(ctx)
	if err != nil {
		return nil, err
	}
	all, err := g.Engine.List(ctx, false)
	if err != nil {
		return nil, err
	}
	var running []containers.Identity
	for _, s := range all {
		if id := identity(s); s.Running() && !id.Internal() {
			running = append(running, id)
		}
	}
	return orphans.Differences(known, running), nil
}

func identity(s dockerapi.Summary) containers.Identity {
	return containers.Identity{ID: s.ID, Name: s.Name, TaskARN: s.Labels[dockerapi.LabelTask], Family: s.Labels[dockerapi.LabelFamily],
		Container: s.Labels[dockerapi.LabelContainer]}
}

func (g Group) orphanFinding(o orphans.Orphan) check.Finding {
	c := o.Container
	name := c.Name
	if c.Family != "" {
		name = c.Family + "/" + c.Container
	}
	short := c.ID[:min(len(c.ID), 12)]
	return check.Finding{Kind: OrphanFound, Status: check.Warn, About: []string{name, short}, SymptomOf: []*check.Kind{g.Others.MusterOrphan},
		Summary:  name + " may be an orphan: the ECS agent and Docker disagree about whether it is running",
		Evidence: []string{o.Why, "container " + c.Name + " of task " + c.TaskARN},
		Confirm:  "it still applies after three minutes; muster-agent then reports it too",
		Fix: fix.Do("Compare what the ECS agent and Docker report about its task. Stop the container if ECS does not know it, else restart the "+
			"ECS agent:", "curl -s http://127.0.0.1:51678/v1/tasks", "sudo docker ps --all --filter id="+short)}
}

func sortedFindings(found []check.Finding) []check.Finding {
	slices.SortFunc(found, func(a, b check.Finding) int { return cmp.Compare(a.Summary, b.Summary) })
	return found[:min(len(found), maxNamed)]
}
