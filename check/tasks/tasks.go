package tasks

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"muster/check"
	"muster/check/subject"
	"muster/internal/awsapi"
	"muster/internal/base/arn"
	"muster/internal/base/fix"
	"muster/internal/base/stopreason"
	"muster/internal/host/dockerapi"
	"muster/internal/host/ecsagent"
)

const (
	// recent is the age up to which a stop is reported. ECS keeps a stopped task for an hour.
	recent = time.Hour
	// maxInspected limits the requests to the Engine. maxAsked limits the tasks in the one call to ECS.
	maxInspected = 50
	maxAsked     = 100
	// maxNamed limits the number of findings, because a failing service can leave many containers.
	maxNamed = 10
)

// tasks explains why tasks of the last hour did not start or failed. It reads the ECS agent's log, its introspection
// API and Docker. It calls ECS only for tasks that failed.
func (g Group) tasks(ctx context.Context) []check.Finding {
	e, since := newEnds(), g.Now().Add(-recent)
	if g.Agent != nil {
		if known, err := g.Agent.Tasks(ctx); err == nil {
			e.fromAgent(known)
		}
	}
	logged, err := ecsagent.ReadTaskEnds(g.Config.Path(g.Config.ECSLogDir), since, g.logName())
	e.fromLog(logged)
	sources := 0
	switch {
	case err == nil:
		sources++
	case !errors.Is(err, fs.ErrNotExist):
		e.trouble = append(e.trouble, err.Error())
	}
	if g.Engine != nil {
		if err := e.fromDocker(ctx, g.Engine, since); err == nil {
			sources++
		} else {
			e.trouble = append(e.trouble, err.Error())
		}
	}
	g.fromECS(ctx, e)
	found := g.findings(e)
	switch {
	case len(found) > 0:
		return found
	case sources == 0 && len(e.trouble) > 0:
		return check.Undetermined(errors.New(strings.Join(e.trouble, "; ")), fix.Do("Run muster as root:", "sudo muster check tasks"))
	case sources == 0:
		return check.Skipped("the ECS agent has not logged anything yet, and there is no Docker Engine to query")
	}
	return check.Passed("no task failed in the last hour", e.trouble...)
}

// logName returns the file name of the ECS agent's log.
func (g Group) logName() string {
	v, _ := g.Settings().Get("ECS_LOGFILE")
	if filepath.Dir(v.Text) == "/log" {
		return filepath.Base(v.Text)
	}
	return ""
}

// fromECS requests the stop reasons of the tasks that failed according to the local sources. If the call is denied, the
// findings are less specific.
func (g Group) fromECS(ctx context.Context, e *ends) {
	var arns []string
	seen := map[string]bool{}
	for _, x := range e.sorted() {
		_, failed := stopreason.Of(x.Facts)
		if arn := e.arns[x.task]; arn != "" && !seen[arn] && (failed || x.ExitCode != nil && *x.ExitCode != 0) && len(arns) < maxAsked {
			seen[arn], arns = true, append(arns, arn)
		}
	}
	name, _ := g.Wanted()
	if g.ECS == nil || len(arns) == 0 {
		return
	}
	stopped, err := g.ECS.StoppedTasks(ctx, name, arns)
	if err != nil {
		e.trouble = append(e.trouble, "could not get the reason from ECS: "+err.Error())
	}
	for _, t := range stopped {
		e.fromECS(t)
	}
}

// fromECS adds ECS's data about a task. Its reasons come from the ECS agent or from ECS itself.
func (e *ends) fromECS(t awsapi.StoppedTask) {
	task := arn.Last(t.ARN)
	if service, is := strings.CutPrefix(t.Group, "service:"); is {
		e.service[task] = service
	}
	whole := e.of(task, "")
	whole.StopCode, whole.reported, whole.at = t.StopCode, true, later(whole.at, t.StoppedAt)
	if t.Reason != "" {
		whole.Text = t.Reason
		whole.evidence = append(whole.evidence, "ECS: stoppedReason: "+t.Reason)
	}
	for _, c := range t.Containers {
		x := e.of(task, c.Name)
		x.reported, x.at = true, later(x.at, t.StoppedAt)
		if x.ExitCode == nil {
			x.ExitCode, x.started = c.ExitCode, c.ExitCode != nil
		}
		if c.Reason != "" && c.Reason != x.Text {
			x.Text = c.Reason
			x.evidence = append(x.evidence, "ECS: "+c.Name+": "+c.Reason)
		}
	}
}

func later(a, b time.Time) time.Time {
	if a.IsZero() {
		return b
	}
	return a
}

func (e *ends) sorted() []*end {
	return slices.SortedFunc(maps.Values(e.all), func(a, b *end) int {
		if n := b.at.Compare(a.at); n != 0 {
			return n
		}
		return strings.Compare(a.task+"/"+a.container, b.task+"/"+b.container)
	})
}

// failure is a task or a container that failed.
type failure struct {
	*end
	name   string
	reason stopreason.Reason
}

// failures evaluates the ends. The first container of a task that exited is the reason why the others ended, because
// the ECS agent stopped them. The task itself counts only if none of its containers explains its end.
func (e *ends) failures() (all []failure) {
	byTask := map[string][]*end{}
	for _, x := range e.sorted() {
		byTask[x.task] = append(byTask[x.task], x)
	}
	for _, task := range slices.Sorted(maps.Keys(byTask)) {
		if slices.ContainsFunc(byTask[task], (*end).isProven) {
			all = append(all, e.failuresOf(byTask[task])...)
		}
	}
	slices.SortStableFunc(all, func(a, b failure) int { return b.at.Compare(a.at) })
	return all
}

