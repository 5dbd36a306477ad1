// Package orphans compares the ECS agent's view of its tasks with Docker's. A container that serves traffic without ECS
// knowing it is invisible in the console: for 21 hours in amazon-ecs-agent#5135.
//
//	ECS agent says        Docker says               it is
//	STOPPED               a container of it runs    an orphan
//	nothing of the task   a container of it runs    an orphan: the instance registered again, or the agent lost its state
//	RUNNING, wanted so    none of it runs           an orphan task
//	anything else         anything                  in transition
//
// A difference is reported only after it has lasted longer than the ECS agent's own transitions. A user must decide
// what to do about an orphan.
package orphans

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"muster/agent/containers"
	"muster/internal/host/ecsagent"
)

// lasts is how long the views must differ. It is longer than a stop with the usual timeouts, and longer than the ECS
// agent needs to read Docker's state after its own restart.
const lasts = 3 * time.Minute

// Orphan is a container, or a task without containers, about which the two views differ.
type Orphan struct {
	Container containers.Identity // for a task without containers, its first one, with ECS's name
	Why       string
	Since     time.Time
}

// Watch records since when the views differ. The zero Watch is ready to use.
type Watch struct{ since map[string]time.Time }

// Compare returns the orphans in a stable order. running are the containers that run in Docker, including those that
// ECS did not start.
func (w *Watch) Compare(now time.Time, tasks []ecsagent.Task, running []containers.Identity) []Orphan {
	differ := Differences(tasks, running)
	since := make(map[string]time.Time, len(differ))
	var out []Orphan
	for _, key := range slices.Sorted(maps.Keys(differ)) {
		begin, known := w.since[key]
		if !known {
			begin = now
		}
		if since[key] = begin; now.Sub(begin) >= lasts {
			o := differ[key]
			o.Since = begin
			out = append(out, o)
		}
	}
	w.since = since
	return out
}

// Differences compares the two views once. It returns the differences by container ID, or by ARN for a task without
// containers.
func Differences(tasks []ecsagent.Task, running []containers.Identity) map[string]Orphan {
	known, runs := map[string]ecsagent.Task{}, map[string]bool{}
	for _, t := range tasks {
		known[t.ARN] = t
	}
	differ := map[string]Orphan{}
	for _, c := range running {
		if c.TaskARN == "" {
			continue
		}
		runs[c.TaskARN] = true
		switch t, ok := known[c.TaskARN]; {
		case !ok:
			differ[c.ID] = Orphan{Container: c,
				Why: "the ECS agent does not know its task: the instance registered again, or the agent lost its state"}
		case t.KnownStatus == ecsagent.Stopped:
			differ[c.ID] = Orphan{Container: c, Why: "the ECS agent reports its task as STOPPED, and Docker runs the container"}
		}
	}
	for _, t := range tasks {
		if t.KnownStatus == ecsagent.Running && t.DesiredStatus == ecsagent.Running && !runs[t.ARN] && len(t.Containers) > 0 {
			differ[t.ARN] = Orphan{
				Container: identity(t),
				Why:       "the ECS agent reports the task as RUNNING, and Docker runs none of its containers",
			}
		}
	}
	return differ
}

func identity(t ecsagent.Task) containers.Identity {
	c := slices.MinFunc(t.Containers, func(a, b ecsagent.Container) int { return cmp.Compare(a.Name, b.Name) })
	return containers.Identity{ID: c.DockerID, Name: strings.TrimPrefix(c.DockerName, "/"), TaskARN: t.ARN,
		Container: c.Name, Family: t.Family, Revision: t.Version}
}
