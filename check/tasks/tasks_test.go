package tasks_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"muster/check"
	"muster/check/subject"
	"muster/check/tasks"
	"muster/internal/awsapi"
	"muster/internal/base/stopreason"
	"muster/internal/config"
	"muster/internal/host/dockerapi"
	"muster/internal/host/ecsagent"
)

// host is a Docker Engine, an ECS agent and ECS, as a test wants them.
type host struct {
	containers []dockerapi.Summary
	inspected  map[string]dockerapi.Inspection
	known      func() []ecsagent.Task
	stopped    []awsapi.StoppedTask
	denied     error
	asked      [][]string
}

func (h *host) List(_ context.Context, all bool) ([]dockerapi.Summary, error) {
	return slices.DeleteFunc(slices.Clone(h.containers), func(s dockerapi.Summary) bool { return !all && !s.Running() }), nil
}

func (h *host) Inspect(_ context.Context, id string) (dockerapi.Inspection, bool, error) {
	return h.inspected[id], true, nil
}

func (h *host) Tasks(context.Context) ([]ecsagent.Task, error) {
	if h.known == nil {
		return nil, nil
	}
	return h.known(), nil
}

func (h *host) StoppedTasks(_ context.Context, _ string, arns []string) ([]awsapi.StoppedTask, error) {
	h.asked = append(h.asked, arns)
	return h.stopped, h.denied
}

func (h *host) Metadata(context.Context) (ecsagent.Metadata, error) {
	return ecsagent.Metadata{Cluster: "prod", ContainerInstanceARN: "arn:aws:ecs:eu-central-1:123456789012:container-instance/prod/ci"}, nil
}

func arn(id string) string { return "arn:aws:ecs:eu-central-1:123456789012:task/prod/" + id }

// add adds a container of task id, family shop.
func (h *host) add(id, name, state string, found dockerapi.Inspection) {
	key := id + name
	h.containers = append(h.containers, dockerapi.Summary{ID: key, Name: "ecs-" + key, State: state, Created: time.Now().Add(-time.Minute),
		Labels: map[string]string{"com.amazonaws.ecs.task-arn": arn(id), "com.amazonaws.ecs.task-definition-family": "shop",
			"com.amazonaws.ecs.container-name": name}})
	if h.inspected == nil {
		h.inspected = map[string]dockerapi.Inspection{}
	}
	h.inspected[key] = found
}

func (h *host) run(t *testing.T, id string) check.Result {
	t.Helper()
	cfg, err := config.Load(config.Set{Flags: map[string]string{"MUSTER_ROOT": t.TempDir(), "MUSTER_CLUSTER": "prod"}})
	if err != nil {
		t.Fatal(err)
	}
	i := subject.New(subject.Instance{Config: cfg, Agent: h}, subject.Sources{})
	other := &check.Kind{ID: "other"}
	others := tasks.Others{DiskCheck: other, PressureCheck: other, DockerCheck: other, DNSCheck: other, ContainerOOMKilled: other,
		ContainerRestarting: other, ContainerUnhealthy: other, MusterOrphan: other}
	for _, c := range (tasks.Group{Instance: i, Engine: h, Agent: h, ECS: h, Others: others}).Checks() {
		if c.ID == id {
			c.Needs = nil
			return check.Run(t.Context(), []check.Check{c})[0]
		}
	}
	t.Fatalf("no check %s", id)
	return check.Result{}
}

func died(code int, oom bool, ago time.Duration) dockerapi.Inspection {
	return dockerapi.Inspection{ExitCode: code, OOMKilled: oom, FinishedAt: time.Now().Add(-ago)}
}

