package check

import (
	"context"
	"time"
)

// How long Wait rests between two looks: ever longer, because what the checks
// look at is what else runs on this instance.
const (
	firstRest   = time.Second
	longestRest = 15 * time.Second
)

// Wait looks again and again until no check fails or patience is over, and
// returns the last look that was not interrupted; none: nil. Waiting is told each
// time before it rests.
func Wait(ctx context.Context, patience time.Duration, look func(context.Context) []Result, waiting func(last []Result, rest time.Duration)) []Result {
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
		waiting(last, rest)
		timer := time.NewTimer(rest)
		select {
		case <-ctx.Done():
			timer.Stop()
			return last
		case <-timer.C:
		}
	}
}
