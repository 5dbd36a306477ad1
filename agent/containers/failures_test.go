package containers

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"muster/internal/host/dockerapi"
)

// of assigns the tasks of containers to a service.
func (s *scene) of(service string, ids ...string) {
	for _, id := range ids {
		s.services["arn:t-"+id] = TaskInfo{Service: service}
	}
}

// failsToStart simulates a create event whose start fails, with the state that Docker leaves (moby daemon/start.go).
func (s *scene) failsToStart(id string, code int, why string) {
	s.of("web", id)
	s.inspect[id] = &dockerapi.Inspection{ExitCode: code, Error: why}
	s.happens(id, "create")
	s.passes(10 * time.Second)
}

// lives simulates a container of a service that exits after the given lifetime.
func (s *scene) lives(id string, life time.Duration, status int) {
	s.of("web", id)
	s.happens(id, "start")
	s.passes(life)
	s.happens(id, "die", code(status))
	s.happens(id, "destroy")
}

// down are scenarios of failing services, with the expected counts and reports.
var down = map[string]struct {
	play    func(*scene)
	counted string
	said    []string
}{
	"it never starts: no executable, a port in use, a bad log driver": {func(s *scene) {
		s.failsToStart("x", 127, "exec: stat /nope: no such file or directory")
		s.failsToStart("y", 128, "failed to create endpoint: port is already allocated")
		s.failsToStart("z", 128, "failed to initialize logging driver")
	}, " crashes=3", []string{"start-failed x 127", "start-failed y 128", "start-failed z 128", "crash-loop z 128"}},
	"it never starts, and the event was lost": {func(s *scene) {
		s.inspect["x"] = &dockerapi.Inspection{ExitCode: 127, Error: "stat /nope"}
		for range 3 {
			s.lists(listed("a", "running", "none"), listed("x", "created", ""))
			s.passes(time.Minute)
		}
	}, " crashes=1", []string{"start-failed x 127"}},
	"it is unhealthy and replaced for ever": {func(s *scene) {
		for _, id := range []string{"x", "y", "z"} {
			s.of("web", id)
			s.happens(id, "start")
			s.passes(100 * time.Second)
			s.happens(id, "health_status", health("unhealthy"))
			s.passes(5 * time.Second)
			s.happens(id, "kill", signal(15))
			s.happens(id, "die", code(143))
			s.passes(2 * time.Minute)
		}
	}, " exits=3 sick=3 sicktasks=3 stops=3", []string{"unhealthy x 0", "recovered x 0", "unhealthy y 0", "recovered y 0",
		"unhealthy z 0", "crash-loop z 143", "recovered z 0"}},
	"it dies five minutes after its start": {func(s *scene) {
		for _, id := range []string{"x", "y", "z"} {
			s.lives(id, 5*time.Minute+10*time.Second, 1)
		}
	}, " crashes=3 exits=3", []string{"crash x 1", "crash y 1", "crash z 1", "crash-loop z 1"}},
	"a crash a minute, of which this one of six hosts sees each sixth": {func(s *scene) {
		for i := range 5 {
			s.lives(fmt.Sprint("x", i), time.Second, 1)
			s.passes(6 * time.Minute)
		}
	}, " crashes=5 exits=5", []string{"crash x0 1", "crash x1 1", "crash x2 1", "crash-loop x2 1"}},
	"ECS waits longer and longer between its attempts": {func(s *scene) {
		for i, gap := range []time.Duration{10 * time.Second, 30 * time.Second, time.Minute, 4 * time.Minute, 13 * time.Minute, 27 * time.Minute,
			27 * time.Minute} {
			s.lives(fmt.Sprint("x", i), time.Second, 1)
			s.passes(gap)
		}
		s.passes(26 * time.Minute) // the loop is not over yet
	}, " crashes=7 exits=7", []string{"crash x0 1", "crash x1 1", "crash x2 1", "crash-loop x2 1"}},
	"its main container exits with 0 while a sidecar takes half a minute to stop": {func(s *scene) {
		s.of("web", "b")
		sidecar := labels(ecs("t-b", "sidecar"))
		s.happens("b", "start")
		s.happens("c", "start", sidecar)
		s.passes(time.Minute)
		s.happens("b", "die", code(0))
		s.happens("c", "kill", signal(15), sidecar)
		s.passes(30 * time.Second)
		s.happens("c", "die", code(0), sidecar)
	}, " crashes=1 exits=2 stops=1", []string{"crash b 0"}},
	"a signal that stops nothing hides neither bad health nor the crash": {func(s *scene) {
		s.inspect["b"] = &dockerapi.Inspection{Running: true, StopSignal: 15, Health: "none"}
		s.happens("b", "start")
		s.passes(time.Second)
		for _, n := range []int{10, 12, 18, 21} { // USR1, USR2, CONT, TTIN
			s.happens("b", "kill", signal(n))
		}
		s.happens("b", "health_status", health("unhealthy"))
		s.happens("b", "die", code(1))
	}, " crashes=1 exits=1 sick=1 sicktasks=1", []string{"unhealthy b 0", "crash b 1"}},
	"its health check never has a result": {func(s *scene) {
		s.inspect["b"] = &dockerapi.Inspection{Running: true, Health: "starting", Checked: true, Due: 3 * time.Minute}
		s.happens("b", "start")
		s.passes(4 * time.Minute)
	}, "", []string{"unhealthy b 0"}},
	"it exits under live-restore while Docker is away": {func(s *scene) {
		s.restartsDocker(dockerapi.Inspection{ExitCode: 3}, true)
	}, " crashes=1 exits=1", []string{"docker-lost  0", "docker-regained  0", "crash b 3"}},
	"it is killed for memory under live-restore while Docker is away": {func(s *scene) {
		s.restartsDocker(dockerapi.Inspection{ExitCode: 137, OOMKilled: true}, true)
	}, " exits=1 ooms=1", []string{"docker-lost  0", "docker-regained  0", "oom b 137"}},
}

