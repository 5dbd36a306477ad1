package containers

import (
	"testing"
	"time"

	"muster/internal/host/dockerapi"
)

// sequences are event sequences that Docker 20.10 was observed to send, or could send.
var sequences = map[string]struct {
	play    func(*scene)
	counted string
	said    []string
}{
	"the main process is killed for memory: oom, then die 137": {func(s *scene) {
		s.happens("a", "oom")
		s.passes(30 * time.Millisecond)
		s.happens("a", "die", code(137))
	}, " exits=1 ooms=1", []string{"oom a 137"}},
	"the main process is killed for memory, which is reported twice": {func(s *scene) {
		s.happens("a", "oom")
		s.happens("a", "oom")
		s.happens("a", "die", code(137))
	}, " exits=1 ooms=1", []string{"oom a 137"}},
	"a child is killed for memory: oom, and no die": {func(s *scene) { s.happens("a", "oom") },
		" child=1", []string{"child-oom a 0"}},
	"a child is killed for memory, which is reported twice": {func(s *scene) {
		s.happens("a", "oom")
		s.passes(800 * time.Millisecond) // after the first was evaluated
		s.happens("a", "oom")
	}, " child=1", []string{"child-oom a 0"}},
	"children are killed for memory again and again": {func(s *scene) {
		for range 50 {
			s.happens("a", "oom")
			s.passes(2 * time.Second)
		}
	}, " child=50", []string{"child-oom a 0", "child-oom a 0"}},
	"a child is killed for memory and the main process gives up": {func(s *scene) {
		s.happens("a", "oom")
		s.happens("a", "die", code(1))
	}, " child=1 crashes=1 exits=1", []string{"child-oom a 0", "crash a 1"}},
	"the kill for memory was lost, and the inspection tells it": {func(s *scene) {
		s.inspect["a"] = &dockerapi.Inspection{OOMKilled: true, ExitCode: 137}
		s.happens("a", "die", code(137))
	}, " exits=1 ooms=1", []string{"oom a 137"}},
	"the end overtakes the inspection of the start": {func(s *scene) {
		s.inspect["b"] = &dockerapi.Inspection{Running: true}
		start, die := s.makes("b", "start"), s.makes("b", "die", code(137))
		die.Time = die.Time.Add(time.Millisecond)
		s.m.event(s.now, start)
		s.m.advance(s.now.Add(settle)) // requests the inspection
		s.m.event(s.now, die)
		s.answer()
		s.inspect["b"] = &dockerapi.Inspection{OOMKilled: true, ExitCode: 137}
	}, " exits=1 ooms=1", []string{"oom b 137"}},
	"two ends, and the start between was lost": {func(s *scene) {
		s.happens("a", "die", code(0))
		s.passes(2 * time.Second)
		s.happens("a", "die", code(1))
	}, " crashes=1 exits=2", []string{"crash a 1"}},
	"a thread dump is no stop: a crash later": {func(s *scene) {
		s.happens("a", "kill", signal(3))
		s.passes(5 * time.Minute)
		s.happens("a", "die", code(1))
	}, " crashes=1 exits=1", []string{"crash a 1"}},
	"a thread dump is no stop: a kill for memory later": {func(s *scene) {
		s.happens("a", "kill", signal(3))
		s.passes(5 * time.Minute)
		s.happens("a", "oom")
		s.happens("a", "die", code(137))
	}, " exits=1 ooms=1", []string{"oom a 137"}},
	"SIGQUIT is the stop of nginx": {func(s *scene) {
		s.inspect["a"] = &dockerapi.Inspection{StopSignal: 3, ExitCode: 1}
		s.happens("a", "kill", signal(3))
		s.happens("a", "die", code(1))
	}, " exits=1 stops=1", nil},
	"a host short of memory is slow to end it": {func(s *scene) {
		s.happens("a", "oom")
		s.passes(650 * time.Millisecond)
		s.happens("a", "die", code(137))
	}, " exits=1 ooms=1", []string{"oom a 137"}},
	"an unknown health state": {func(s *scene) { s.happens("a", "health_status", health("running")) }, "", nil},
	"somebody killed it on the host": {func(s *scene) {
		s.inspect["a"] = &dockerapi.Inspection{ExitCode: 137}
		s.happens("a", "die", code(137))
	}, " crashes=1 exits=1", []string{"crash a 137"}},
	"a crash": {func(s *scene) { s.happens("a", "die", code(3)) }, " crashes=1 exits=1", []string{"crash a 3"}},
	"an intended stop: kill 15, then die": {func(s *scene) {
		s.happens("a", "kill", signal(15))
		s.passes(time.Second)
		s.happens("a", "die", code(143))
	}, " exits=1 stops=1", nil},
	"an intended stop of one that is deaf: kill 15, kill 9, die 137": {func(s *scene) {
		s.happens("a", "kill", signal(15))
		s.passes(30 * time.Second)
		s.happens("a", "kill", signal(9))
		s.happens("a", "die", code(137))
	}, " exits=1 stops=1", nil},
	"a stop by the signal that it asks for": {func(s *scene) {
		s.inspect["a"] = &dockerapi.Inspection{StopSignal: 10}
		s.happens("a", "kill", signal(10))
		s.happens("a", "die", code(0))
	}, " exits=1 stops=1", nil},
	"a reload, then a crash": {func(s *scene) {
		s.inspect["a"] = &dockerapi.Inspection{StopSignal: 15, ExitCode: 1}
		s.happens("a", "kill", signal(1))
		s.happens("a", "die", code(1))
	}, " crashes=1 exits=1", []string{"crash a 1"}},
	"a signal long ago, then a crash": {func(s *scene) {
		s.happens("a", "kill", signal(15))
		s.passes(stopLasts)
		s.happens("a", "die", code(1))
	}, " crashes=1 exits=1", []string{"crash a 1"}},
	"docker restart: kill, die, start; RestartCount stays 0": {func(s *scene) {
		s.happens("a", "kill", signal(15))
		s.happens("a", "die", code(0))
		s.happens("a", "start")
	}, " exits=1 stops=1", nil},
	"on-failure:3: four ends, three restarts, a crash loop": {func(s *scene) {
		for range 3 {
			s.happens("a", "die", code(1))
			s.passes(100 * time.Millisecond)
			s.happens("a", "start")
		}
		s.happens("a", "die", code(1))
	}, " crashes=4 exits=4 restarts=3", []string{"crash a 1", "crash a 1", "crash a 1", "crash-loop a 1"}},
	"ECS's restart policy starts it after an end with 0": {func(s *scene) {
		s.happens("a", "die", code(0))
		s.passes(time.Second)
		s.happens("a", "start")
	}, " exits=1 restarts=1", nil},
	"a batch task is done": {func(s *scene) { s.happens("a", "die", code(0)) }, " exits=1", nil},
	"a service's task ends with 0": {func(s *scene) {
		s.services["arn:t-b"] = TaskInfo{Service: "web"}
		s.happens("b", "start")
		s.happens("b", "die", code(0))
	}, " crashes=1 exits=1", []string{"crash b 0"}},
	"a container that others wait for is done": {func(s *scene) {
		s.services["arn:t-b"] = TaskInfo{Service: "web"}
		s.happens("b", "start")
		s.happens("b", "die", code(0))
		s.happens("c", "start", labels(ecs("t-b", "main")))
	}, " exits=1", nil},
	"a failing service makes new containers": {func(s *scene) {
		for _, id := range []string{"x", "y", "z"} {
			s.services["arn:t-"+id] = TaskInfo{Service: "web"}
			s.happens(id, "start")
			s.passes(time.Minute)
			s.happens(id, "die", code(2))
			s.happens(id, "destroy")
		}
		s.passes(loopWindow)
	}, " crashes=3 exits=3", []string{"crash x 2", "crash y 2", "crash z 2", "crash-loop z 2", "crash-loop-over z 0"}},
	"crashes that are rare are no loop": {func(s *scene) {
		for range 5 {
			s.happens("a", "die", code(2))
			s.happens("a", "start")
			s.passes(20 * time.Minute)
		}
	}, " crashes=5 exits=5 restarts=5", []string{"crash a 2", "crash a 2", "crash a 2", "crash a 2", "crash a 2"}},
	"unhealthy, and healthy again": {func(s *scene) {
		s.happens("a", "health_status", health("healthy"))
		s.happens("a", "health_status", health("unhealthy"))
		s.happens("a", "health_status", health("healthy"))
	}, " sick=1 sicktasks=1", []string{"unhealthy a 0", "recovered a 0"}},
	"its probe fails because it is stopped": {func(s *scene) {
		s.happens("a", "kill", signal(15))
		s.happens("a", "health_status", health("unhealthy"))
		s.happens("a", "die", code(0))
	}, " exits=1 stops=1", nil},
	"it is sick, and deaf to being stopped": {func(s *scene) {
		s.happens("a", "kill", signal(15))
		s.happens("a", "health_status", health("unhealthy"))
		s.passes(stopLasts)
		s.lists(listed("a", "running", "unhealthy"))
	}, "", []string{"unhealthy a 0"}},
	"unhealthy, restarted, healthy": {func(s *scene) {
		s.happens("a", "health_status", health("unhealthy"))
		s.happens("a", "kill", signal(15))
		s.happens("a", "die", code(143))
		s.happens("a", "start")
		s.happens("a", "health_status", health("healthy"))
	}, " exits=1 sick=1 sicktasks=1 stops=1", []string{"unhealthy a 0", "recovered a 0"}},
	"a stopped one that still inspects as unhealthy": {func(s *scene) {
		s.happens("a", "kill", signal(15))
		s.happens("a", "die", code(143))
		s.lists(listed("a", "exited", "unhealthy"))
	}, " exits=1 stops=1", nil},
	"each event twice": {func(s *scene) {
		for _, e := range []dockerapi.Event{s.makes("a", "health_status", health("unhealthy")), s.makes("a", "die", code(1)),
			s.makes("a", "start")} {
			s.m.event(s.now, e)
			s.m.event(s.now, e)
			s.passes(time.Second)
			s.m.event(s.now, e)
		}
	}, " crashes=1 exits=1 restarts=1 sick=1 sicktasks=1", []string{"unhealthy a 0", "crash a 1"}},
	"start, die, oom, kill in the wrong order": {func(s *scene) {
		first := s.makes("b", "start")
		s.now = s.now.Add(time.Millisecond)
		oom := s.makes("b", "oom")
		s.now = s.now.Add(time.Millisecond)
		die := s.makes("b", "die", code(137))
		s.now = s.now.Add(time.Millisecond)
		for _, e := range []dockerapi.Event{s.makes("b", "start"), die, oom, first} {
			s.m.event(s.now, e)
		}
	}, " exits=1 ooms=1 restarts=1", []string{"oom b 137"}},
	"a kill that comes after the end": {func(s *scene) {
		kill := s.makes("a", "kill", signal(15))
		s.now = s.now.Add(time.Millisecond)
		s.m.event(s.now, s.makes("a", "die", code(143)))
		s.m.event(s.now, kill)
	}, " exits=1 stops=1", nil},
	"the end was lost: the list tells, the inspection says why": {func(s *scene) {
		s.inspect["a"] = &dockerapi.Inspection{ExitCode: 4}
		s.lists(listed("a", "exited", ""))
	}, " crashes=1 exits=1", []string{"crash a 4"}},
	"the end was lost, and was for memory": {func(s *scene) {
		s.inspect["a"] = &dockerapi.Inspection{ExitCode: 137, OOMKilled: true}
		s.lists(listed("a", "exited", ""))
	}, " exits=1 ooms=1", []string{"oom a 137"}},
	"the end was lost, by a signal: the exit code is unknown": {func(s *scene) {
		s.inspect["a"] = &dockerapi.Inspection{ExitCode: 143}
		s.lists(listed("a", "exited", ""))
	}, " exits=1", nil},
	"the end and the removal were lost": {func(s *scene) { s.lists() }, " exits=1", nil},
	"the end comes after the list that shows it": {func(s *scene) {
		die := s.makes("a", "die", code(4))
		s.inspect["a"] = &dockerapi.Inspection{ExitCode: 4, FinishedAt: s.now}
		s.lists(listed("a", "exited", ""))
		s.passes(time.Second)
		s.m.event(s.now, die)
	}, " crashes=1 exits=1", []string{"crash a 4"}},
	"the list is older than the events": {func(s *scene) {
		s.m.answer(s.now, (*machine).listing)
		s.m.event(s.now, s.makes("a", "die", code(4)))
		s.m.event(s.now, s.makes("gone", "destroy"))
		list := []dockerapi.Summary{listed("a", "running", "healthy"), listed("gone", "running", "")}
		s.m.answer(s.now, func(m *machine, now time.Time) { m.reconcile(now, list) })
		s.passes(time.Second)
		s.lists(listed("a", "exited", ""))
	}, " crashes=1 exits=1", []string{"crash a 4"}},
	"start lost": {func(s *scene) {
		s.happens("a", "die", code(1))
		s.lists(listed("a", "running", "unhealthy"))
	}, " crashes=1 exits=1 restarts=1", []string{"crash a 1", "unhealthy a 0"}},
	"the end between two starts was lost": {func(s *scene) { s.happens("a", "start") }, " exits=1 restarts=1", nil},
	"new and dead, all events lost": {func(s *scene) {
		s.inspect["b"] = &dockerapi.Inspection{ExitCode: 7}
		s.lists(listed("a", "running", ""), listed("b", "exited", ""), listed("c", "created", ""))
	}, " crashes=1 exits=1", []string{"crash b 7"}},
	"Docker was away, and came back with everything stopped": {func(s *scene) {
		s.inspect["a"] = &dockerapi.Inspection{ExitCode: 137}
		s.loses()
		s.loses()
		s.lists(listed("a", "exited", ""))
	}, " exits=1", []string{"docker-lost  0", "docker-regained  0"}},
	"Docker was away, and it was restarted twice meanwhile": {func(s *scene) {
		s.inspect["a"] = &dockerapi.Inspection{Running: true, StartedAt: s.now, Health: "none"}
		s.lists(listed("a", "running", ""))
		s.loses()
		s.inspect["a"] = &dockerapi.Inspection{Running: true, StartedAt: s.now, RestartCount: 2, Health: "none"}
		s.lists(listed("a", "running", ""))
	}, " exits=2 restarts=2", []string{"docker-lost  0", "docker-regained  0"}},
	"a pause container of ECS's own": {func(s *scene) {
		s.happens("p", "start", labels(ecs("t-a", "~internal~ecs~pause")))
		s.happens("p", "die", code(1), labels(ecs("t-a", "~internal~ecs~pause")))
	}, "", nil},
	"the clock jumps an hour back between start and end": {func(s *scene) {
		s.skew = -time.Hour
		s.happens("a", "health_status", health("unhealthy"))
		s.happens("a", "die", code(1))
		s.skew = time.Hour
		s.happens("a", "start")
		s.happens("a", "health_status", health("healthy"))
		s.skew = 0
		s.happens("a", "die", code(1))
	}, " crashes=2 exits=2 restarts=1 sick=1 sicktasks=1", []string{"unhealthy a 0", "crash a 1", "recovered a 0", "crash a 1"}},
}

func TestSequences(t *testing.T) {
	for name, c := range sequences {
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
