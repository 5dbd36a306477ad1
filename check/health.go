package check

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"muster/internal/dockerapi"
	"muster/internal/fix"
)

// Containers lists the containers of this host.
type Containers interface {
	List(ctx context.Context, all bool) ([]dockerapi.Summary, error)
	Inspect(ctx context.Context, id string) (dockerapi.Inspection, bool, error)
}

const (
	// The ECS agent removes a stopped container after three hours
	// (ECS_ENGINE_TASK_CLEANUP_WAIT_DURATION); what ended long ago is history.
	recent = time.Hour
	// crashes is how often the containers of one name must have died lately to be
	// called a loop.
	crashes = 3
	// maxInspected bounds the questions to the Engine.
	maxInspected = 50
)

// healthChecks look at what ECS runs here.
func healthChecks(w World) []Check {
	return []Check{
		{ID: "containers", Group: Health, Title: "the containers of ECS run, and are healthy", Needs: []string{"docker"}, Run: w.containers,
			Findings: []string{"container-unhealthy", "container-oom-killed", "container-restarting"}},
	}
}

func (w World) containers(ctx context.Context) []Finding {
	if w.Engine == nil {
		return w.noEngine()
	}
	all, err := w.Engine.List(ctx, true)
	if err != nil {
		return CouldNotLook(err, fix.Fix{})
	}
	all = slices.DeleteFunc(all, func(s dockerapi.Summary) bool { return taskName(s) == "" })
	dead, err := w.died(ctx, all)
	found := slices.Concat(unhealthy(all), killed(dead), looping(all, dead))
	if err != nil {
		found = append(found, CouldNotLook(err, fix.Fix{})...)
	}
	if len(found) == 0 {
		return Passed(fmt.Sprintf("%d containers of ECS are here, and none is unhealthy or dies again and again", len(all)))
	}
	return found
}

// taskName is a container's name in its task definition with that family: what
// stays when a service replaces its tasks. It is empty for a container that ECS
// did not start, and for the pause container of awsvpc tasks.
func taskName(s dockerapi.Summary) string {
	family, name := s.Labels["com.amazonaws.ecs.task-definition-family"], s.Labels["com.amazonaws.ecs.container-name"]
	if name == "" || strings.HasPrefix(name, "~internal~") {
		return ""
	}
	return family + "/" + name
}

// death is how a container ended lately, on its own.
type death struct {
	dockerapi.Summary
	dockerapi.Inspection
}

// died inspects the stopped containers, the newest first, for those that failed
// lately.
func (w World) died(ctx context.Context, all []dockerapi.Summary) (dead []death, err error) {
	stopped := slices.DeleteFunc(slices.Clone(all), func(s dockerapi.Summary) bool { return s.State != "exited" && s.State != "dead" })
	slices.SortStableFunc(stopped, func(a, b dockerapi.Summary) int { return b.Created.Compare(a.Created) })
	for _, s := range stopped[:min(len(stopped), maxInspected)] {
		i, there, err := w.Engine.Inspect(ctx, s.ID)
		if err != nil {
			return dead, err
		}
		// Of one that was stopped well, some other process was killed for memory.
		killed := i.OOMKilled && i.ExitCode != 0 && i.ExitCode != sigterm
		if there && (killed || crashed(i.ExitCode)) && time.Since(i.FinishedAt) < recent {
			dead = append(dead, death{s, i})
		}
	}
	return dead, nil
}

// Exit codes of a process that a signal ended.
const sigterm, sigkill = 128 + 15, 128 + 9

// crashed leaves out the codes of a container that was stopped from outside, by
// SIGTERM or then SIGKILL, as every deployment does.
func crashed(code int) bool {
	return code != 0 && code != sigterm && code != sigkill
}

// say is a container for a person.
func say(s dockerapi.Summary) string { return taskName(s) + " (" + s.Name + ")" }

func unhealthy(all []dockerapi.Summary) []Finding {
	var lines []string
	for _, s := range all {
		if s.Health == "unhealthy" {
			lines = append(lines, say(s)+" is unhealthy: its health check fails")
		}
	}
	return first("container-unhealthy", Fail, lines, "docker inspect --format '{{json .State.Health.Log}}' NAME shows what the check said")
}

func killed(dead []death) []Finding {
	var lines []string
	for _, d := range dead {
		if d.OOMKilled {
			lines = append(lines, fmt.Sprintf("%s was killed for memory at %s", say(d.Summary), d.FinishedAt.UTC().Format(time.RFC3339)))
		}
	}
	return first("container-oom-killed", Fail, lines, "raise the memory of the container in its task definition, or lower what it uses (a JVM: -XX:MaxRAMPercentage)")
}

// looping counts by name: a service that fails makes a new container each time,
// and ECS's own restart policy does not move Docker's count.
func looping(all []dockerapi.Summary, dead []death) []Finding {
	count, last := map[string]int{}, map[string]death{}
	var names, lines []string
	for _, d := range dead {
		name := taskName(d.Summary)
		if count[name]++; count[name] == 1 {
			names, last[name] = append(names, name), d
		}
	}
	for _, name := range names {
		if count[name] >= crashes {
			lines = append(lines, fmt.Sprintf("%s died %d times within the last hour, last with exit code %d", say(last[name].Summary), count[name], last[name].ExitCode))
		}
	}
	for _, s := range all {
		if s.State == "restarting" {
			lines = append(lines, say(s)+" is being restarted by Docker")
		}
	}
	found := first("container-restarting", Fail, lines, "docker logs --tail 20 NAME shows its last words")
	for i := range found {
		found[i].SymptomOf = []string{"container-oom-killed", "disk"}
	}
	return found
}
