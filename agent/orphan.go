package agent

import (
	"context"
	"time"

	"muster/agent/announce"
	"muster/agent/containers"
	"muster/agent/orphans"
	"muster/agent/registration"
	"muster/internal/host/ecsagent"
)

// orphanState is used only by the main loop.
type orphanState struct {
	watch orphans.Watch
	now   []orphans.Orphan
	known bool // the last cycle could compare the two views
}

// orphanPatience is the timeout of a request to the ECS agent, which is on this host.
const orphanPatience = 5 * time.Second

// checkTasks requests the ECS agent's tasks. It counts and announces those that did not start, and compares all with
// Docker's containers. Nothing changes if port 51678 may belong to another instance.
func (a *Agent) checkTasks(ctx context.Context) {
	a.loop.orphans.known = false
	registered := a.loop.registration.State == registration.Registered || a.loop.registration.State == registration.Disconnected
	if a.Tasks == nil || !registered {
		return
	}
	ctx, stop := context.WithTimeout(ctx, orphanPatience)
	defer stop()
	tasks, err := a.Tasks.Tasks(ctx)
	if err != nil {
		return
	}
	if a.Starts != nil {
		for _, f := range a.Starts.NewFailures(ctx, time.Now(), tasks) {
			a.Containers.TaskFailed(f.Container, f.Why)
		}
	}
	if running, answers := a.Containers.Running(); answers {
		a.compareTasks(tasks, running)
	}
}

// compareTasks announces orphans that begin or end.
func (a *Agent) compareTasks(tasks []ecsagent.Task, running []containers.Identity) {
	state := &a.loop.orphans
	now, before := time.Now(), map[string]bool{}
	for _, o := range state.now {
		before[o.Container.ID] = true
	}
	was := state.now
	state.now, state.known = state.watch.Compare(now, tasks, running), true
	after := map[string]bool{}
	for _, o := range state.now {
		after[o.Container.ID] = true
		if !before[o.Container.ID] {
			a.announceOrphan(announce.Orphan, now, o, o.Why)
		}
	}
	for _, o := range was {
		if !after[o.Container.ID] {
			a.announceOrphan(announce.OrphanOver, now, o, "the ECS agent and Docker agree again")
		}
	}
}

func (a *Agent) announceOrphan(kind announce.Kind, at time.Time, o orphans.Orphan, why string) {
	id := o.Container
	a.announce(announce.Event{Kind: kind, At: at, Cluster: clusterName(id.Cluster), Service: id.Service, Family: id.Family,
		Task: id.TaskARN, Container: id.Container, Reason: why})
}
