package dockerd_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"muster/internal/host/dockerapi"
	"muster/internal/sandbox/dockerd"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// plan describes a container of the test program (test/integration/testdata/subject).
type plan struct {
	program string // its argument: "", deaf, exit CODE, oom, child
	check   bool
	retries int    // of Docker's restart policy
	stop    string // its stop signal
}

// backend is an Engine, real or simulated, and the control of its containers.
type backend interface {
	client() *dockerapi.Client
	run(plan) (id string)
	turn(id, health string) // healthy or unhealthy; returns at once
	stop(id string)
	kill(id string, signal int)
	remove(id string)
}

var marks = map[string]string{"com.amazonaws.ecs.cluster": "prod", "com.amazonaws.ecs.container-name": "node"}

// holds runs each clause of the contract.
func holds(t *testing.T, b backend) {
	for name, clause := range map[string]func(*testing.T, *watch){
		"a life from start to removal":                     wholeLife,
		"killed for memory: oom, then die 137":             killedForMemory,
		"a child killed for memory: oom, and it runs on":   childKilled,
		"one that is deaf is killed after it was asked":    deaf,
		"a restart policy starts the same container again": restarts,
		"events since a moment come again":                 repeats,
		"a missing container is not found":                 absent,
		"a stop by its own signal, shown by inspect":       ownSignal,
	} {
		t.Run(name, func(t *testing.T) { clause(t, follow(t, b)) })
	}
}

// watch is a subscription to the events of a backend.
type watch struct {
	backend
	t      *testing.T
	events chan dockerapi.Event
}

func follow(t *testing.T, b backend) *watch {
	t.Helper()
	return &watch{b, t, subscribe(t, b, time.Time{})}
}

func subscribe(t *testing.T, b backend, since time.Time) chan dockerapi.Event {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	events, err := b.client().Events(ctx, since)
	if err != nil {
		t.Fatal(err)
	}
	out, done := make(chan dockerapi.Event, 1000), make(chan struct{})
	go func() {
		defer close(done)
		for e, err := range events {
			if err == nil {
				out <- e
			}
		}
	}()
	t.Cleanup(func() { cancel(); <-done })
	return out
}

// expect waits until exactly these events of a container have happened, in this order.
func (w *watch) expect(id string, want ...string) (last dockerapi.Event) {
	w.t.Helper()
	late := time.After(10 * time.Second)
	var got []string
	for len(got) < len(want) {
		select {
		case last = <-w.events:
			text := strings.TrimSpace(fmt.Sprintf("%s %s%s", last.Action, last.Health, numbers(last)))
			again := text == "oom" && slices.Contains(got, text) // Docker can report one kill twice
			if last.ID == id && !again {
				got = append(got, text)
			}
		case <-late:
			w.t.Fatalf("got %q, want %q", got, want)
		}
	}
	if !slices.Equal(got, want) {
		w.t.Fatalf("got %q, want %q", got, want)
	}
	if last.Name == "" || !maps.Equal(last.Labels, marks) || last.Time.IsZero() {
		w.t.Errorf("got %+v", last)
	}
	return last
}

func numbers(e dockerapi.Event) string {
	switch e.Action {
	case "kill":
		return fmt.Sprint(e.Signal)
	case "die":
		return fmt.Sprint(e.ExitCode)
	}
	return ""
}

func (w *watch) inspect(id string) dockerapi.Inspection {
	w.t.Helper()
	got, found, err := w.client().Inspect(w.t.Context(), id)
	if err != nil || !found || got.ID != id || !maps.Equal(got.Labels, marks) {
		w.t.Fatalf("got %+v, %v, %v", got, found, err)
	}
	return got
}

// listed looks up a container in the list of all or only running containers.
func (w *watch) listed(id string, all bool) (dockerapi.Summary, bool) {
	w.t.Helper()
	list, err := w.client().List(w.t.Context(), all)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, s := range list {
		if s.ID == id {
			return s, true
		}
	}
	return dockerapi.Summary{}, false
}

func wholeLife(t *testing.T, w *watch) {
	id := w.run(plan{check: true})
	w.turn(id, "healthy")
	w.expect(id, "create", "start", "health_status healthy")
	if s, ok := w.listed(id, false); !ok || s.Health != "healthy" || !s.Running() || !maps.Equal(s.Labels, marks) {
		t.Errorf("listed as %+v, %v", s, ok)
	}
	w.turn(id, "unhealthy")
	w.expect(id, "health_status unhealthy")
	if got := w.inspect(id); got.Health != "unhealthy" || !got.Checked || !got.Running || got.StopSignal != 15 || got.StartedAt.IsZero() {
		t.Errorf("inspected as %+v", got)
	}
	w.stop(id)
	w.expect(id, "kill 15", "die 0", "stop")
	exitedOf(t, w, id)
	w.remove(id)
	w.expect(id, "destroy")
}

