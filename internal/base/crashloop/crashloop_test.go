package crashloop_test

import (
	"testing"
	"time"

	"muster/internal/base/crashloop"
)

// The rule is from docs/reference/events.md: 3 unexpected exits within 30 minutes; the loop is over after 30 minutes
// without an exit.
func TestOn(t *testing.T) {
	now := time.Date(2026, 11, 27, 8, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		ago  []time.Duration
		n    int
		want bool
	}{
		"none":                       {nil, 0, false},
		"two":                        {[]time.Duration{time.Minute, 2 * time.Minute}, 2, false},
		"three at once":              {[]time.Duration{time.Minute, 2 * time.Minute, 3 * time.Minute}, 3, true},
		"in any order":               {[]time.Duration{3 * time.Minute, time.Minute, 2 * time.Minute}, 3, true},
		"three over an hour":         {[]time.Duration{time.Minute, 25 * time.Minute, 50 * time.Minute}, 3, false},
		"exactly a window":           {[]time.Duration{time.Minute, 5 * time.Minute, 31 * time.Minute}, 3, true},
		"over":                       {[]time.Duration{30 * time.Minute, 31 * time.Minute, 32 * time.Minute}, 0, false},
		"slow, after a fast start":   {[]time.Duration{time.Minute, 30 * time.Minute, 31 * time.Minute, 32 * time.Minute}, 4, true},
		"over, and once more":        {[]time.Duration{time.Minute, 91 * time.Minute, 92 * time.Minute, 93 * time.Minute}, 1, false},
		"a quiet window cuts it off": {[]time.Duration{time.Minute, 2 * time.Minute, 32 * time.Minute, 33 * time.Minute}, 2, false},
	} {
		var exits []time.Time
		for _, ago := range c.ago {
			exits = append(exits, now.Add(-ago))
		}
		if n, on := crashloop.On(exits, now); n != c.n || on != c.want {
			t.Errorf("%s: got %d, %v", name, n, on)
		}
	}
}
