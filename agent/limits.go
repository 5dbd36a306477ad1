package agent

import (
	"context"
	"time"
)

const (
	// limitsAhead is how long before the end of a minute the limits are read for it.
	limitsAhead = 2 * time.Second
	// limitsLast is how old a reading may be: a file system that hangs stops the readings.
	limitsLast = 90 * time.Second
)

// watchLimits reads the limits once at the start and then before the end of each minute. It is apart from the main loop,
// because a file system can hang.
func (a *Agent) watchLimits(ctx context.Context) {
	next := time.NewTimer(0)
	defer next.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-next.C:
		}
		running, _ := a.Containers.Running()
		now := time.Now()
		a.shared.setLimits(a.Limits.Read(now, running))
		at := now.Truncate(time.Minute).Add(time.Minute - limitsAhead)
		if !at.After(time.Now()) {
			at = at.Add(time.Minute)
		}
		next.Reset(time.Until(at))
	}
}
