package tasks

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"muster/internal/base/arn"
	"muster/internal/base/stopreason"
	"muster/internal/host/dockerapi"
	"muster/internal/host/ecsagent"
)

// internalPrefix is the prefix of containers that the ECS agent adds to a task.
const internalPrefix = "~internal~"

// end holds what is known about a stopped task, or a stopped container of a task.
type end struct {
	stopreason.Facts
	task, container string // the task's ID, and the container's name in the task definition; empty for the task itself
	docker          string // the name in Docker; empty if the container was not created
	at              time.Time
	started         bool // the container was started
	reported        bool // the ECS agent or ECS reported the end
	evidence        []string
}

// ends collects the data of all sources.
type ends struct {
	all     map[[2]string]*end
	arns    map[string]string // by task ID
	family  map[string]string // by task ID
	service map[string]string // by task ID, according to ECS
	running map[string]bool   // FAMILY/CONTAINER with a running container
	trouble []string          // errors of the sources that could not be read
}

func newEnds() *ends {
	return &ends{all: map[[2]string]*end{}, arns: map[string]string{}, family: map[string]string{}, service: map[string]string{},
		running: map[string]bool{}}
}

func (e *ends) of(task, container string) *end {
	key := [2]string{task, container}
	if e.all[key] == nil {
		e.all[key] = &end{task: task, container: container}
	}
	return e.all[key]
}

// name returns FAMILY/CONTAINER, as far as it is known.
func (e *ends) name(x *end) string {
	family := e.family[x.task]
	switch {
	case family != "" && x.container != "":
		return family + "/" + x.container
	case family != "":
		return "a task of " + family
	case x.container != "":
		return x.container + " of task " + x.task
	}
	return "task " + x.task
}

// fromAgent adds the families of the ECS agent's tasks. The agent keeps a stopped task for three hours.
func (e *ends) fromAgent(tasks []ecsagent.Task) {
	for _, t := range tasks {
		e.arns[arn.Last(t.ARN)], e.family[arn.Last(t.ARN)] = t.ARN, t.Family
	}
}

// fromLog adds the ends that the ECS agent logged.
func (e *ends) fromLog(logged []ecsagent.TaskEnd) {
	for _, l := range logged {
		x := e.of(l.Task, l.Container)
		x.Text, x.ExitCode, x.reported = l.Text, l.ExitCode, l.Reported
		x.started, x.at = l.ExitCode != nil, l.Time
		if l.Text != "" {
			x.evidence = append(x.evidence, l.File+": "+l.Text)
		}
	}
}

// fromDocker adds the containers of tasks. A running container means that an error before its start no longer applies.
func (e *ends) fromDocker(ctx context.Context, engine Engine, since time.Time) error {
	all, err := engine.List(ctx, true)
	if err != nil {
		return err
	}
	all = slices.DeleteFunc(slices.Clone(all), func(s dockerapi.Summary) bool {
		return s.Labels[dockerapi.LabelContainer] == "" || strings.HasPrefix(s.Labels[dockerapi.LabelContainer], internalPrefix)
	})
	slices.SortStableFunc(all, func(a, b dockerapi.Summary) int { return b.Created.Compare(a.Created) })
	looked := 0
	for _, s := range all {
		task, family, container := s.Labels[dockerapi.LabelTask], s.Labels[dockerapi.LabelFamily], s.Labels[dockerapi.LabelContainer]
		if task != "" {
			e.arns[arn.Last(task)], e.family[arn.Last(task)] = task, family
		}
		if s.Running() || s.State == "restarting" {
			e.running[family+"/"+container] = true
			e.forget(arn.Last(task), container)
			continue
		}
		if looked++; looked > maxInspected || task == "" {
			continue
		}
		found, there, err := engine.Inspect(ctx, s.ID)
		if err != nil {
			return err
		}
		if there {
			e.exited(s, found, since)
		}
	}
	return nil
}

// forget removes an error that no longer applies because the container runs, such as a failed pull of a cached image.
func (e *ends) forget(task, container string) {
	delete(e.all, [2]string{task, container})
	if x := e.all[[2]string{task, ""}]; x != nil && !x.reported {
		delete(e.all, [2]string{task, ""})
	}
}

func (e *ends) exited(s dockerapi.Summary, found dockerapi.Inspection, since time.Time) {
	ran := s.State != "created"
	at := cmp.Or(found.FinishedAt, s.Created)
	if ran && at.Before(since) || !ran && (found.Error == "" || s.Created.Before(since)) {
		return
	}
	x := e.of(arn.Last(s.Labels[dockerapi.LabelTask]), s.Labels[dockerapi.LabelContainer])
	x.docker, x.at, x.started = s.Name, at, ran
	if ran {
		if !x.reported && x.Text != "" { // the error happened before the start and no longer applies
			x.Text, x.evidence = "", nil
		}
		x.ExitCode, x.OOMKilled = &found.ExitCode, found.OOMKilled
		x.evidence = append(x.evidence, exitLine(s.Name, found))
		return
	}
	x.Text = cmp.Or(x.Text, found.Error)
	x.evidence = append(x.evidence, "container "+s.Name+": "+found.Error)
}
