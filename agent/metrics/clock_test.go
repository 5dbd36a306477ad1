package metrics_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"muster/agent/metrics"
)

// away makes CloudWatch unreachable, so that requests certainly fail.
func (w *world) away() { w.fail = func([]metrics.Datum) (bool, error) { return false, errAway } }

func (w *world) back() { w.fail = nil }

// The clock was in 2036 at boot, and a request got no response. After the clock is corrected, the agent must publish
// again, both in this run and in the next.
func TestAClockThatWasWrongIsForgotten(t *testing.T) {
	for name, wrong := range map[string]time.Duration{
		"ten years ahead":    10 * 365 * 24 * time.Hour,
		"two hours ahead":    2 * time.Hour,
		"five minutes ahead": 5 * time.Minute,
	} {
		for _, restart := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := newWorld(t)
					w.clock = wrong
					w.fail = unanswered
					w.pass(1, 3)
					w.back()
					w.clock = 0
					if restart {
						w.start()
					}
					w.pass(10, 3)
					if got := w.points(time.Now().Add(-11*time.Minute), time.Now()); got != 10*3 {
						t.Errorf("%d points arrived, want 30; %+v", got, w.Stats())
					}
					w.said(t, 1, "the clock was corrected")
				})
			})
		}
	}
}

// Queued minutes with timestamps in the future must not become a second sample of a minute. Those that CloudWatch would
// reject must not wait indefinitely.
func TestMinutesOfAWrongClockDoNotComeBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.away()
		w.clock = 30 * time.Minute
		w.pass(5, 3) // these minutes are made again later
		w.clock = 72 * time.Hour
		w.pass(5, 3) // these minutes are rejected later
		w.clock = 0
		w.back()
		w.pass(30, 3)
		w.want(t, 30*3)
		if s := w.Stats(); s.Minutes != 5 || s.Dropped[metrics.Future] != 5*3 {
			t.Errorf("after half an hour: %+v", s)
		}
		w.pass(31, 3)
		if s := w.Stats(); s.Minutes != 0 || s.Dropped[metrics.Future] != 10*3 || len(w.times) != 61*3 {
			t.Errorf("after an hour: %+v", s)
		}
		w.said(t, 1, "CloudWatch rejects them")
	})
}

// A clock that is temporarily wrong must not cause earlier minutes to be dropped.
func TestGoodMinutesOutliveAWrongClock(t *testing.T) {
	for name, wrong := range map[string]time.Duration{
		"in 1970":            -30 * 365 * 24 * time.Hour,
		"three hours behind": -3 * time.Hour,
		"in 2036":            36 * 365 * 24 * time.Hour,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.away()
				w.pass(5, 3)
				w.clock = wrong
				w.start() // booted with a wrong clock
				w.pass(10, 3)
				w.clock = 0
				w.back()
				begin := time.Now()
				w.pass(20, 3)
				if got := w.points(begin.Add(-16*time.Minute), begin.Add(-11*time.Minute)); got != 5*3 {
					t.Errorf("%d points of before arrived, want 15; %+v", got, w.Stats())
				}
				for p, times := range w.times {
					if times > 1 {
						t.Errorf("%v arrived %d times", p, times)
					}
				}
			})
		})
	}
}

// A step back within the minute loses that minute but does not repeat it.
func TestAClockThatIsStepped(t *testing.T) {
	for name, test := range map[string]struct {
		step time.Duration
		late int64
	}{
		"30s back":    {-30 * time.Second, 0},
		"1m back":     {-time.Minute, 1},
		"2h back":     {-2 * time.Hour, 0},
		"2h ahead":    {2 * time.Hour, 0},
		"a day ahead": {24 * time.Hour, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.pass(10, 3)
				w.clock = test.step
				w.pass(10, 3)
				if got, late := len(w.times), w.dropped(metrics.Late); late > 3*(test.late+1) || int64(got)+late != 20*3 {
					t.Errorf("%d points arrived and %d were late, of 60", got, late)
				}
			})
		})
	}
}

func TestMinutesOlderThanTwoWeeksAreDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		now := time.Now()
		w.Add(minute(now.Add(-15*24*time.Hour), 3))
		w.Add(minute(now.Add(-13*24*time.Hour), 2))
		if err := w.Flush(t.Context()); err != nil {
			t.Error(err)
		}
		w.want(t, 2)
		if w.dropped(metrics.TooOld) != 0 {
			t.Errorf("dropped at once, though the clock may be wrong: %+v", w.Stats())
		}
		w.pass(62, 0)
		if w.dropped(metrics.TooOld) != 3 || w.Stats().Minutes != 0 {
			t.Errorf("%+v", w.Stats())
		}
	})
}

// Durations are measured on the monotonic clock.
func TestAStepOfTheClockIsNoOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.pass(2, 3)
		w.away()
		w.pass(12, 3)
		s := w.Stats()
		if since := time.Since(s.Overdue); since < 11*time.Minute || since > 14*time.Minute || s.Cause != metrics.CauseUnreachable {
			t.Errorf("overdue for %v: %s", since, s.Cause)
		}
		w.back()
		w.pass(10, 3)
		if s := w.Stats(); !s.Overdue.IsZero() || s.Why != "" || s.Cause != "" {
			t.Errorf("%+v", s)
		}
	})
}

// If the clock jumps ahead and back within a minute, that minute must not be sent again. What was sent before the jump
// remains known.
func TestAClockThatJumpsAheadAndBackRepeatsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		start := time.Now()
		add := func(ahead time.Duration) {
			w.clock = ahead
			w.Add(minute(w.now(), 3))
			_ = w.Flush(t.Context())
		}
		for _, ahead := range []time.Duration{0, time.Hour, 0, time.Hour, 90 * time.Minute, 0, 5 * time.Minute, 0} {
			add(ahead)
		}
		for i := range 3 {
			if p := (point{start.Unix() / 60, fmt.Sprint("M", i)}); w.times[p] != 1 {
				t.Errorf("%v arrived %d times", p, w.times[p])
			}
		}
	})
}