// restartsDocker simulates that Docker stops and returns with b as an exited container. Another container survives, or
// Docker has stopped it too and a restart policy started it again.
func (s *scene) restartsDocker(b dockerapi.Inspection, survives bool) {
	began := s.now.Add(-time.Hour)
	s.inspect["a"] = &dockerapi.Inspection{Running: true, StartedAt: began, Health: "none"}
	s.inspect["b"] = &dockerapi.Inspection{Running: true, StartedAt: began, Health: "none"}
	s.lists(listed("a", "running", "none"), listed("b", "running", "none"))
	s.passes(time.Second)
	s.loses()
	s.passes(10 * time.Second)
	if !survives {
		s.inspect["a"] = &dockerapi.Inspection{Running: true, StartedAt: s.now, Health: "none"}
	}
	s.inspect["b"] = &b
	s.lists(listed("a", "running", "none"), listed("b", "exited", ""))
}

// planned are scenarios that must not count as failures.
var planned = map[string]struct {
	play    func(*scene)
	counted string
	said    []string
}{
	"ECS starts a container long after it created it": {func(s *scene) {
		s.inspect["b"] = &dockerapi.Inspection{}
		s.happens("b", "create")
		for range 5 {
			s.passes(time.Minute)
			s.lists(listed("a", "running", "none"), listed("b", "created", ""))
		}
		s.happens("b", "start")
	}, "", nil},
	"STOPSIGNAL QUIT of a container that is removed at once": {func(s *scene) {
		s.of("web", "b")
		s.happens("b", "start")
		s.passes(time.Minute)
		s.happens("b", "kill", signal(3))
		s.happens("b", "die", code(0))
		s.happens("b", "stop")
		s.happens("b", "destroy")
	}, " exits=1 stops=1", nil},
	"STOPSIGNAL USR1, known from its start, and any code": {func(s *scene) {
		s.inspect["b"] = &dockerapi.Inspection{Running: true, StopSignal: 10, Health: "none"}
		s.happens("b", "start")
		s.passes(time.Minute)
		delete(s.inspect, "b")
		s.happens("b", "kill", signal(10))
		s.happens("b", "die", code(1))
		s.happens("b", "destroy")
	}, " exits=1 stops=1", nil},
	"three replicas of one host exit together": {func(s *scene) {
		ids := []string{"x", "y", "z"}
		s.of("web", ids...)
		for _, id := range ids {
			s.happens(id, "start")
		}
		s.passes(time.Hour)
		for _, id := range ids {
			s.happens(id, "die", code(1))
			s.passes(time.Second)
		}
	}, " crashes=3 exits=3", []string{"crash x 1", "crash y 1", "crash z 1"}},
	"a drain of half an hour that ends with 0": {func(s *scene) {
		s.of("web", "b")
		s.happens("b", "start")
		s.happens("b", "kill", signal(15))
		s.passes(30 * time.Minute)
		s.happens("b", "die", code(0))
	}, " exits=1 stops=1", nil},
	"a drain of half an hour that ends with 143": {func(s *scene) {
		s.happens("a", "kill", signal(15))
		s.passes(30 * time.Minute)
		s.happens("a", "die", code(143))
	}, " exits=1 stops=1", nil},
	"a drain of half an hour of docker stop that ends with 1": {func(s *scene) {
		s.happens("a", "kill", signal(15))
		s.passes(30 * time.Minute)
		s.happens("a", "die", code(1))
		s.happens("a", "stop")
	}, " exits=1 stops=1", nil},
	"one-off tasks that fail are no service in a crash loop": {func(s *scene) {
		for _, id := range []string{"x", "y", "z"} {
			s.happens(id, "start")
			s.passes(time.Minute)
			s.happens(id, "die", code(2))
		}
	}, " crashes=3 exits=3", []string{"crash x 2", "crash y 2", "crash z 2"}},
	"a restart policy starts it again after each exit with 0": {func(s *scene) {
		s.of("web", "a")
		for range 3 {
			s.happens("a", "die", code(0))
			s.passes(time.Second)
			s.happens("a", "start")
		}
	}, " exits=3 restarts=3", nil},
	"the ECS agent is upgraded": {func(s *scene) {
		agent := func(e *dockerapi.Event) { e.Name, e.Labels = "ecs-agent", nil }
		s.happens("e", "start", agent)
		s.happens("e", "die", code(42), agent)
	}, " exits=1", nil},
	"the ECS agent fails": {func(s *scene) {
		agent := func(e *dockerapi.Event) { e.Name, e.Labels = "ecs-agent", nil }
		s.happens("e", "start", agent)
		s.happens("e", "die", code(5), agent)
	}, " crashes=1 exits=1", []string{"crash e 5"}},
	"Docker restarts without live-restore": {func(s *scene) {
		s.restartsDocker(dockerapi.Inspection{ExitCode: 3}, false)
	}, " exits=2 restarts=1", []string{"docker-lost  0", "docker-regained  0"}},
}

