package starts_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"muster/agent/starts"
	"muster/internal/awsapi"
	"muster/internal/host/ecsagent"
)

const arn = "arn:aws:ecs:eu-central-1:123456789012:task/prod/1a"

func task(known string, started bool) ecsagent.Task {
	t := ecsagent.Task{ARN: arn, KnownStatus: known, DesiredStatus: known, Family: "shop", Version: "7"}
	if started {
		t.Containers = []ecsagent.Container{{Name: "web", StartedAt: time.Unix(1, 0)}}
	}
	return t
}

// world is the sources of a Watch.
type world struct {
	log    []ecsagent.TaskEnd
	broken error
	ecs    []awsapi.StoppedTask
	denied error
	asked  int
}

func (w *world) StoppedTasks(context.Context, string, []string) ([]awsapi.StoppedTask, error) {
	w.asked++
	return w.ecs, w.denied
}

func (w *world) watch() *starts.Watch {
	return &starts.Watch{Cluster: func() string { return "prod" }, ECS: w,
		Log: func(time.Time) ([]ecsagent.TaskEnd, error) { return w.log, w.broken }}
}

func TestATaskThatDidNotStartIsReportedOnce(t *testing.T) {
	logged := func(container, text string) []ecsagent.TaskEnd {
		return []ecsagent.TaskEnd{{Task: "1a", Text: ""}, {Task: "1a", Container: container, Text: text}}
	}
	described := func(code, reason string, containers ...awsapi.StoppedContainer) []awsapi.StoppedTask {
		return []awsapi.StoppedTask{{ARN: arn, StopCode: code, Reason: reason, Containers: containers}}
	}
	for name, c := range map[string]struct {
		world world
		task  ecsagent.Task
		want  []string
	}{
		"the log has the reason": {
			world{log: logged("web", "CannotPullContainerError: toomanyrequests: You have reached your pull rate limit")},
			task("STOPPED", false),
			[]string{"prod shop web: could not be started: the registry limits the rate of pulls: " +
				"CannotPullContainerError: toomanyrequests: You have reached your pull rate limit"},
		},
		"a secret, before any container": {
			world{log: logged("", "fetching secret data from SSM Parameter Store in eu-central-1: AccessDeniedException")},
			task("STOPPED", false),
			[]string{"prod shop : could not be started: a secret of its task definition cannot be read: " +
				"fetching secret data from SSM Parameter Store in eu-central-1: AccessDeniedException"},
		},
		"the log may not be read, and ECS has the reason": {
			world{broken: errors.New("permission denied"), ecs: described("TaskFailedToStart",
				"CannotPullContainerError: pull image manifest has been retried", awsapi.StoppedContainer{Name: "web",
					Reason: "CannotPullContainerError: manifest for shop:2 not found: manifest unknown"})},
			task("STOPPED", false),
			[]string{"prod shop web: could not be started: its image or tag does not exist, or its registry requires a login: " +
				"CannotPullContainerError: manifest for shop:2 not found: manifest unknown"},
		},
		"a deployment ended it first": {
			world{ecs: described("ServiceSchedulerInitiated", "Scaling activity initiated by (deployment ecs-svc/1)")}, task("STOPPED", false), nil,
		},
		"nothing says why":     {world{denied: errors.New("denied")}, task("STOPPED", false), nil},
		"it ran":               {world{log: logged("web", "OutOfMemoryError: Container killed due to memory usage")}, task("STOPPED", true), nil},
		"it is being prepared": {world{log: logged("web", "CannotPullContainerError: no such host")}, task("PENDING", false), nil},
	} {
		t.Run(name, func(t *testing.T) {
			w, now := c.world.watch(), time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
			w.NewFailures(t.Context(), now, nil)
			var got []string
			for i := range 20 {
				for _, f := range w.NewFailures(t.Context(), now.Add(time.Duration(i)*time.Minute), []ecsagent.Task{c.task}) {
					got = append(got, f.Container.Cluster+" "+f.Container.Family+" "+f.Container.Container+": "+f.Why)
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
			if c.world.asked > 6 {
				t.Errorf("ECS was asked %d times", c.world.asked)
			}
		})
	}
}

// muster-agent was upgraded: the ECS agent lists a stopped task for three hours.
func TestWhatFailedBeforeTheAgentBeganIsNotReported(t *testing.T) {
	world := &world{log: []ecsagent.TaskEnd{{Task: "1a", Text: "CannotPullContainerError: no such host"}}}
	w, now := world.watch(), time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	for i := range 3 {
		if got := w.NewFailures(t.Context(), now.Add(time.Duration(i)*time.Minute), []ecsagent.Task{task("STOPPED", false)}); got != nil {
			t.Errorf("reported %+v", got)
		}
	}
}
