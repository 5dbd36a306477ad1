// Package await retries requests for things that the agent needs but that are not available at its start: instance
// metadata, a region, credentials, the record of bootstrap. The caller decides how the results are used.
//
//	board.Until(ctx, need, ask)   calls ask with backoff; the journal has one line about
//	                              what is missing, and one when it is available
//	board.List()                  what is missing now, for the state file
package await

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"muster/agent/agentstate"
	"muster/internal/base/ownlimit"
)

// The pause between two attempts is random between zero and a limit that doubles with each attempt.
const (
	firstPause   = time.Second
	longestPause = time.Minute
)

// ErrOptional marks an error about something that the agent can work without. Until keeps calling ask, but reports
// nothing.
var ErrOptional = errors.New("optional")

// Requirement is something that the agent waits for.
type Requirement struct {
	ID   string // a problem ID of agentstate
	What string // its name in messages: "instance metadata"
	Verb string // the verb for messages once it is available: "answered"
}

// Board lists what is missing. Its methods are safe for concurrent use.
type Board struct {
	log     *slog.Logger
	changed chan struct{}

	mu      sync.Mutex
	missing []agentstate.Waiting
}

// New returns a Board with an empty list.
func New(log *slog.Logger) *Board { return &Board{log: log, changed: make(chan struct{}, 1)} }

// Changes receives a value after the list has changed.
func (b *Board) Changes() <-chan struct{} { return b.changed }

// List returns what is missing now, the longest missing first.
func (b *Board) List() []agentstate.Waiting {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.missing)
}

// Until calls ask until it succeeds. It returns nil, or the error of ctx if that ends first.
func (b *Board) Until(ctx context.Context, n Requirement, ask func(context.Context) error) error {
	for attempt := 0; ; attempt++ {
		err := ask(ctx)
		switch {
		case err == nil:
			b.Available(n)
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, ErrOptional):
			b.remove(n)
		default:
			b.Missing(n, err)
		}
		select {
		case <-time.After(pause(attempt)):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func pause(attempt int) time.Duration {
	return rand.N(min(longestPause, firstPause<<min(attempt, 10)))
}

// Missing adds n to the list. It logs only the first call for n.
func (b *Board) Missing(n Requirement, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	why, limit := err.Error(), ownlimit.Of(err)
	if limit != "" { // the error's text blames something else
		why = "unknown: " + limit
	}
	if i := b.index(n); i >= 0 {
		b.missing[i].Why, b.missing[i].Limit = why, limit
		return
	}
	b.missing = append(b.missing, agentstate.Waiting{ID: n.ID, What: n.What, Since: time.Now(), Why: why, Limit: limit})
	b.log.Warn("waiting for "+n.What+": "+why, "phase", "start")
	b.notify()
}

// Available removes n from the list, if it is there.
func (b *Board) Available(n Requirement) {
	if was, there := b.remove(n); there {
		b.log.Info(n.What+" "+n.Verb+" after "+round(time.Since(was.Since)).String(), "phase", "start")
	}
}

// round rounds a duration for display.
func round(d time.Duration) time.Duration {
	if d < time.Second {
		return d.Round(10 * time.Millisecond)
	}
	return d.Round(time.Second)
}

func (b *Board) remove(n Requirement) (was agentstate.Waiting, there bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	i := b.index(n)
	if i < 0 {
		return agentstate.Waiting{}, false
	}
	was = b.missing[i]
	b.missing = slices.Delete(b.missing, i, i+1)
	b.notify()
	return was, true
}

func (b *Board) index(n Requirement) int {
	return slices.IndexFunc(b.missing, func(w agentstate.Waiting) bool { return w.ID == n.ID })
}

func (b *Board) notify() {
	select {
	case b.changed <- struct{}{}:
	default:
	}
}
