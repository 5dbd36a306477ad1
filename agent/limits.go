package agent

import (
	"context"
	"time"
)

const (
	// limitsAhead is how long before the end of a minute the limits are read.
	limitsAhead = 2 * time.Second
	// limitsLast is the maximum age of a reading. A file system that hangs delays the readings.
	limitsLast = 90 * time.Second
)

// watchLimits reads the limits once at the start, and then before the end of each minute. It does not run in the main
// loop, because a file system can hang.
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
