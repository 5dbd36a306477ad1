package bootstrap

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"muster/bootstrap/bootreport"
	"muster/internal/awsapi"
	"muster/internal/config"
	"muster/internal/fleet/inventory"
	"muster/internal/host/dockerapi"
	"muster/internal/host/ecsagent"
	"muster/internal/instance"
	"muster/test/observe"
)

const ownTask = clusterARN + "prod/0123456789abcdef" // of service grid

// servant is an instance with tasks, and the ECS and Docker that know them, as functions of the time since the wait
// began. A nil function returns nothing.
type servant struct {
	began      time.Time
	tasks      func(time.Duration) ([]ecsagent.Task, error)
	containers func(time.Duration) ([]dockerapi.Summary, error)
	groups     func(time.Duration) (map[string]string, error)
	service    func(time.Duration) ([]inventory.Service, error)

	described, consulted int // calls of DescribeTasks and DescribeServices
	AWS                      // panics on every other call
}

func (s *servant) Metadata(context.Context) (ecsagent.Metadata, error) {
	return ecsagent.Metadata{}, nil
}
func (s *servant) Tasks(context.Context) ([]ecsagent.Task, error) {
	return s.tasks(time.Since(s.began))
}
func (s *servant) List(context.Context, bool) ([]dockerapi.Summary, error) {
	return s.containers(time.Since(s.began))
}
func (s *servant) TaskGroups(context.Context, string, []string) (map[string]string, error) {
	s.described++
	return s.groups(time.Since(s.began))
}
func (s *servant) DescribeServices(context.Context, string, []string) ([]inventory.Service, error) {
	s.consulted++
	return s.service(time.Since(s.began))
}

// grid is an instance on which a healthy task of service grid runs.
func grid() *servant {
	return &servant{
		began: time.Now(), tasks: always(task("RUNNING")), containers: always(container("healthy")),
		groups:  func(time.Duration) (map[string]string, error) { return map[string]string{ownTask: "service:grid"}, nil },
		service: always(inventory.Service{Name: "grid", Status: "ACTIVE", Desired: 3, Running: 2, Pending: 1}),
	}
}

func always[T any](what ...T) func(time.Duration) ([]T, error) {
	return func(time.Duration) ([]T, error) { return slices.Clone(what), nil }
}

func fails[T any](err error) func(time.Duration) (T, error) {
	return func(time.Duration) (none T, _ error) { return none, err }
}

func task(status string) ecsagent.Task {
	return ecsagent.Task{ARN: ownTask, DesiredStatus: "RUNNING", KnownStatus: status}
}

func container(health string) dockerapi.Summary {
	return dockerapi.Summary{Name: "ecs-grid-7-tomcat", State: "running", Health: health,
		Labels: map[string]string{dockerapi.LabelTask: ownTask}}
}

func denied(action string) error {
	return &awsapi.Error{Action: action, Kind: awsapi.Denied, Code: "AccessDeniedException", Err: errors.New("not authorized")}
}

func throttled(action string) error {
	return &awsapi.Error{Action: action, Kind: awsapi.Throttled, Code: "ThrottlingException", Err: errors.New("rate exceeded")}
}

// await waits for service grid for up to 10 minutes of simulated time.
func (s *servant) await(t *testing.T) (bootreport.Report, time.Duration) {
	t.Helper()
	s.began = time.Now()
	r := &run{
		Host: &Host{
			Log:    slog.New(slog.NewTextHandler(&observe.Journal{}, nil)),
			Agent:  func(*config.Config) Introspection { return s },
			Docker: func(*instance.Instance) (Docker, error) { return s, nil },
		},
		Instance: &instance.Instance{Config: &config.Config{AwaitService: "grid"}},
		aws:      s, pace: realPace(), started: time.Now(), wanted: ref(t, "prod"),
	}
	ctx, stop := context.WithTimeout(t.Context(), 10*time.Minute)
	defer stop()
	report := bootreport.Report{Outcome: bootreport.Registered}
	r.awaitService(ctx, &report)
	return report, time.Since(s.began).Round(time.Second)
}

// from returns what until the time, and then after it.
func from[T any](at time.Duration, before, after func(time.Duration) (T, error)) func(time.Duration) (T, error) {
	return func(now time.Duration) (T, error) {
		if now < at {
			return before(now)
		}
		return after(now)
	}
}

