package bootstrap

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"muster/bootstrap/bootreport"
	"muster/internal/awsapi"
	"muster/internal/base/arn"
	"muster/internal/base/exitcode"
	"muster/internal/base/fix"
	"muster/internal/fleet/inventory"
	"muster/internal/host/dockerapi"
	"muster/internal/host/ecsagent"
)

// awaitService waits until a healthy task of --await-service runs on this instance, and fails the boot if none does
// before ctx ends. If ECS will place no task here, or muster cannot check, it only adds a warning.
func (r *run) awaitService(ctx context.Context, report *bootreport.Report) {
	if r.Config.AwaitService == "" || report.Failed() {
		return
	}
	w := &serviceWait{run: r, name: r.Config.AwaitService, groups: map[string]string{}, doubt: errNoTime}
	r.info("service", "waiting for a healthy task of service %s on this instance", w.name)
	err := w.wait(ctx)
	var open *openQuestion
	switch {
	case err == nil:
		r.info("service", "task %s of service %s runs here and is healthy", w.ready, w.name)
	case errors.As(err, &open):
		report.Warnings = append(report.Warnings, err.Error())
		r.warn("service", "%v", err)
	default:
		report.Outcome, report.ExitCode = bootreport.ServiceNotHealthy, exitcode.Failed
		report.Reason = fmt.Sprintf("registered in cluster %s, but no healthy task of service %s ran here within %s",
			r.wanted, w.name, time.Since(r.started).Round(time.Second))
		report.Evidence = append(report.Evidence, w.evidence()...)
		report.Cause = bootreport.NewCause("service-not-healthy", err.Error(), w.fix)
	}
}

// errNoTime means that the time was over before the first look.
var errNoTime = errors.New("no time was left after the registration")

// openQuestion ends the wait without a verdict on the service.
type openQuestion struct{ error }

func open(format string, args ...any) error { return &openQuestion{fmt.Errorf(format, args...)} }

// serviceWait is what the wait for a service knows.
type serviceWait struct {
	*run
	name   string
	groups map[string]string // of the tasks that ECS has described, by ARN
	ready  string            // ID of the healthy task

	// These describe the last look at this instance. doubt is why muster could not check.
	state string
	doubt error
	// undescribed is why ECS has not described some tasks on this instance.
	undescribed error
	fix         fix.Fix

	service   inventory.Service // last description; zero before the first
	unseen    error             // why ECS did not describe the service
	fullSince time.Time         // since when ECS has reported all tasks running; zero if it does not
	describe  schedule          // when ECS is asked next: for the groups of tasks
	consult   schedule          // and for the service
}

// schedule spaces calls to ECS, because all instances of a fleet that boot at once share one bucket.
type schedule struct {
	next time.Time
	n    int
}

// due reports whether the next call may be made, and then schedules the one after it.
func (s *schedule) due(pauses []time.Duration) bool {
	if time.Now().Before(s.next) {
		return false
	}
	pause := pauses[min(s.n, len(pauses)-1)]
	s.next = time.Now().Add(pause + rand.N(max(1, pause/2)))
	s.n++
	return true
}

// wait returns nil once a task is healthy. It returns an *openQuestion if there is nothing to wait for or muster cannot
// check, and otherwise what keeps the task from being healthy when ctx ends.
func (w *serviceWait) wait(ctx context.Context) error {
	tick := time.NewTicker(w.pace.service)
	defer tick.Stop()
	for {
		healthy, err := w.look(ctx)
		if err == nil && !healthy {
			err = w.askECS(ctx)
		}
		if healthy || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return w.late()
		case <-tick.C:
		}
	}
}

// late is the result if the time is over.
func (w *serviceWait) late() error {
	if w.doubt != nil {
		return open("could not check whether service %s is healthy here: %w", w.name, w.doubt)
	}
	return errors.New(w.state)
}

// look looks for a healthy task of the service on this instance. It asks the ECS agent and Docker, and ECS only for the
// groups of tasks that it has not seen before.
func (w *serviceWait) look(ctx context.Context) (bool, error) {
	tasks, err := w.Agent(w.Config).Tasks(ctx)
	if ctx.Err() != nil {
		return false, nil // keep the last state
	}
	if w.doubt = err; err != nil {
		return false, nil
	}
	tasks = slices.DeleteFunc(tasks, func(t ecsagent.Task) bool { return t.KnownStatus == ecsagent.Stopped })
	if err := w.findGroups(ctx, tasks); err != nil {
		return false, err
	}
	if ctx.Err() != nil {
		return false, nil
	}
	own := slices.DeleteFunc(tasks, func(t ecsagent.Task) bool { return w.groups[t.ARN] != "service:"+w.name })
	if len(own) == 0 {
		w.doubt = w.undescribed
		w.state = fmt.Sprintf("no task of service %s is on this instance", w.name)
		w.fix = fix.Do("See whether a task of the service fits here:", fmt.Sprintf("muster fit --cluster %s --service %s", w.wanted.Text, w.name))
		return false, nil
	}
	for _, t := range own {
		if w.healthy(ctx, t) {
			w.ready = arn.Last(t.ARN)
			return true, nil
		}
	}
	return false, nil
}

