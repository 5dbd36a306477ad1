package health

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"muster/check"
	"muster/check/subject"
	"muster/internal/base/crashloop"
	"muster/internal/base/fix"
	"muster/internal/base/plural"
	"muster/internal/host/dockerapi"
)

const (
	// recent is the age up to which an exit is reported. The ECS agent removes a stopped container after three hours
	// (ECS_ENGINE_TASK_CLEANUP_WAIT_DURATION).
	recent = time.Hour
	// maxInspected limits the number of inspect requests to the Engine.
	maxInspected = 50
)

func (g Group) containers(ctx context.Context) []check.Finding {
	if g.Engine == nil {
		return subject.NoEngine(g.NoEngine)
	}
	all, err := g.Engine.List(ctx, true)
	if err != nil {
		return check.Undetermined(err, fix.Fix{})
	}
	all = slices.DeleteFunc(all, func(s dockerapi.Summary) bool { return taskName(s) == "" })
	dead, err := g.recentCrashes(ctx, all)
	found := slices.Concat(unhealthyFindings(all), oomFindings(dead), g.crashLoops(all, dead, time.Now()))
	if err != nil {
		found = append(found, check.Undetermined(err, fix.Fix{})...)
	}
	if len(found) == 0 {
		return check.Passed(plural.Count(len(all), "ECS container") + ", none unhealthy or in a crash loop")
	}
	return found
}

// taskName returns FAMILY/CONTAINER of the task definition, which stays the same when a service replaces its tasks. It
// is empty for a container that ECS did not start, and for the pause container of awsvpc tasks.
func taskName(s dockerapi.Summary) string {
	family, name := s.Labels["com.amazonaws.ecs.task-definition-family"], s.Labels["com.amazonaws.ecs.container-name"]
	if name == "" || strings.HasPrefix(name, "~internal~") {
		return ""
	}
	return family + "/" + name
}

// crash is a recent unexpected exit of a container.
type crash struct {
	dockerapi.Summary
	dockerapi.Inspection
}

// recentCrashes inspects the stopped containers, the newest first, and returns recent crashes.
func (g Group) recentCrashes(ctx context.Context, all []dockerapi.Summary) (dead []crash, err error) {
	stopped := slices.DeleteFunc(slices.Clone(all), func(s dockerapi.Summary) bool { return s.State != "exited" && s.State != "dead" })
	slices.SortStableFunc(stopped, func(a, b dockerapi.Summary) int { return b.Created.Compare(a.Created) })
	for _, s := range stopped[:min(len(stopped), maxInspected)] {
		i, there, err := g.Engine.Inspect(ctx, s.ID)
		if err != nil {
			return dead, err
		}
		// With exit code 0 or 143 the main process was not killed: only a child process ran out of memory.
		oomFindings := i.OOMKilled && i.ExitCode != 0 && i.ExitCode != subject.ExitSIGTERM
		if there && (oomFindings || crashed(i.ExitCode)) && time.Since(i.FinishedAt) < recent {
			dead = append(dead, crash{s, i})
		}
	}
	return dead, nil
}

// crashed excludes the exit codes of a container that was stopped from outside with SIGTERM, or then SIGKILL, as every
// deployment does.
func crashed(code int) bool {
	return code != 0 && code != subject.ExitSIGTERM && code != subject.ExitSIGKILL
}

// byTask groups containers by their name in the task definition. It keeps the order.
func byTask[C any](all []C, name func(C) string) [][]C {
	var groups [][]C
	at := map[string]int{}
	for _, c := range all {
		i, known := at[name(c)]
		if !known {
			i = len(groups)
			at[name(c)], groups = i, append(groups, nil)
		}
		groups[i] = append(groups[i], c)
	}
	return groups
}

// namesOf returns the names for Finding.About: the name in the task definition, and the container IDs as muster-agent
// shows them.
func namesOf(all ...dockerapi.Summary) []string {
	names := []string{taskName(all[0])}
	for _, s := range all {
		names = append(names, s.ID[:min(len(s.ID), 12)])
	}
	return names
}

// maxNamed limits the findings of one kind, because a failing service can leave many containers.
const maxNamed = 10

