package containers

import (
	"context"
	"errors"
	"iter"
	"math/rand/v2"
	"time"

	"muster/internal/host/dockerapi"
)

const (
	firstPause = 100 * time.Millisecond
	maxPause   = 30 * time.Second
	// heldLong is the age from which a connection does not count as a failed attempt.
	heldLong = 10 * time.Second
)

// brokenStream is the number of consecutive event streams that end immediately before the stream counts as broken. It
// is more than two, because Docker may restart twice.
const brokenStream = 3

// follow keeps the connection to Docker, and reconnects after failures.
func (w *Watcher) follow(ctx context.Context) {
	var last time.Time // time of the last event, by the Engine's clock
	wait := firstPause
	for ctx.Err() == nil {
		began := time.Now()
		listed, err := w.session(ctx, &last)
		if ctx.Err() != nil {
			return
		}
		held := time.Since(began) > heldLong
		if !listed { // if the list succeeded, only the event stream ended, so reconnect before reporting a loss
			w.lose(err)
		} else {
			w.endedStream(err, held)
		}
		if held {
			wait = firstPause
		}
		if !pause(ctx, wait/2+rand.N(wait/2)) {
			return
		}
		wait = min(2*wait, maxPause, max(firstPause, w.period))
	}
}

// endedStream records that an event stream ended although Docker can be listed. A stream that never works is logged
// once, and lists replace it.
func (w *Watcher) endedStream(err error, held bool) {
	if held {
		w.streamWorks()
	}
	w.streams++
	streams := w.streams
	if streams == brokenStream {
		w.log.Error(
			"Docker's event stream does not work; containers are listed instead, at least every "+min(maxPause, w.period).String(),
			"phase", "containers",
			"error", err,
		)
	}
	w.enqueue(func(m *machine, now time.Time) {
		m.gap, m.touched = true, nil
		if streams < brokenStream {
			return
		}
		if m.stream.Failures == 0 {
			m.stream.Since = now
		}
		m.stream.Failures, m.stream.Why = streams, err.Error()
	})
}

// streamWorks records that the event stream works.
func (w *Watcher) streamWorks() {
	if w.streams >= brokenStream {
		w.log.Info("Docker's event stream works again", "phase", "containers")
	}
	w.streams = 0
	w.enqueue(func(m *machine, _ time.Time) { m.stream = Stream{} })
}

// session is one connection. It subscribes to events, then lists the containers, and lists again in each period until
// something fails. listed reports whether the last list succeeded.
func (w *Watcher) session(ctx context.Context, last *time.Time) (listed bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	events, err := w.docker.Events(ctx, *last)
	if err != nil {
		return w.listsAnyway(ctx, err), err
	}
	ended := make(chan error, 1)
	go func() { ended <- w.read(events, last) }()
	next, holds := time.NewTicker(w.period), time.NewTimer(heldLong)
	defer next.Stop()
	defer holds.Stop()
	for list := true; ; {
		if list {
			if err := w.list(ctx); err != nil {
				cancel()
				<-ended
				return false, err
			}
		}
		select {
		case err := <-ended:
			return true, err
		case <-holds.C:
			w.streamWorks()
			list = false
		case <-next.C:
			list = true
		}
	}
}

// listsAnyway reports whether the containers can be listed although the Engine rejects, or does not respond to, the
// request for events.
func (w *Watcher) listsAnyway(ctx context.Context, err error) bool {
	for _, away := range []error{dockerapi.ErrNotRunning, dockerapi.ErrDenied, dockerapi.ErrUnknown, dockerapi.ErrProxy} {
		if errors.Is(err, away) {
			return false
		}
	}
	return w.list(ctx) == nil
}

// read reads the events until the stream or its context ends.
func (w *Watcher) read(events iter.Seq2[dockerapi.Event, error], last *time.Time) error {
	for e, err := range events {
		if err != nil {
			return err
		}
		*last = e.Time
		w.event(e)
	}
	return errors.New("the stream of events ended")
}

func (w *Watcher) list(ctx context.Context) error {
	w.enqueue((*machine).listing)
	list, err := w.docker.List(ctx, true)
	if err != nil {
		return err
	}
	if w.lost {
		w.lost = false
		w.log.Info("Docker responds again", "phase", "containers")
	}
	w.enqueue(func(m *machine, now time.Time) { m.reconcile(now, list) })
	return nil
}

// lose records that a request to Docker failed. If the reason is a limit of this process, Docker's state is unknown.
func (w *Watcher) lose(err error) {
	limit := dockerapi.NotAsked(err)
	if !w.lost {
		w.lost = true
		text := "Docker cannot be watched; retrying"
		if limit != "" {
			text = "the state of Docker is unknown: " + limit + "; retrying"
		}
		w.log.Error(text, "phase", "containers", "error", err)
	}
	w.enqueue(func(m *machine, now time.Time) { m.lost(now, err.Error(), limit) })
}
