// Package await asks for what the agent needs and does not have at its start, until
// it comes: instance metadata, a region, credentials, the record of bootstrap. Late is
// not never. What the answers are used for is decided elsewhere.
//
//	board.Until(ctx, need, ask)   asks with backoff; the journal says once what is
//	                              missing, and once when it came and after how long
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

// The pauses between two attempts have full jitter below a bound that doubles.
const (
	firstPause   = time.Second
	longestPause = time.Minute
)

// ErrOptional marks an error of something that the agent works without: Until keeps
// asking, and nothing is reported.
var ErrOptional = errors.New("optional")

// Need is something that the agent waits for.
type Need struct {
	ID   string // a problem of agentstate
	What string // as a person calls it: "instance metadata"
	Came string // a verb for when it is there: "answered"
}

// Board lists what is missing. Its methods may be called concurrently.
type Board struct {
	log  *slog.Logger
	news chan struct{}

	mu      sync.Mutex
	missing []agentstate.Waiting
}

// New returns a Board on which nothing is missing.
func New(log *slog.Logger) *Board { return &Board{log: log, news: make(chan struct{}, 1)} }

// News receives when the list has changed.
func (b *Board) News() <-chan struct{} { return b.news }

// List is what is missing now, in the order in which it was missed.
func (b *Board) List() []agentstate.Waiting {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.missing)
}

// Until calls ask until it succeeds. It returns nil then, or the error of ctx.
func (b *Board) Until(ctx context.Context, n Need, ask func(context.Context) error) error {
	for attempt := 0; ; attempt++ {
		err := ask(ctx)
		switch {
		case err == nil:
			b.Came(n)
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

// Missing puts n on the list. Only the first time is logged.
func (b *Board) Missing(n Need, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	why, limit := err.Error(), ownlimit.Of(err)
	if limit != "" { // the rest of the error blames somebody else
		why = "unknown: " + limit
	}
	if i := b.index(n); i >= 0 {
		b.missing[i].Why, b.missing[i].Limit = why, limit
		return
	}
	b.missing = append(b.missing, agentstate.Waiting{ID: n.ID, What: n.What, Since: time.Now(), Why: why, Limit: limit})
	b.log.Warn("waiting for "+n.What+": "+why, "phase", "start")
	b.poke()
}

// Came takes n off the list, if it is there.
func (b *Board) Came(n Need) {
	if was, there := b.remove(n); there {
		b.log.Info(n.What+" "+n.Came+" after "+round(time.Since(was.Since)).String(), "phase", "start")
	}
}

// round is for a person.
func round(d time.Duration) time.Duration {
	if d < time.Second {
		return d.Round(10 * time.Millisecond)
	}
	return d.Round(time.Second)
}

func (b *Board) remove(n Need) (was agentstate.Waiting, there bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	i := b.index(n)
	if i < 0 {
		return agentstate.Waiting{}, false
	}
	was = b.missing[i]
	b.missing = slices.Delete(b.missing, i, i+1)
	b.poke()
	return was, true
}

func (b *Board) index(n Need) int {
	return slices.IndexFunc(b.missing, func(w agentstate.Waiting) bool { return w.ID == n.ID })
}

func (b *Board) poke() {
	select {
	case b.news <- struct{}{}:
	default:
	}
}
