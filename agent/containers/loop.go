package containers

import (
	"fmt"
	"time"

	"muster/internal/base/crashloop"
)

// A failing service makes new containers, so that a loop shows only over those of
// the same cluster, family and name.
const (
	loopCrashes = crashloop.Exits
	loopWindow  = crashloop.Window
	maxLoops    = 4096 // roles that are watched at a time
)

// loop is the recent failures of one role.
type loop struct {
	recent [loopCrashes]time.Time
	last   *container
	on     bool
}

func (m *machine) looping(r role) bool {
	l := m.loops[r]
	return l != nil && l.on
}

// failure notes an unexpected exit and reports when it makes a loop.
func (m *machine) failure(now time.Time, c *container, code int) {
	l := m.loops[c.role()]
	if l == nil {
		if len(m.loops) >= maxLoops {
			return
		}
		l = &loop{}
		m.loops[c.role()] = l
		m.at(now.Add(loopWindow), func(now time.Time) { m.quiet(now, l) })
	}
	copy(l.recent[:], l.recent[1:])
	l.recent[loopCrashes-1], l.last = now, c
	if oldest := l.recent[0]; !l.on && !oldest.IsZero() && now.Sub(oldest) <= loopWindow {
		l.on = true
		m.say(now, CrashLoop, c, code, crashloop.Says())
	}
}

// quiet ends a loop without an exit for a window, or looks again when it may be.
func (m *machine) quiet(now time.Time, l *loop) {
	last := l.recent[loopCrashes-1]
	if until := last.Add(loopWindow); now.Before(until) {
		m.at(until, func(now time.Time) { m.quiet(now, l) })
		return
	}
	delete(m.loops, l.last.role())
	if l.on {
		m.say(now, CrashLoopOver, l.last, 0, fmt.Sprintf("no unexpected exit for %dm", loopWindow/time.Minute))
	}
}
