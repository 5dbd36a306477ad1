// Package starts finds tasks that ECS placed on this instance but that did not start, and returns the reason. Docker
// has no event for most of them, because their image, a secret or their network interface failed before a container
// existed.
//
//	the ECS agent's introspection    the task is STOPPED, and none of its containers was started
//	the ECS agent's log              the reason that it reported to ECS, or the error before
//	ecs:DescribeTasks                the stoppedReason, if the log does not have it
//
// It does not report a task that is stopped as planned before it starts, or a task for which no source has a reason.
package starts

import (
	"context"
	"slices"
	"strings"
	"time"

	"muster/agent/containers"
	"muster/internal/awsapi"
	"muster/internal/base/arn"
	"muster/internal/base/stopreason"
	"muster/internal/host/ecsagent"
)

// ECS is the part of the ECS API that returns stopped tasks. awsapi.Client implements it.
type ECS interface {
	StoppedTasks(ctx context.Context, cluster string, arns []string) ([]awsapi.StoppedTask, error)
}

const (
	// logged is how far back the log is read. It is read at most once per cycle, and only if a task did not start.
	logged = 15 * time.Minute
	// patient is how long a task is checked again if no source has a reason. ECS learns the reason from the ECS agent,
	// with a delay.
	patient = 5 * time.Minute
	// askedOften is the minimum time between two calls to ECS. deniedPause is the pause after a failed one.
	askedOften  = time.Minute
	deniedPause = time.Hour
	maxAsked    = 100
)

// Failure is a task that did not start.
type Failure struct {
	Container containers.Identity
	Why       string // a sentence without its subject
}

// Watch records which tasks it has seen. Its first call reports nothing, because those tasks failed before the agent
// started.
type Watch struct {
	Cluster func() string
	// Log reads the ends of tasks from the ECS agent's log: ecsagent.ReadTaskEnds. After an error its result is not
	// used.
	Log func(since time.Time) ([]ecsagent.TaskEnd, error)
	ECS ECS // may be nil

	began bool
	seen  map[string]time.Time // by ARN: since when a task is known; zero if it is finished
	next  time.Time            // earliest time of the next call to ECS
}

// NewFailures returns the tasks that did not start and have not been reported. tasks are all tasks of the ECS agent.
func (w *Watch) NewFailures(ctx context.Context, now time.Time, tasks []ecsagent.Task) []Failure {
	open := w.unsettled(now, tasks)
	if !w.began {
		w.began = true
		for arn := range w.seen {
			w.seen[arn] = time.Time{}
		}
		return nil
	}
	if len(open) == 0 {
		return nil
	}
	facts := w.fromLog(now)
	if left := without(open, facts); len(left) > 0 {
		w.fromECS(ctx, now, left, facts)
	}
	var out []Failure
	for _, t := range open {
		f, known := facts[arn.Last(t.ARN)]
		reason, failed := stopreason.Of(f.Facts)
		switch {
		case known && failed:
			out = append(out, Failure{identity(t, f.container), reason.What + ": " + f.Text})
			fallthrough
		case known && f.Text != "", now.Sub(w.seen[t.ARN]) >= patient:
			w.seen[t.ARN] = time.Time{}
		}
	}
	return out
}

// unsettled returns the stopped tasks that never started and are not finished. It forgets the tasks that the ECS agent
// has forgotten.
func (w *Watch) unsettled(now time.Time, tasks []ecsagent.Task) (open []ecsagent.Task) {
	seen := map[string]time.Time{}
	for _, t := range tasks {
		if t.KnownStatus != ecsagent.Stopped ||
			slices.ContainsFunc(t.Containers, func(c ecsagent.Container) bool { return !c.StartedAt.IsZero() }) {
			continue
		}
		since, known := w.seen[t.ARN]
		if !known {
			since = now
		}
		if seen[t.ARN] = since; !since.IsZero() {
			open = append(open, t)
		}
	}
	w.seen = seen
	return open
}

// fact is what a source reports about a task.
type fact struct {
	stopreason.Facts
	container string
}

func (w *Watch) fromLog(now time.Time) map[string]fact {
	facts := map[string]fact{}
	if w.Log == nil {
		return facts
	}
	ends, err := w.Log(now.Add(-logged))
	if err != nil {
		return facts
	}
	for _, e := range ends {
		if f, known := facts[e.Task]; e.Text != "" && (!known || f.container == "") {
			facts[e.Task] = fact{stopreason.Facts{Text: e.Text}, e.Container}
		}
	}
	return facts
}

func without(tasks []ecsagent.Task, facts map[string]fact) (left []string) {
	for _, t := range tasks {
		if _, known := facts[arn.Last(t.ARN)]; !known && len(left) < maxAsked {
			left = append(left, t.ARN)
		}
	}
	return left
}

// fromECS calls ECS for the tasks that the log does not explain. It calls rarely, because the fleet shares the API's
// request budget.
func (w *Watch) fromECS(ctx context.Context, now time.Time, arns []string, facts map[string]fact) {
	if w.ECS == nil || now.Before(w.next) {
		return
	}
	w.next = now.Add(askedOften)
	stopped, err := w.ECS.StoppedTasks(ctx, w.Cluster(), arns)
	if err != nil {
		w.next = now.Add(deniedPause)
		return
	}
	for _, t := range stopped {
		f := fact{Facts: stopreason.Facts{Text: t.Reason, StopCode: t.StopCode}}
		for _, c := range t.Containers {
			if c.Reason != "" && f.container == "" {
				f.Text, f.container = c.Reason, c.Name
			}
		}
		if f.Text != "" {
			facts[arn.Last(t.ARN)] = f
		}
	}
}

// identity returns the container that failed. If the task failed before its containers, the identity has no container
// name. A new ARN contains the cluster: task/CLUSTER/ID.
func identity(t ecsagent.Task, container string) containers.Identity {
	id := containers.Identity{TaskARN: t.ARN, Family: t.Family, Revision: t.Version, Container: container}
	if parts := strings.Split(t.ARN, "/"); len(parts) == 3 {
		id.Cluster = parts[1]
	}
	for _, c := range t.Containers {
		if c.Name == container {
			id.ID, id.Name = c.DockerID, strings.TrimPrefix(c.DockerName, "/")
		}
	}
	return id
}
