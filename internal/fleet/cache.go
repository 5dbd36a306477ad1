package fleet

import (
	"context"
	"errors"
	"sync"
	"time"
)

// Cache keeps a fleet for a while, for a process that looks again and again. It is
// in memory on purpose: whoever runs a command wants to see the rule that was just
// added, and a second process would have to trust a file about who may connect.
type Cache struct {
	ttl      time.Duration
	discover func(context.Context) (Fleet, error)

	mu    sync.Mutex
	until time.Time
	fleet Fleet
	err   error
}

// NewCache makes a cache that asks discover at most once in a ttl.
func NewCache(ttl time.Duration, discover func(context.Context) (Fleet, error)) *Cache {
	return &Cache{ttl: ttl, discover: discover}
}

// Get is the fleet, not older than the ttl. A failure is kept as long: a denied or
// throttled API must not be asked more often than a willing one. The fleet is
// shared and must not be changed.
func (c *Cache) Get(ctx context.Context) (Fleet, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Now().Before(c.until) {
		return c.fleet, c.err
	}
	fleet, err := c.discover(ctx)
	if errors.Is(err, context.Canceled) {
		return fleet, err
	}
	c.fleet, c.err, c.until = fleet, err, time.Now().Add(c.ttl)
	return fleet, err
}
