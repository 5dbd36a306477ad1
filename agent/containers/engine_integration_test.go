//go:build integration

package containers_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"muster/agent/containers"
	"muster/internal/host/dockerapi"
	"muster/test/dockertest"
	"muster/test/observe"
)

// host is a real Engine with a Watcher.
type host struct {
	dockertest.Docker
	t     *testing.T
	w     *containers.Watcher
	image string

	mu   sync.Mutex
	said []containers.Transition
}

func newHost(t *testing.T, d dockertest.Docker) *host {
	t.Helper()
	c, err := dockerapi.New(d.Host, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	h := &host{Docker: d, t: t, image: d.Subject(`HEALTHCHECK --interval=100ms --retries=1 CMD ["/subject", "probe"]`),
		w: containers.NewWatcher(c, byFamily{}, 5*time.Second, slog.New(slog.DiscardHandler))}
	ctx, cancel := context.WithCancel(t.Context())
	var wait sync.WaitGroup
	wait.Go(func() {
		if err := h.w.Run(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("ended with %v", err)
		}
	})
	wait.Go(func() { h.listen(ctx) })
	t.Cleanup(func() { cancel(); wait.Wait() })
	h.await("the first list", func() bool { return !h.w.Snapshot().Listed.IsZero() })
	return h
}

func (h *host) listen(ctx context.Context) {
	for {
		select {
		case tr := <-h.w.Transitions():
			h.mu.Lock()
			h.said = append(h.said, tr)
			h.mu.Unlock()
		case <-ctx.Done():
			return
		}
	}
}

func (h *host) await(what string, ok func() bool) {
	h.t.Helper()
	if !observe.Within(time.Minute, 20*time.Millisecond, ok) {
		h.t.Fatalf("waited in vain for %s: %+v", what, h.w.Snapshot())
	}
}

// kinds returns the transitions of one container role so far.
func (h *host) kinds(role string) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var kinds []string
	for _, tr := range h.said {
		if tr.Container.Container == role {
			kinds = append(kinds, string(tr.Kind))
		}
	}
	return strings.Join(kinds, " ")
}

func (h *host) expect(role, want string) {
	h.t.Helper()
	h.await(role+" to be "+want, func() bool { return len(h.kinds(role)) >= len(want) })
	if got := h.kinds(role); got != want {
		h.t.Errorf("%s: said %q, want %q", role, got, want)
	}
}

// run starts the test program with the labels that ECS sets. Each role is a container name of the same family.
func (h *host) run(role string, args ...string) string {
	h.t.Helper()
	const prefix = "com.amazonaws.ecs."
	all := []string{
		"--memory",
		"32m",
		"--memory-swap",
		"32m",
		"--label",
		prefix + "cluster=prod",
		"--label",
		prefix + "task-definition-family=it",
		"--label",
		prefix + "container-name=" + role,
		"--label",
		prefix + "task-arn=arn:" + role,
	}
	if !slices.Contains([]string{"health", "deaf", "restarted", "before"}, role) {
		all = append(all, "--no-healthcheck") // otherwise a probe that fails during the stop would be reported too
	}
	options, program := args, []string{}
	if i := slices.Index(args, "--"); i >= 0 {
		options, program = args[:i], args[i+1:]
	}
	return h.Run(slices.Concat(all, options, []string{h.image}, program)...)
}

func (h *host) counters() map[string]containers.Counters {
	sum := map[string]containers.Counters{}
	for _, c := range h.w.Totals().Series {
		n := sum[c.Container]
		n.Add(c.Counters)
		sum[c.Container] = n
	}
	return sum
}

