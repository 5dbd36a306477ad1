package check_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"muster/check"
)

// looks returns a check run that fails the first n times.
func looks(n int) func(context.Context) []check.Result {
	return func(ctx context.Context) []check.Result {
		status := check.Pass
		if n > 0 {
			status, n = check.Fail, n-1
		}
		return check.Run(ctx, []check.Check{does("a", status)})
	}
}

func TestWait(t *testing.T) {
	s := time.Second
	for name, c := range map[string]struct {
		fails    int
		patience time.Duration
		rests    []time.Duration
		last     string
	}{
		"what is healthy is not waited for":     {0, time.Minute, nil, "a=pass"},
		"without patience there is one look":    {9, 0, nil, "a=fail"},
		"until nothing fails, ever more seldom": {6, time.Hour, []time.Duration{s, 2 * s, 4 * s, 8 * s, 15 * s, 15 * s}, "a=pass"},
		"a last look when the time is over":     {9, 5 * s, []time.Duration{s, 2 * s, 2 * s}, "a=fail"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var rests []time.Duration
				var rested time.Time
				failing := looks(c.fails)
				last := check.Wait(t.Context(), c.patience, func(ctx context.Context) []check.Result {
					if !rested.IsZero() {
						rests = append(rests, time.Since(rested))
					}
					return failing(ctx)
				}, func([]check.Result) { rested = time.Now() })
				if !slices.Equal(rests, c.rests) || statuses(last) != c.last {
					t.Errorf("rested %v, last %s", rests, statuses(last))
				}
			})
		})
	}
}

func TestAnInterruptedWaitKeepsTheLastWholeLook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, interrupt := context.WithCancel(t.Context())
		last := check.Wait(ctx, time.Hour, looks(9), func([]check.Result) { interrupt() })
		if statuses(last) != "a=fail" {
			t.Errorf("got %s", statuses(last))
		}
		if last := check.Wait(ctx, time.Hour, looks(9), nil); last != nil {
			t.Errorf("a look that was interrupted counts: %s", statuses(last))
		}
	})
}
