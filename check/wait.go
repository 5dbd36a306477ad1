package check

import (
	"context"
	"time"
)

// The pause between two runs of Wait. It grows, because the checks load the instance.
const (
	firstRest   = time.Second
	longestRest = 15 * time.Second
)

// Wait runs the checks until none fails or patience has passed. It returns the results of the last run that was not
// interrupted, or nil. It calls waiting before each pause.
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
