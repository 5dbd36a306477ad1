package containers

import (
	"context"
	"iter"
	"log/slog"
	"sync"
	"time"

	"muster/internal/base/arn"
	"muster/internal/host/dockerapi"
)

// Docker is the part of the Engine's API that a Watcher uses.
type Docker interface {
	Events(ctx context.Context, since time.Time) (iter.Seq2[dockerapi.Event, error], error)
	List(ctx context.Context, all bool) ([]dockerapi.Summary, error)
	Inspect(ctx context.Context, id string) (dockerapi.Inspection, bool, error)
}

// Resolver finds the services of tasks. It yields a result for each lookup, by task ARN, in any order.
type Resolver interface {
	Resolve(ctx context.Context, lookups []Lookup) iter.Seq2[string, TaskInfo]
}

const (
	// breath is the minimum pause between two evaluations.
	breath = 20 * time.Millisecond
	// gather is how long a lookup waits for others, so that one request can serve several.
	gather = time.Second
)

// Watcher watches the containers. Create it with NewWatcher. Its methods are safe for concurrent use.
type Watcher struct {
	docker      Docker
	services    Resolver
	period      time.Duration
	log         *slog.Logger
	transitions chan Transition

	wake, asked, sought chan struct{} // wake-ups: something is due, to be inspected, to be resolved
	lost                bool          // only used by follow: the loss has been logged
	streams             int           // only used by follow: number of consecutive event streams that ended immediately

	mu sync.Mutex
	m  *machine
}

// NewWatcher returns a Watcher that lists the containers once per period.
func NewWatcher(docker Docker, services Resolver, period time.Duration, log *slog.Logger) *Watcher {
	return &Watcher{docker: docker, services: services, period: period, log: log, transitions: make(chan Transition),
		wake: make(chan struct{}, 1), asked: make(chan struct{}, 1), sought: make(chan struct{}, 1), m: newMachine()}
}

// Transitions returns the channel of changes that must be reported immediately. A slow consumer does not block the
// Watcher: equal transitions are then combined. The channel is never closed.
func (w *Watcher) Transitions() <-chan Transition { return w.transitions }

// Totals returns the current gauges, and the counters since the Watcher was created.
func (w *Watcher) Totals() Totals {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.m.totals()
}

// CountByFamily adds to Totals what was counted for tasks whose service is still being looked up, under the tasks'
// families. Call it before the last Totals, when no result can arrive any more: the counts would be lost.
func (w *Watcher) CountByFamily() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.m.countByFamily(time.Now())
}

// Own makes the Watcher treat a container as one of ECS only if its task's ARN is of this account and region. Any user
// who can start a container can set its labels. Call Own before Run.
func (w *Watcher) Own(of arn.Owner) { w.m.own = of }

// Running returns the running and the paused containers. It returns false if Docker does not respond.
func (w *Watcher) Running() ([]Identity, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []Identity
	for _, c := range w.m.containers {
		if c.running {
			all = append(all, c.named())
		}
	}
	return all, w.m.based && !w.m.away
}

// TaskFailed counts and reports a task of ECS that did not start. Docker has no events for such a task. Call it once
// per task.
func (w *Watcher) TaskFailed(id Identity, why string) {
	w.enqueue(func(m *machine, now time.Time) { m.taskFailed(now, id, why) })
}

// Snapshot returns the current state.
func (w *Watcher) Snapshot() Snapshot {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.m.snapshot()
}

// Run watches until ctx ends, whatever Docker does, and returns the error of ctx. It must be called only once.
func (w *Watcher) Run(ctx context.Context) error {
	var wait sync.WaitGroup
	defer wait.Wait()
	wait.Go(func() { w.follow(ctx) })
	wait.Go(func() { w.inspect(ctx) })
	wait.Go(func() { w.resolve(ctx) })
	return w.pump(ctx)
}

// pump advances the machine when something is due, and passes on its results.
func (w *Watcher) pump(ctx context.Context) error {
	next := time.NewTimer(0)
	defer next.Stop()
	var head Transition
	var some bool
	for {
		w.turn(next)
		if !some {
			w.mu.Lock()
			head, some = w.m.pop()
			w.mu.Unlock()
		}
		out := w.transitions
		if !some {
			out = nil
		}
		select {
		case out <- head:
			some = false
		case <-next.C:
		case <-w.wake:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// turn advances the machine and sets the timer to the next due time.
func (w *Watcher) turn(next *time.Timer) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	w.m.advance(now)
	if len(w.m.asks) > 0 {
		poke(w.asked)
	}
	if len(w.m.lookups) > 0 {
		poke(w.sought)
	}
	if at, ok := w.m.due(); ok {
		next.Reset(max(breath, at.Sub(now)))
	} else {
		next.Stop()
	}
}

// event queues an event. It waits only for the machine's lock, never for a consumer.
func (w *Watcher) event(e dockerapi.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	w.m.event(now, e)
	switch n := len(w.m.items); {
	case n == 1:
		poke(w.wake)
	case n > maxQueued:
		w.m.advance(now)
	}
}

// enqueue queues a response at its position among the events.
func (w *Watcher) enqueue(apply func(m *machine, now time.Time)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.m.answer(time.Now(), apply)
	poke(w.wake)
}

func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// inspect performs the requested inspections one after the other.
func (w *Watcher) inspect(ctx context.Context) {
	for {
		a, some, away := w.nextAsk()
		if !some {
			select {
			case <-w.asked:
				continue
			case <-ctx.Done():
				return
			}
		}
		var answer *dockerapi.Inspection
		if !away { // otherwise the request would only wait for its timeout
			found, ok, err := w.docker.Inspect(ctx, a.id)
			if ok && err == nil {
				answer = &found
			}
			if err != nil && ctx.Err() == nil {
				w.log.Debug("a container cannot be inspected", "phase", "containers", "container", a.id, "error", err)
			}
		}
		w.enqueue(func(m *machine, now time.Time) { m.inspected(now, a, answer) })
	}
}

func (w *Watcher) nextAsk() (a ask, some, away bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.m.asks) == 0 {
		return ask{}, false, false
	}
	a, w.m.asks = w.m.asks[0], w.m.asks[1:]
	return a, true, w.m.away
}

// resolve finds the services of tasks, several at a time.
func (w *Watcher) resolve(ctx context.Context) {
	for {
		select {
		case <-w.sought:
		case <-ctx.Done():
			return
		}
		if !pause(ctx, gather) {
			return
		}
		w.mu.Lock()
		lookups := w.m.lookups
		w.m.lookups = nil
		w.mu.Unlock()
		if len(lookups) == 0 {
			continue
		}
		for arn, info := range w.services.Resolve(ctx, lookups) {
			w.enqueue(func(m *machine, now time.Time) { m.answered(now, arn, info) })
		}
	}
}

// pause waits for d. It returns false if ctx ends first.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