func TestAServiceThatIsDownShowsANumberThatIsNotZero(t *testing.T) {
	playAll(t, down)
}

func TestNothingPlannedIsACrash(t *testing.T) {
	playAll(t, planned)
}

func playAll(t *testing.T, all map[string]struct {
	play    func(*scene)
	counted string
	said    []string
}) {
	for name, c := range all {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			s.lists(listed("a", "running", "none"))
			s.passes(time.Second)
			c.play(s)
			s.passes(taskEnds + time.Second)
			s.want(c.counted, c.said...)
		})
	}
}

func TestAnEventNamesItsReason(t *testing.T) {
	for name, c := range map[string]struct {
		play func(*scene)
		want []string // the last reasons
	}{
		"a start that fails": {func(s *scene) { s.failsToStart("x", 127, "stat /nope: no such file") },
			[]string{"could not be started: stat /nope: no such file"}},
		"a loop of starts that fail": {func(s *scene) {
			for _, id := range []string{"x", "y", "z"} {
				s.failsToStart(id, 128, "port is already allocated")
			}
		}, []string{"3 unexpected exits within 30m; the last: " +
			"could not be started: a host port that it publishes is in use: port is already allocated"}},
		"a loop that is over": {func(s *scene) {
			for i := range 3 {
				s.lives(fmt.Sprint("x", i), time.Second, 1)
			}
			s.passes(31 * time.Minute)
		}, []string{"no unexpected exit for 30m"}},
		"a process is killed for memory, and then the container exits": {func(s *scene) {
			s.happens("a", "oom")
			s.happens("a", "die", code(1))
		}, []string{"a process in the container was killed for memory; its main process exited later", "exited unexpectedly with code 1"}},
		"an unhealthy container is replaced": {func(s *scene) {
			s.happens("a", "health_status", health("unhealthy"))
			s.happens("a", "kill", signal(15))
			s.happens("a", "die", code(143))
			s.passes(2 * time.Minute)
		}, []string{"its health check fails", "gone: the unhealthy container has exited"}},
		"an unhealthy container is removed": {func(s *scene) {
			s.happens("a", "health_status", health("unhealthy"))
			s.happens("a", "kill", signal(15))
			s.happens("a", "die", code(143))
			s.happens("a", "destroy")
		}, []string{"gone: the unhealthy container was removed"}},
		"a health check that hangs": {func(s *scene) {
			s.inspect["b"] = &dockerapi.Inspection{Running: true, Health: "starting", Checked: true, Due: 90 * time.Second}
			s.happens("b", "start")
			s.passes(2 * time.Minute)
		}, []string{"its health check has had no result for 1m30s, its start period and all retries: the probe probably hangs"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			s.lists(listed("a", "running", "none"))
			s.passes(time.Second)
			c.play(s)
			s.passes(time.Second)
			got := s.reasons[max(0, len(s.reasons)-len(c.want)):]
			if !slices.Equal(got, c.want) {
				t.Errorf("got %q", strings.Join(s.reasons, "\n"))
			}
		})
	}
}