// exitedOf checks what is listed and inspected of a container that has exited.
func exitedOf(t *testing.T, w *watch, id string) {
	t.Helper()
	if s, ok := w.listed(id, true); !ok || s.State != "exited" || s.Running() {
		t.Errorf("listed as %+v, %v", s, ok)
	}
	if _, ok := w.listed(id, false); ok {
		t.Error("a stopped container is listed as running")
	}
	if got := w.inspect(id); got.Running || got.Health != "unhealthy" || got.FinishedAt.IsZero() {
		t.Errorf("stopped, inspected as %+v", got)
	}
}

func killedForMemory(t *testing.T, w *watch) {
	id := w.run(plan{program: "oom"})
	w.expect(id, "create", "start", "oom", "die 137")
	if got := w.inspect(id); got.Running || !got.OOMKilled || got.ExitCode != 137 || got.Checked || got.Health != "none" {
		t.Errorf("inspected as %+v", got)
	}
}

func childKilled(t *testing.T, w *watch) {
	id := w.run(plan{program: "child"})
	w.expect(id, "create", "start", "oom")
	if s, ok := w.listed(id, false); !ok || s.Health != "none" {
		t.Errorf("listed as %+v, %v", s, ok)
	}
}

func deaf(_ *testing.T, w *watch) {
	id := w.run(plan{program: "deaf"})
	w.stop(id)
	w.expect(id, "create", "start", "kill 15", "kill 9", "die 137", "stop")
}

func restarts(t *testing.T, w *watch) {
	id := w.run(plan{program: "exit 5", retries: 3})
	w.expect(id, "create", "start", "die 5", "start", "die 5", "start", "die 5", "start", "die 5")
	if got := w.inspect(id); got.RestartCount != 3 || got.ExitCode != 5 {
		t.Errorf("inspected as %+v", got)
	}
}

func repeats(t *testing.T, w *watch) {
	id := w.run(plan{program: "exit 3"})
	w.expect(id, "create", "start")
	last := w.expect(id, "die 3")
	again := &watch{w.backend, t, subscribe(t, w.backend, last.Time)}
	if got := again.expect(id, "die 3"); !got.Time.Equal(last.Time) {
		t.Errorf("at %s, and at first at %s", got.Time, last.Time)
	}
}

func absent(t *testing.T, w *watch) {
	if got, found, err := w.client().Inspect(t.Context(), strings.Repeat("0", 64)); found || err != nil {
		t.Errorf("got %+v, %v, %v", got, found, err)
	}
}

func ownSignal(t *testing.T, w *watch) {
	id := w.run(plan{program: "exit 0 on 10", stop: "SIGUSR1"})
	w.stop(id)
	w.expect(id, "create", "start", "kill 10", "die 0", "stop")
	if got := w.inspect(id); got.StopSignal != 10 {
		t.Errorf("inspected as %+v", got)
	}
	id = w.run(plan{})
	w.kill(id, 1)
	w.expect(id, "create", "start", "kill 1")
}

// simulated is the simulated Engine, which simulates the test program.
type simulated struct {
	*dockerd.Engine
	c     *dockerapi.Client
	plans map[string]plan
}

func (p *simulated) client() *dockerapi.Client { return p.c }

func (p *simulated) run(what plan) string {
	id := p.Create(dockerd.Spec{Labels: marks, Check: what.check, StopSignal: what.stop})
	p.plans[id] = what
	p.Start(id)
	var code int
	_, exits := fmt.Sscanf(what.program, "exit %d", &code)
	switch {
	case what.program == "oom":
		p.OOM(id)
		p.Die(id, 137)
	case what.program == "child":
		p.OOM(id)
	case exits == nil && what.stop == "":
		p.Die(id, code)
		for range what.retries {
			p.Respawn(id)
			p.Die(id, code)
		}
	}
	return id
}

func (p *simulated) turn(id, health string)     { p.Health(id, health) }
func (p *simulated) kill(id string, signal int) { p.Kill(id, signal) }
func (p *simulated) remove(id string)           { p.Destroy(id) }

func (p *simulated) stop(id string) {
	switch what := p.plans[id]; {
	case what.program == "deaf":
		p.Kill(id, 15)
		p.Kill(id, 9)
		p.Die(id, 137)
		p.Stopped(id)
	case what.stop == "SIGUSR1":
		p.Kill(id, 10)
		p.Die(id, 0)
		p.Stopped(id)
	default:
		p.Stop(id)
	}
}

func TestSandboxMeetsTheContract(t *testing.T) {
	for _, api := range []string{"1.41", "1.44", "1.52"} {
		e, err := dockerd.New(dockerd.Options{API: api})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(e.Close)
		c, err := dockerapi.New(e.Host(), 5*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		t.Run("API "+api, func(t *testing.T) { holds(t, &simulated{e, c, map[string]plan{}}) })
	}
}