func TestTheFailuresOfTasks(t *testing.T) {
	for name, c := range map[string]struct {
		arrange func(*host)
		want    []string // id, status
	}{
		"a start that failed, and a replacement that runs": {func(h *host) {
			h.add("1", "api", "created", dockerapi.Inspection{ExitCode: 128, Error: "port is already allocated"})
			h.add("2", "api", "running", dockerapi.Inspection{})
		}, []string{"task-port-taken warn"}},
		"the same failure twice is one finding": {func(h *host) {
			h.add("1", "api", "created", dockerapi.Inspection{ExitCode: 128, Error: "port is already allocated"})
			h.add("2", "api", "created", dockerapi.Inspection{ExitCode: 128, Error: "port is already allocated"})
		}, []string{"task-port-taken fail"}},
		"a container that was created and waits": {
			func(h *host) { h.add("1", "api", "created", dockerapi.Inspection{}) },
			[]string{"tasks pass"},
		},
		"a failure of two hours ago": {
			func(h *host) { h.add("1", "api", "exited", died(137, true, 2*time.Hour)) },
			[]string{"tasks pass"},
		},
		"an exit with 3 of an unknown group": {
			func(h *host) { h.add("1", "api", "exited", died(3, false, time.Minute)) },
			[]string{"tasks pass"},
		},
		"137 of which Docker says nothing": {
			func(h *host) { h.add("1", "api", "exited", died(137, false, time.Minute)) },
			[]string{"tasks pass"},
		},
		"out of memory": {
			func(h *host) { h.add("1", "api", "exited", died(137, true, time.Minute)) },
			[]string{"task-out-of-memory fail"},
		},
		"a sidecar that the end of its task killed": {func(h *host) {
			h.add("1", "api", "exited", died(3, false, time.Minute))
			h.add("1", "side", "exited", died(137, false, 30*time.Second))
			h.stopped = []awsapi.StoppedTask{{ARN: arn("1"), Group: "service:shop", StopCode: "EssentialContainerExited",
				Reason: "Essential container in task exited"}}
		}, []string{"task-stop-timeout fail", "task-exited fail"}},
		"ECS knows that a health check stopped it": {func(h *host) {
			h.add("1", "api", "exited", died(137, false, time.Minute))
			h.stopped = []awsapi.StoppedTask{{ARN: arn("1"), Group: "service:shop", StopCode: "ServiceSchedulerInitiated",
				Reason: "Task failed container health checks"}}
		}, []string{"task-unhealthy fail"}},
		"ECS may not be asked": {func(h *host) {
			h.add("1", "api", "exited", died(137, true, time.Minute))
			h.denied = errors.New("not authorized to perform: ecs:DescribeTasks")
		}, []string{"task-out-of-memory fail"}},
	} {
		t.Run(name, func(t *testing.T) {
			h := &host{}
			c.arrange(h)
			var got []string
			for _, f := range h.run(t, "tasks").Findings {
				got = append(got, f.ID+" "+string(f.Status))
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// ECS is asked about tasks that failed, once, and not about an instance on which all is well.
func TestECSIsAskedAboutFailuresAlone(t *testing.T) {
	h := &host{}
	h.add("1", "api", "exited", died(0, false, time.Minute))
	h.add("2", "api", "running", dockerapi.Inspection{})
	if h.run(t, "tasks"); len(h.asked) != 0 {
		t.Errorf("asked about %v", h.asked)
	}
	h.add("3", "api", "exited", died(1, false, time.Minute))
	if h.run(t, "tasks"); len(h.asked) != 1 || !slices.Equal(h.asked[0], []string{arn("3")}) {
		t.Errorf("asked about %v", h.asked)
	}
}

func TestEveryReasonHasAKind(t *testing.T) {
	declared := check.IDs((tasks.Group{}).Checks()[0].Findings)
	for _, id := range stopreason.IDs() {
		if !slices.Contains(declared, id) {
			t.Errorf("%s has no kind", id)
		}
	}
	if len(declared) != len(stopreason.IDs()) {
		t.Errorf("%d kinds for %d reasons", len(declared), len(stopreason.IDs()))
	}
}

func TestOrphans(t *testing.T) {
	is := func(desired, known string) func() []ecsagent.Task {
		return func() []ecsagent.Task {
			return []ecsagent.Task{{ARN: arn("1"), DesiredStatus: desired, KnownStatus: known, Family: "shop",
				Containers: []ecsagent.Container{{DockerID: "1api", DockerName: "ecs-1api", Name: "api"}}}}
		}
	}
	for name, c := range map[string]struct {
		known func() []ecsagent.Task
		state string
		want  string
	}{
		"both run it":                            {is("RUNNING", "RUNNING"), "running", "orphans pass"},
		"stopped, and Docker runs it":            {is("STOPPED", "STOPPED"), "running", "orphan warn"},
		"being stopped":                          {is("STOPPED", "RUNNING"), "running", "orphans pass"},
		"the agent does not know the task":       {func() []ecsagent.Task { return nil }, "running", "orphan warn"},
		"the agent runs it, and Docker does not": {is("RUNNING", "RUNNING"), "exited", "orphan warn"},
		"the agent learns of the exit a second later": {func() func() []ecsagent.Task {
			began := time.Time{}
			return func() []ecsagent.Task {
				if began.IsZero() {
					began = time.Now()
				}
				if time.Since(began) < time.Second {
					return is("RUNNING", "RUNNING")()
				}
				return is("STOPPED", "STOPPED")()
			}
		}(), "exited", "orphans pass"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := &host{known: c.known}
				h.add("1", "api", c.state, dockerapi.Inspection{})
				f := h.run(t, "orphans").Findings[0]
				if got := f.ID + " " + string(f.Status); got != c.want {
					t.Errorf("got %s, want %s: %+v", got, c.want, f)
				}
			})
		})
	}
}