func TestARenamedContainerHasItsNewName(t *testing.T) {
	for name, rename := range map[string]func(*scene){
		"by its event": func(s *scene) { s.happens("a", "rename", func(e *dockerapi.Event) { e.Name = "web-old" }) },
		"by the list": func(s *scene) {
			renamed := listed("a", "running", "none")
			renamed.Name = "web-old"
			s.lists(renamed)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			s.lists(listed("a", "running", "none"))
			rename(s)
			s.passes(settle)
			if got := s.m.containers["a"].Name; got != "web-old" {
				t.Errorf("it is %q", got)
			}
		})
	}
}

func TestAPausedContainerDoesNotRun(t *testing.T) {
	s := newScene(t)
	s.of("web", "a")
	running := func() int {
		s.passes(settle)
		return s.m.snapshot().Running
	}
	s.lists(listed("a", "paused", ""))
	got := []int{running()}
	s.happens("a", "unpause")
	got = append(got, running())
	s.happens("a", "pause")
	got = append(got, running())
	s.lists(listed("a", "running", "none"))
	if got = append(got, running()); !slices.Equal(got, []int{0, 1, 0, 1}) {
		t.Errorf("running: %v", got)
	}
}

// ECS's introspection is asked once a minute, and a task may have a container whose start failed as well.
func TestATaskThatDidNotStartCountsOnce(t *testing.T) {
	failed := func(s *scene, arn string) {
		s.services[arn] = TaskInfo{Service: "web"}
		s.m.answer(s.now, func(m *machine, now time.Time) {
			m.taskFailed(now, Identity{Cluster: "prod", TaskARN: arn, Family: "node", Container: "web"}, "could not be started: its image")
		})
	}
	for name, c := range map[string]struct {
		play    func(*scene)
		counted string
		said    []string
	}{
		"its image cannot be pulled": {func(s *scene) { failed(s, "arn:t-new") }, " crashes=1", []string{"start-failed  0"}},
		"its image cannot be pulled, thrice": {func(s *scene) {
			for _, arn := range []string{"arn:t-1", "arn:t-2", "arn:t-3"} {
				failed(s, arn)
				s.passes(time.Minute)
			}
		}, " crashes=3", []string{"start-failed  0", "start-failed  0", "start-failed  0", "crash-loop  0"}},
		"Docker has seen it first": {func(s *scene) {
			s.failsToStart("x", 127, "no such file")
			failed(s, s.m.containers["x"].TaskARN)
		}, " crashes=1", []string{"start-failed x 127"}},
		"the ECS agent has seen it first": {func(s *scene) {
			s.of("web", "x")
			s.inspect["x"] = &dockerapi.Inspection{ExitCode: 128, Error: "port is already allocated"}
			s.happens("x", "create")
			failed(s, "arn:t-x")
			s.passes(10 * time.Second)
		}, " crashes=1", []string{"start-failed  0"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			s.lists(listed("a", "running", "none"))
			c.play(s)
			s.passes(taskEnds + time.Second)
			s.want(c.counted, c.said...)
		})
	}
}