// realSequences are the sequences of machine_test.go that a real Engine can produce.
var realSequences = []struct {
	role    string
	play    func(h *host, role string)
	said    string
	counted containers.Counters
}{
	{"health", func(h *host, role string) {
		id := h.Ready(h.run(role))
		h.Do("exec", id, "/subject", "unhealthy")
		h.expect(role, "unhealthy")
		h.Do("exec", id, "/subject", "healthy")
		h.expect(role, "unhealthy recovered")
		h.Do("stop", id)
	}, "unhealthy recovered", containers.Counters{Exits: 1, Stops: 1, UnhealthyEnds: 1}},
	{"crash", func(h *host, role string) { h.run(role, "--", "exit", "3") }, "crash", containers.Counters{Exits: 1, Crashes: 1}},
	{"memory", func(h *host, role string) { h.run(role, "--", "oom") }, "oom", containers.Counters{Exits: 1, OOMKills: 1}},
	{"child", func(h *host, role string) { h.run(role, "--", "child") }, "child-oom", containers.Counters{ChildOOMs: 1}},
	{
		"deaf",
		func(h *host, role string) { h.Do("stop", "--time", "1", h.Ready(h.run(role, "--", "deaf"))) },
		"",
		containers.Counters{Exits: 1, Stops: 1},
	},
	{"own-signal", func(h *host, role string) {
		h.Do("stop", h.Ready(h.run(role, "--stop-signal", "SIGUSR1", "--", "exit", "2", "on", "10")))
	}, "", containers.Counters{Exits: 1, Stops: 1}},
	{"reload", func(h *host, role string) {
		h.Do("kill", "--signal", "HUP", h.Ready(h.run(role, "--", "exit", "2", "on", "1")))
	},
		"crash", containers.Counters{Exits: 1, Crashes: 1}},
	{"restarted", func(h *host, role string) { h.Do("restart", h.Ready(h.run(role))) }, "", containers.Counters{Exits: 1, Stops: 1}},
	{"retried", func(h *host, role string) { h.run(role, "--restart", "on-failure:3", "--", "exit", "5") },
		"crash crash crash crash-loop", containers.Counters{Exits: 4, Crashes: 4, Restarts: 3}},
	{"replaced", func(h *host, role string) {
		for range 3 {
			id := h.run(role, "--", "exit", "7")
			h.Do("container", "wait", id)
			h.Do("rm", id)
		}
	}, "crash crash crash crash-loop", containers.Counters{Exits: 3, Crashes: 3}},
	{"policy", func(h *host, role string) { // as with ECS's restart policy
		id := h.run(role, "--", "exit", "1")
		h.Do("container", "wait", id)
		h.Do("start", id)
		h.Do("container", "wait", id)
	}, "crash crash", containers.Counters{Exits: 2, Crashes: 2, Restarts: 1}},
}

func TestRealSequences(t *testing.T) {
	h := newHost(t, dockertest.Host(t))
	for _, c := range realSequences {
		t.Run(c.role, func(t *testing.T) {
			c.play(h, c.role)
			h.expect(c.role, c.said)
			h.await("the count", func() bool {
				n := h.counters()[c.role]
				return n.Exits+n.ChildOOMs >= c.counted.Exits+c.counted.ChildOOMs
			})
			if got := h.counters()[c.role]; got != c.counted {
				t.Errorf("counted %+v, want %+v", got, c.counted)
			}
			h.reportDelay(t, c.role)
		})
	}
}

// reportDelay logs how long after a crash it was reported. No delay fails the test.
func (h *host) reportDelay(t *testing.T, role string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, tr := range h.said {
		if tr.Container.Container != role || tr.Kind != containers.Crash {
			continue
		}
		finished, err := h.Try("inspect", "--format", "{{.State.FinishedAt}}", tr.Container.ID)
		if at, bad := time.Parse(time.RFC3339Nano, finished); err == nil && bad == nil && tr.At.After(at) {
			t.Logf("%s: reported %s after the end", role, tr.At.Sub(at))
		}
	}
}

func TestRealEngineIsStoppedAndStartedUnderTheWatcher(t *testing.T) {
	d := dockertest.Own(t)
	h := newHost(t, d.Docker)
	h.run("before")
	h.await("its health", func() bool {
		return slices.ContainsFunc(h.w.Totals().Series, func(c containers.Counts) bool { return c.Healthy == 1 })
	})
	d.Stop()
	h.expect("", "docker-lost")
	d.Start()
	h.expect("", "docker-lost docker-regained")
	h.await("the end of what was before", func() bool { return h.w.Snapshot().Running == 0 })
	if got := h.kinds("before"); got != "" {
		t.Errorf("the Engine's own stop was taken for %q", got)
	}
	h.run("after", "--", "exit", "3")
	h.expect("after", "crash")
}
