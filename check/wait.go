package check

import (
	"context"
	"time"
)

// How long Wait rests between two looks: longer each time, because the checks
// cost the instance something.
const (
	firstRest   = time.Second
	longestRest = 15 * time.Second
)

// Wait looks until no check fails or patience is over, and returns the last look
// that was not interrupted; nil without one. It calls waiting with each look
// after which it rests.
func Wait(ctx context.Context, patience time.Duration, look func(context.Context) []Result, waiting func(last []Result)) []Result {
	end := time.Now().Add(patience)
	var last []Result
	for rest := firstRest; ; rest = min(2*rest, longestRest) {
		results := look(ctx)
		if ctx.Err() != nil {
			return last
		}
		last = results
		left := time.Until(end)
		if len(Causes(results)) == 0 || left <= 0 {
			return last
		}
		rest = min(rest, left)
		waiting(last)
		timer := time.NewTimer(rest)
		select {
		case <-ctx.Done():
			timer.Stop()
			return last
		case <-timer.C:
		}
	}
}