func TestVerifyWaitsUntilATaskOfTheServiceIsHealthy(t *testing.T) {
	const soon = 90 * time.Second
	for name, c := range map[string]struct {
		change func(*servant)
		waits  time.Duration // at least; the next look is at most 2 s later, or 5 s if ECS is asked
		calls  int           // of DescribeTasks
	}{
		"it is healthy at once": {func(*servant) {}, 0, 1},
		"it has no health check, and runs": {func(s *servant) {
			s.containers = always(container("none"))
		}, 0, 1},
		"ECS places it later": {func(s *servant) {
			s.tasks = from(soon, always[ecsagent.Task](), always(task("RUNNING")))
		}, soon, 1},
		"its image is still pulled": {func(s *servant) {
			s.tasks = from(soon, always(task("PENDING")), always(task("RUNNING")))
		}, soon, 1},
		"its health check needs time": {func(s *servant) {
			s.containers = from(soon, always(container("starting")), always(container("healthy")))
		}, soon, 1},
		"one of its containers is not healthy yet": {func(s *servant) {
			s.containers = from(soon, always(container("healthy"), container("unhealthy")), always(container("healthy"), container("none")))
		}, soon, 1},
		"the ECS agent does not answer at first": {func(s *servant) {
			s.tasks = from(soon, fails[[]ecsagent.Task](ecsagent.ErrRefused), always(task("RUNNING")))
		}, soon, 1},
		"Docker does not answer at first": {func(s *servant) {
			s.containers = from(soon, fails[[]dockerapi.Summary](errors.New("no socket")), always(container("healthy")))
		}, soon, 1},
		"DescribeServices is denied": {func(s *servant) {
			s.service = fails[[]inventory.Service](denied("ecs:DescribeServices"))
			s.tasks = from(soon, always[ecsagent.Task](), always(task("RUNNING")))
		}, soon, 1},
		"all tasks ran elsewhere for a minute": {func(s *servant) {
			s.service = from(time.Minute, always(inventory.Service{Name: "grid", Desired: 3, Running: 3}), s.service)
			s.tasks = from(soon, always[ecsagent.Task](), always(task("RUNNING")))
		}, soon, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := grid()
				c.change(s)
				report, waited := s.await(t)
				if report.Outcome != bootreport.Registered || len(report.Warnings) != 0 {
					t.Errorf("%+v", report)
				}
				if waited < c.waits || waited > c.waits+7*time.Second || s.described != c.calls {
					t.Errorf("waited %s, want %s; %d calls of DescribeTasks, want %d", waited, c.waits, s.described, c.calls)
				}
			})
		})
	}
}

func TestVerifyFailsWithTheStateOfTheTask(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*servant)
		cause  string
		fix    string
	}{
		"no task was placed": {
			func(s *servant) { s.tasks = always[ecsagent.Task]() },
			"no task of service grid is on this instance", "muster fit --cluster prod --service grid",
		},
		"only a task of another service runs": {
			func(s *servant) {
				s.groups = func(time.Duration) (map[string]string, error) {
					return map[string]string{ownTask: "service:grid2"}, nil
				}
			},
			"no task of service grid is on this instance", "muster fit --cluster prod --service grid",
		},
		"only a stopped task is known": {
			func(s *servant) { s.tasks = always(task("STOPPED")) },
			"no task of service grid is on this instance", "muster fit --cluster prod --service grid",
		},
		"its image is never there": {
			func(s *servant) { s.tasks = always(task("PENDING")) },
			"task 0123456789abcdef of service grid is PENDING", "sudo muster debug",
		},
		"its health check fails": {
			func(s *servant) { s.containers = always(container("unhealthy")) },
			"container ecs-grid-7-tomcat of task 0123456789abcdef of service grid is unhealthy",
			"sudo docker inspect --format '{{json .State.Health}}' ecs-grid-7-tomcat",
		},
		"Docker runs none of its containers": {
			func(s *servant) { s.containers = always[dockerapi.Summary]() },
			"Docker runs no container of task 0123456789abcdef of service grid, which the ECS agent reports as RUNNING", "sudo muster debug",
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := grid()
				s.service = always(inventory.Service{Name: "grid", Status: "ACTIVE", Desired: 3, Running: 2, Events: []inventory.Event{{
					At:      time.Date(2026, 11, 28, 2, 0, 0, 0, time.UTC),
					Message: "(service grid) was unable to place a task because no container instance met all of its requirements.",
				}}})
				c.change(s)
				report, waited := s.await(t)
				wantOutcome(t, report, bootreport.ServiceNotHealthy, "service-not-healthy")
				if report.ExitCode != 1 || !report.Failed() || waited != 10*time.Minute {
					t.Errorf("exit code %d after %s", report.ExitCode, waited)
				}
				if report.Cause.Summary != c.cause || !strings.Contains(report.Cause.Fix.String(), c.fix) {
					t.Errorf("%s; fix: %s", report.Cause.Summary, report.Cause.Fix)
				}
				wantText(t, report.Reason, "registered in cluster prod, but no healthy task of service grid ran here within 10m0s")
				wantText(t, strings.Join(report.Evidence, "\n"), "service grid has 2 running and 0 pending of 3 desired tasks",
					"last event, 2026-11-28 02:00:00: (service grid) was unable to place a task")
				wantText(t, report.Line(), "registered in cluster", c.cause)
				if s.described > 1 || s.consulted > 14 {
					t.Errorf("%d calls of DescribeTasks and %d of DescribeServices in 10 minutes", s.described, s.consulted)
				}
			})
		})
	}
}

