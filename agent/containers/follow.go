package containers

import (
	"context"
	"errors"
	"iter"
	"math/rand/v2"
	"time"

	"muster/internal/dockerapi"
)

const (
	firstPause = 100 * time.Millisecond
	maxPause   = 30 * time.Second
	// A connection that held so long was no failed attempt.
	heldLong = 10 * time.Second
)

// follow keeps connected to Docker.
func (w *Watcher) follow(ctx context.Context) {
	var last time.Time // of the last event, by the Engine's clock
	wait := firstPause
	for ctx.Err() == nil {
		began := time.Now()
		listed, err := w.session(ctx, &last)
		if ctx.Err() != nil {
			return
		}
		if !listed { // one that ends after it had listed is tried again first
			w.lose(err)
		} else {
			w.tell(func(m *machine, _ time.Time) { m.gap, m.touched = true, nil })
		}
		if time.Since(began) > heldLong {
			wait = firstPause
		}
		if !pause(ctx, wait/2+rand.N(wait/2)) {
			return
		}
		wait = min(2*wait, maxPause)
	}
}

// session is one connection: it subscribes, and then lists, each period again, until
// something fails. listed is whether the last list came.
func (w *Watcher) session(ctx context.Context, last *time.Time) (listed bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	events, err := w.docker.Events(ctx, *last)
	if err != nil {
		return false, err
	}
	ended := make(chan error, 1)
	go func() { ended <- w.read(events, last) }()
	next := time.NewTicker(w.period)
	defer next.Stop()
	for {
		if err := w.list(ctx); err != nil {
			cancel()
			<-ended
			return false, err
		}
		select {
		case err := <-ended:
			return true, err
		case <-next.C:
		}
	}
}

// read reads the events until they end, as they do with their context.
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
	w.tell((*machine).listing)
	list, err := w.docker.List(ctx, true)
	if err != nil {
		return err
	}
	if w.lost {
		w.lost = false
		w.log.Info("Docker answers again", "phase", "containers")
	}
	w.tell(func(m *machine, now time.Time) { m.reconcile(now, list) })
	return nil
}

func (w *Watcher) lose(err error) {
	if !w.lost {
		w.lost = true
		w.log.Error("Docker cannot be watched; trying on", "phase", "containers", "error", err)
	}
	w.tell(func(m *machine, now time.Time) { m.lost(now, err.Error()) })
}