// isProven reports whether the task or container has certainly ended. An error line about a container is not enough: the
// ECS agent also logs errors that the task survives, such as a failed pull of a cached image. A task resource that
// cannot be created, such as a secret, always ends the task; that line names no container.
func (x *end) isProven() bool { return x.reported || x.docker != "" || x.container == "" }

func (e *ends) failuresOf(task []*end) (all []failure) {
	var whole *end
	var own []*end
	for _, x := range task {
		if x.container == "" {
			whole = x
		} else {
			own = append(own, x)
		}
	}
	first := firstExit(own)
	for _, x := range own {
		facts := x.Facts
		facts.Stopped = facts.Stopped || first != nil && x != first && x.started
		if whole != nil {
			facts.StopCode = whole.StopCode
			if facts.Text == "" {
				facts.Text = whole.Text
			}
		}
		if ambiguous(facts) {
			continue
		}
		if reason, failed := stopreason.Of(facts); failed {
			all = append(all, failure{x, e.name(x), reason})
		}
	}
	if whole != nil && len(all) == 0 && first == nil {
		if reason, failed := stopreason.Of(whole.Facts); failed {
			all = append(all, failure{whole, e.name(whole), reason})
		}
	}
	return all
}

// ambiguous reports whether only Docker reported an exit with 137. A deployment, the stop timeout and a kill then look
// the same.
func ambiguous(f stopreason.Facts) bool {
	return f.ExitCode != nil && *f.ExitCode == subject.ExitSIGKILL && !f.OOMKilled && f.Text == "" && f.StopCode == "" && !f.Stopped
}

// firstExit returns the container that ended its task: the earliest one that did not exit like a stopped container.
func firstExit(containers []*end) (first *end) {
	for _, x := range containers {
		if x.ExitCode == nil || *x.ExitCode == subject.ExitSIGTERM || *x.ExitCode == subject.ExitSIGKILL && !x.OOMKilled && x.Text == "" {
			continue
		}
		if first == nil || x.at.Before(first.at) {
			first = x
		}
	}
	return first
}

func (g Group) findings(e *ends) []check.Finding {
	var found []check.Finding
	at := map[[2]string]int{}
	for _, f := range e.failures() {
		running := e.running[f.name]
		if f.reason.ID == Exited.ID && (running || e.service[f.task] == "") {
			continue // the containers check finds crash loops, and one exit of a one-off task may be its result
		}
		key := [2]string{f.reason.ID, f.name}
		if i, known := at[key]; known {
			found[i].Evidence = append(found[i].Evidence, f.evidence...)
			continue
		}
		at[key] = len(found)
		found = append(found, g.finding(f, running))
	}
	for i := range found {
		found[i].Evidence = subject.Bounded(append(slices.Compact(found[i].Evidence), e.trouble...))
	}
	return found[:min(len(found), maxNamed)]
}

// finding returns the finding for a failure. It is only a warning if another container with the same name is running by
// now.
func (g Group) finding(f failure, running bool) check.Finding {
	out := check.Finding{Kind: check.KindOf(reasonKinds(), f.reason.ID), Status: check.Fail, Summary: f.name + " " + f.reason.What,
		Evidence: slices.Clone(f.evidence), About: []string{f.name}, SymptomOf: g.explainedBy(f.reason), Fix: f.reason.Fix.Map(g.fillIn)}
	if f.docker != "" && f.started && slices.Contains([]*check.Kind{Exited, OutOfMemory, Killed}, out.Kind) {
		out.Fix = withLog(out.Fix, f.docker)
	}
	if running {
		out.Status = check.Warn
		out.Summary += "; another of its containers is running now"
	}
	return out
}

// withLog adds the command that shows the container's log.
func withLog(to fix.Fix, name string) fix.Fix {
	to.Text = strings.TrimSuffix(to.Text, ".")
	if !strings.HasSuffix(to.Text, ":") {
		to.Text += ":"
	}
	to.Commands = append(slices.Clone(to.Commands), "sudo docker logs --tail 20 "+name)
	return to
}

func (g Group) fillIn(text string) string { return strings.ReplaceAll(text, "REGION", g.Region()) }

// explainedBy returns the checks that may explain a reason, and the findings of the containers check about the same
// container. No check explains an image that does not exist.
func (g Group) explainedBy(r stopreason.Reason) []*check.Kind {
	o := g.Others
	switch r.Origin {
	case stopreason.Disk:
		return []*check.Kind{o.DiskCheck}
	case stopreason.DNS, stopreason.Network:
		return append([]*check.Kind{o.DNSCheck}, o.NetworkChecks...)
	case stopreason.Docker:
		return []*check.Kind{o.DockerCheck, o.DiskCheck, o.PressureCheck}
	case stopreason.Memory:
		return []*check.Kind{o.PressureCheck}
	}
	return []*check.Kind{o.ContainerOOMKilled, o.ContainerRestarting, o.ContainerUnhealthy}
}

func exitLine(name string, found dockerapi.Inspection) string {
	return fmt.Sprintf("container %s: exit code %d at %s, OOMKilled %v", name, found.ExitCode,
		found.FinishedAt.UTC().Format(time.RFC3339), found.OOMKilled)
}