func TestVerifyGoesOnIfNothingIsToBeAwaitedOrKnown(t *testing.T) {
	none := always[ecsagent.Task]()
	for name, c := range map[string]struct {
		change func(*servant)
		warns  string
		waits  time.Duration // at most
	}{
		"the service does not exist, as when a stack is created": {
			func(s *servant) { s.tasks, s.service = none, always[inventory.Service]() },
			"did not wait for service grid: cluster prod has no such service", 0,
		},
		"the service was deleted": {
			func(s *servant) {
				s.tasks, s.service = none, always(inventory.Service{Name: "grid", Status: "INACTIVE"})
			},
			"did not wait for service grid: cluster prod has no such service", 0,
		},
		"the service is scaled to zero": {
			func(s *servant) { s.tasks, s.service = none, always(inventory.Service{Name: "grid", Status: "ACTIVE"}) },
			"its desired count is 0", 0,
		},
		"all tasks run on other instances": {
			func(s *servant) {
				s.tasks, s.service = none, always(inventory.Service{Name: "grid", Status: "ACTIVE", Desired: 3, Running: 3})
			},
			"stopped waiting for service grid: all of its tasks (3) run on other instances", 5 * time.Minute,
		},
		"DescribeTasks is denied": {
			func(s *servant) { s.groups = fails[map[string]string](denied("ecs:DescribeTasks")) },
			"ecs:DescribeTasks", 0,
		},
		"DescribeTasks is throttled to the end": {
			func(s *servant) { s.groups = fails[map[string]string](throttled("ecs:DescribeTasks")) },
			"could not check whether service grid is healthy here: ", 10 * time.Minute,
		},
		"the ECS agent is silent to the end": {
			func(s *servant) { s.tasks = fails[[]ecsagent.Task](ecsagent.ErrSilent) },
			"could not check whether service grid is healthy here: no response in time", 10 * time.Minute,
		},
		"Docker is silent to the end": {
			func(s *servant) { s.containers = fails[[]dockerapi.Summary](errors.New("no socket")) },
			"could not check whether service grid is healthy here: no socket", 10 * time.Minute,
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := grid()
				c.change(s)
				report, waited := s.await(t)
				if report.Outcome != bootreport.Registered || report.ExitCode != 0 || waited > c.waits {
					t.Errorf("after %s: %+v", waited, report)
				}
				wantText(t, strings.Join(report.Warnings, "\n"), c.warns)
				if len(report.Warnings) != 1 || s.described > 16 || s.consulted > 16 {
					t.Errorf("%d warnings, %d and %d calls", len(report.Warnings), s.described, s.consulted)
				}
			})
		})
	}
}

func TestABootWithClosedPortsDoesNotWaitForItsService(t *testing.T) {
	r, _ := registered(config.PortsFail, nil)
	r.Config.AwaitService = "grid" // a nil Agent would panic
	report := bootreport.Report{Outcome: bootreport.PortsClosed}
	r.awaitService(t.Context(), &report)
	if report.Outcome != bootreport.PortsClosed || len(report.Warnings) != 0 {
		t.Errorf("%+v", report)
	}
}

func TestWithoutTimeLeftTheServiceIsUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := grid()
		r := &run{
			Host: &Host{
				Log: slog.New(slog.NewTextHandler(&observe.Journal{}, nil)), Agent: func(*config.Config) Introspection { return s },
			},
			Instance: &instance.Instance{Config: &config.Config{AwaitService: "grid"}}, aws: s, pace: realPace(), wanted: ref(t, "prod"),
		}
		over, stop := context.WithCancel(t.Context())
		stop()
		report := bootreport.Report{Outcome: bootreport.Registered}
		r.awaitService(over, &report)
		if report.Failed() || len(report.Warnings) != 1 || !strings.Contains(report.Warnings[0], "no time was left") {
			t.Errorf("%+v", report)
		}
	})
}
