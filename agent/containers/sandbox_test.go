package containers_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"muster/agent/containers"
	"muster/internal/host/dockerapi"
	"muster/internal/sandbox/dockerd"
	"muster/test/observe"
)

// sandboxed is a Watcher of a simulated Engine, through its socket.
type sandboxed struct {
	*containers.Watcher
	docker *dockerd.Engine
	t      testing.TB
}

func newSandboxed(t testing.TB, n int, period time.Duration) sandboxed {
	t.Helper()
	e, err := dockerd.New(dockerd.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	for i := range n {
		e.Health(e.Run(member(i)), "healthy")
	}
	c, err := dockerapi.New(e.Host(), 2*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	w := containers.NewWatcher(c, byFamily{}, period, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(t.Context())
	var wait sync.WaitGroup
	wait.Go(func() {
		if err := w.Run(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("ended with %v", err)
		}
	})
	t.Cleanup(func() { cancel(); wait.Wait() })
	s := sandboxed{w, e, t}
	s.await("the first list", func(s containers.Snapshot) bool { return !s.Listed.IsZero() && s.Running == n })
	return s
}

// member returns container i of the service web, in its own task.
func member(i int) dockerd.Spec {
	return dockerd.Spec{Check: true, Labels: map[string]string{
		"com.amazonaws.ecs.cluster": "prod", "com.amazonaws.ecs.task-arn": fmt.Sprint("arn:", i),
		"com.amazonaws.ecs.container-name": "node", "com.amazonaws.ecs.task-definition-family": "web"}}
}

func (s sandboxed) await(what string, ok func(containers.Snapshot) bool) {
	s.t.Helper()
	if !observe.Within(time.Minute, 5*time.Millisecond, func() bool { return ok(s.Snapshot()) }) {
		s.t.Fatalf("waited in vain for %s: %+v", what, s.Snapshot())
	}
}

// next returns the next transition.
func (s sandboxed) next() containers.Transition {
	s.t.Helper()
	select {
	case tr := <-s.Transitions():
		return tr
	case <-time.After(time.Minute):
		s.t.Fatal("no transition")
		return containers.Transition{}
	}
}

func (s sandboxed) want(kinds ...containers.Kind) {
	s.t.Helper()
	for _, want := range kinds {
		if got := s.next(); got.Kind != want {
			s.t.Fatalf("got %+v, want %s", got, want)
		}
	}
}

func TestEngineThatHangsVanishesAndComesBackNewer(t *testing.T) {
	s := newSandboxed(t, 3, 100*time.Millisecond)
	s.docker.Hang()
	s.want(containers.DockerLost)
	s.docker.Resume()
	s.want(containers.DockerRegained)
	s.docker.Vanish()
	s.want(containers.DockerLost)
	id := s.docker.Create(member(3))
	if err := s.docker.Return(dockerd.Options{API: "1.52", MinAPI: "1.44"}); err != nil {
		t.Fatal(err)
	}
	s.want(containers.DockerRegained)
	s.docker.Start(id)
	s.docker.Health(id, "unhealthy")
	if got := s.next(); got.Kind != containers.TurnedUnhealthy || got.Container.ID != id {
		t.Errorf("%+v", got)
	}
}

func TestEventsThatNeverComeAreMadeGoodByTheNextList(t *testing.T) {
	s := newSandboxed(t, 0, 100*time.Millisecond)
	s.docker.Deliver(func(dockerd.Event) []dockerd.Event { return nil })
	id := s.docker.Run(member(0))
	s.docker.Health(id, "unhealthy")
	s.want(containers.TurnedUnhealthy)
	s.docker.Die(id, 9)
	if got := s.next(); got.Kind != containers.Crash || got.ExitCode != 9 {
		t.Errorf("%+v", got)
	}
	s.docker.Destroy(id)
	s.await("its removal", func(s containers.Snapshot) bool { return s.Running == 0 })
}

// The test sends more than 10,000 events a second. Nearly all come from health probes, and some are repeated.
func TestStormLosesNoTransitionAndKeepsNoMemory(t *testing.T) {
	s := newSandboxed(t, 20, time.Minute)
	id := s.docker.Run(member(20))
	s.await("the container", func(s containers.Snapshot) bool { return s.Running == 21 })
	s.docker.Deliver(func(e dockerd.Event) []dockerd.Event {
		if strings.HasPrefix(e.Action, "exec_") {
			return []dockerd.Event{e}
		}
		return []dockerd.Event{e, e}
	})
	storm := func() {
		for range 3 {
			s.docker.Storm(id, 1000, true)
			s.docker.Health(id, "unhealthy")
			s.docker.Storm(id, 1000, true)
			s.docker.Health(id, "healthy")
			s.want(containers.TurnedUnhealthy, containers.Recovered)
		}
	}
	storm()
	before := heap()
	storm()
	if grown := int64(heap()) - int64(before); grown > 1<<20 {
		t.Errorf("grew by %d bytes", grown)
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// Every event in this test is relevant. Hundreds of containers start and are removed.
func TestChurnIsForgotten(t *testing.T) {
	s := newSandboxed(t, 5, time.Minute)
	churn := func(from int) {
		for i := range 200 {
			id := s.docker.Run(member(from + i))
			s.docker.Stop(id)
			s.docker.Destroy(id)
		}
		last := s.docker.Run(member(from + 200))
		s.docker.Health(last, "unhealthy")
		s.want(containers.TurnedUnhealthy)
		s.docker.Stop(last)
		s.docker.Destroy(last)
		s.want(containers.Recovered) // it was removed
		s.await("quiet", func(s containers.Snapshot) bool { return s.Running == 5 })
	}
	churn(1000)
	before := heap()
	churn(2000)
	if grown := int64(heap()) - int64(before); grown > 1<<20 {
		t.Errorf("grew by %d bytes", grown)
	}
	stops := 0
	if !observe.Within(time.Minute, 10*time.Millisecond, func() bool { // the services of the last tasks are still being looked up
		stops = 0
		for _, c := range s.Totals().Series {
			stops += c.Stops
			if c.Crashes > 0 {
				t.Fatalf("%+v", c)
			}
		}
		return stops >= 402
	}) {
		t.Fatalf("%d stops", stops)
	}
}

func TestFiveThousandContainersWithHostileNames(t *testing.T) {
	names := []string{strings.Repeat("x", 300), "NaN", "", "Σ\u202e\x00☃", "a\nb", "{}", "-Inf"}
	s := newSandboxed(t, 5000, time.Minute)
	for _, name := range names {
		spec := member(9999)
		spec.Name, spec.Labels["com.amazonaws.ecs.container-name"] = "n"+name, name
		id := s.docker.Run(spec)
		s.docker.Health(id, "unhealthy")
		if got := s.next(); got.Container.Container != strings.ToValidUTF8(name, "\ufffd") || got.Container.ID != id {
			t.Errorf("%q came as %+v", name, got)
		}
	}
}