// findGroups asks ECS for the groups of the tasks that it has not described yet. undescribed is then the reason why ECS
// has not described all of them.
func (w *serviceWait) findGroups(ctx context.Context, tasks []ecsagent.Task) error {
	var unknown []string
	for _, t := range tasks {
		if _, known := w.groups[t.ARN]; !known {
			unknown = append(unknown, t.ARN)
		}
	}
	if len(unknown) == 0 {
		w.undescribed = nil
		return nil
	}
	if !w.describe.due(w.pace.ask) {
		if w.undescribed == nil {
			w.undescribed = errNotAsked
		}
		return nil
	}
	groups, err := w.aws.TaskGroups(ctx, w.wanted.Text, unknown)
	if awsapi.KindOf(err) == awsapi.Denied {
		return open("did not wait for service %s: %w", w.name, err)
	}
	maps.Copy(w.groups, groups)
	if w.undescribed = err; err == nil {
		for _, task := range unknown {
			w.groups[task] = groups[task] // empty for a task that no longer exists
		}
	}
	return nil
}

// errNotAsked means that a task is so new that ECS was not asked for its service.
var errNotAsked = errors.New("ECS was not yet asked for the service of a new task")

// healthy reports whether the task runs and all its containers with a health check are healthy. A task without a health
// check is healthy once it runs.
func (w *serviceWait) healthy(ctx context.Context, t ecsagent.Task) bool {
	id := arn.Last(t.ARN)
	w.fix = fix.Do("See why:", "sudo muster debug")
	if t.KnownStatus != ecsagent.Running {
		w.state = fmt.Sprintf("task %s of service %s is %s", id, w.name, cmp.Or(t.KnownStatus, "not known to run"))
		return false
	}
	containers, err := w.containers(ctx)
	if ctx.Err() != nil {
		return false // keep the last state
	}
	if w.doubt = err; err != nil {
		return false
	}
	containers = slices.DeleteFunc(containers, func(c dockerapi.Summary) bool { return c.Labels[dockerapi.LabelTask] != t.ARN })
	w.state = fmt.Sprintf("Docker runs no container of task %s of service %s, which the ECS agent reports as RUNNING", id, w.name)
	for _, c := range containers {
		if c.Health != "none" && c.Health != "healthy" {
			w.state = fmt.Sprintf("container %s of task %s of service %s is %s", c.Name, id, w.name, cmp.Or(c.Health, c.State))
			w.fix = fix.Do("Read the output of its health check:", "sudo docker inspect --format '{{json .State.Health}}' "+c.Name)
			return false
		}
	}
	return len(containers) > 0
}

func (w *serviceWait) containers(ctx context.Context) ([]dockerapi.Summary, error) {
	docker, err := w.Host.Docker(w.Instance)
	if err != nil {
		return nil, err
	}
	return docker.List(ctx, false)
}

// askECS describes the service from time to time. The error is an *openQuestion if ECS will place no task here.
func (w *serviceWait) askECS(ctx context.Context) error {
	if awsapi.KindOf(w.unseen) == awsapi.Denied || !w.consult.due(w.pace.ask) {
		return nil
	}
	found, err := w.aws.DescribeServices(ctx, w.wanted.Text, []string{w.name})
	if ctx.Err() != nil {
		return nil
	}
	if w.unseen = err; err != nil {
		w.warn("service", "%v", err)
		return nil
	}
	if len(found) == 0 || found[0].Status == "INACTIVE" {
		return open("did not wait for service %s: cluster %s has no such service", w.name, w.wanted)
	}
	w.service = found[0]
	switch s := w.service; {
	case s.Desired == 0 || s.Status == "DRAINING":
		return open("did not wait for service %s: its desired count is 0, so ECS places no task", w.name)
	case s.Running < s.Desired || s.Pending > 0:
		w.fullSince = time.Time{}
	case w.fullSince.IsZero():
		w.fullSince = time.Now()
	case time.Since(w.fullSince) >= w.pace.full && w.doubt == nil:
		return open("stopped waiting for service %s: all of its tasks (%d) run on other instances", w.name, s.Desired)
	}
	return nil
}

// evidence returns what is known about the service.
func (w *serviceWait) evidence() (lines []string) {
	if w.unseen != nil {
		lines = append(lines, "ECS did not describe the service: "+w.unseen.Error())
	}
	if w.service.Name == "" {
		return lines
	}
	lines = append(lines, fmt.Sprintf("ECS: service %s has %d running and %d pending of %d desired tasks",
		w.name, w.service.Running, w.service.Pending, w.service.Desired))
	if len(w.service.Events) > 0 {
		e := w.service.Events[0]
		lines = append(lines, "last event, "+e.At.UTC().Format(time.DateTime)+": "+strings.TrimSpace(e.Message))
	}
	return lines
}