func unhealthyFindings(all []dockerapi.Summary) []check.Finding {
	failing := slices.DeleteFunc(slices.Clone(all), func(s dockerapi.Summary) bool { return s.Health != "unhealthy" })
	var found []check.Finding
	for _, group := range byTask(failing, taskName) {
		summary := taskName(group[0]) + " is unhealthy: its health check fails"
		if len(group) > 1 {
			summary = fmt.Sprintf(
				"%s is unhealthy in %s: its health check fails",
				taskName(group[0]),
				plural.Count(len(group), "container"),
			)
		}
		f := check.Finding{Kind: ContainerUnhealthy, Status: check.Fail, Summary: summary, About: namesOf(group...),
			Fix: fix.Do("Read the output of the health check:", "sudo docker inspect --format '{{json .State.Health.Log}}' "+group[0].Name)}
		for _, s := range group {
			f.Evidence = append(f.Evidence, "container "+s.Name+": unhealthy")
		}
		f.Evidence = subject.Bounded(f.Evidence)
		found = append(found, f)
	}
	return found[:min(len(found), maxNamed)]
}

func oomFindings(dead []crash) []check.Finding {
	out := slices.DeleteFunc(slices.Clone(dead), func(d crash) bool { return !d.OOMKilled })
	var found []check.Finding
	for _, group := range byTask(out, crash.task) {
		f := check.Finding{
			Kind:    ContainerOOMKilled,
			Status:  check.Fail,
			Summary: group[0].task() + " was killed: it ran out of memory",
			About:   namesOf(summaries(group)...),
			Fix: fix.Do(
				"Raise the container's memory in its task definition, or reduce its use (JVM: -XX:MaxRAMPercentage), then read its last log lines:",
				"sudo docker logs --tail 20 "+group[0].Summary.Name,
			),
		}
		if len(group) > 1 {
			f.Summary = fmt.Sprintf("%s was killed %s: it ran out of memory", group[0].task(), plural.Count(len(group), "time"))
		}
		f.Evidence = exits(group)
		found = append(found, f)
	}
	return found[:min(len(found), maxNamed)]
}

func (d crash) task() string { return taskName(d.Summary) }

func summaries(dead []crash) []dockerapi.Summary {
	var out []dockerapi.Summary
	for _, d := range dead {
		out = append(out, d.Summary)
	}
	return out
}

func exits(dead []crash) []string {
	var lines []string
	for _, d := range dead {
		lines = append(lines, fmt.Sprintf("container %s: exit code %d at %s, OOMKilled %v", d.Summary.Name, d.ExitCode,
			d.FinishedAt.UTC().Format(time.RFC3339), d.OOMKilled))
	}
	return subject.Bounded(lines)
}

// crashLoops counts crashes by task name. A failing service creates a new container each time, and ECS's own restart
// policy does not change Docker's restart count.
func (g Group) crashLoops(all []dockerapi.Summary, dead []crash, now time.Time) []check.Finding {
	var found []check.Finding
	for _, group := range byTask(dead, crash.task) {
		var at []time.Time
		for _, d := range group {
			at = append(at, d.FinishedAt)
		}
		n, on := crashloop.On(at, now)
		if !on {
			continue
		}
		f := g.restartingFinding(namesOf(summaries(group)...), group[0].Summary.Name)
		f.Summary = fmt.Sprintf("%s is in a crash loop: %s, last exit code %d", group[0].task(), plural.Count(n, "unexpected exit"),
			group[0].ExitCode)
		f.Evidence = append([]string{"rule: " + crashloop.Says()}, exits(group)...)
		found = append(found, f)
	}
	for _, s := range all {
		if s.State == "restarting" {
			f := g.restartingFinding(namesOf(s), s.Name)
			f.Summary, f.Evidence = "Docker keeps restarting "+taskName(s), []string{"container " + s.Name + ": state restarting"}
			found = append(found, f)
		}
	}
	return found[:min(len(found), maxNamed)]
}

func (g Group) restartingFinding(about []string, name string) check.Finding {
	return check.Finding{Kind: ContainerRestarting, Status: check.Fail, About: about,
		SymptomOf: []*check.Kind{ContainerOOMKilled, g.Others.DiskCheck},
		Fix:       fix.Do("Read its last log lines:", "sudo docker logs --tail 20 "+name)}
}
