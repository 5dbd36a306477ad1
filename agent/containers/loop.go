package containers

import (
	"time"

	"muster/internal/base/crashloop"
)

// A failing service creates new containers. Therefore a crash loop is detected over all containers with the same
// cluster, family and name:
//
//	        3 failures within 30m                 another failure
//	quiet ------------------------> crash loop <-------------------.
//	  ^                               |   '-----------------------'
//	  '---- no failure for 30m, and for twice the last gap (ECS's grow to 27m)
//
// A failure is a crash, an out-of-memory kill, a failed start, or a stop while the health check failed. It counts only
// if its container started after the previous failure, so replicas that fail together count once. A one-off task has no
// service and cannot be in a crash loop.
const (
	loopFailures = crashloop.Exits
	loopWindow   = crashloop.Window
	gapsQuiet    = 2    // number of gaps between failures that must pass without a failure
	maxLoops     = 4096 // maximum number of tracked roles
)

// loop holds the recent failures of one role.
type loop struct {
	recent [loopFailures]time.Time
	last   *container
	on     bool
}

func (m *machine) looping(r role) bool {
	l := m.loops[r]
	return l != nil && l.on
}

// fail records a failure for the crash loop detection and reports it. It does not report a failure with an empty kind,
// or a crash during a crash loop.
func (m *machine) fail(now time.Time, c *container, kind Kind, code int, why string) {
	if kind == OOM || kind != "" && !m.looping(c.role()) {
		m.say(now, kind, c, code, why)
	}
	l := m.loops[c.role()]
	if l == nil {
		if len(m.loops) >= maxLoops {
			return
		}
		l = &loop{}
		m.loops[c.role()] = l
		m.at(now.Add(loopWindow), func(now time.Time) { m.quiet(now, l) })
	}
	before := l.recent[loopFailures-1]
	l.last = c
	if !before.IsZero() && !c.begun.After(before) {
		return
	}
	copy(l.recent[:], l.recent[1:])
	l.recent[loopFailures-1] = now
	if oldest := l.recent[0]; !l.on && !c.oneOff() && !oldest.IsZero() && now.Sub(oldest) <= loopWindow {
		l.on = true
		m.say(now, CrashLoop, c, code, crashloop.Says()+"; the last: "+why)
	}
}

// oneOff reports whether the container belongs to no service and has started only once.
func (c *container) oneOff() bool {
	return c.TaskARN != "" && c.task.known && !c.task.Unsure && c.task.Service == "" && c.starts < 2
}

// quiet ends a loop, or schedules another call for the time when the loop may be over.
func (m *machine) quiet(now time.Time, l *loop) {
	last, before := l.recent[loopFailures-1], l.recent[loopFailures-2]
	lasts := loopWindow
	if !before.IsZero() {
		lasts = max(lasts, gapsQuiet*last.Sub(before))
	}
	if until := last.Add(lasts); now.Before(until) {
		m.at(until, func(now time.Time) { m.quiet(now, l) })
		return
	}
	delete(m.loops, l.last.role())
	if l.on {
		m.say(now, CrashLoopOver, l.last, 0, "no unexpected exit for "+minutes(lasts))
	}
}

// minutes formats a duration without seconds.
func minutes(d time.Duration) string {
	text := d.Round(time.Minute).String() // such as 30m0s
	return text[:len(text)-len("0s")]
}
