package containers

import (
	"slices"
	"syscall"
	"time"

	"muster/internal/host/dockerapi"
)

const (
	// oomJudged is how long a kill for memory waits for the end of the container,
	// which follows within 30 ms if it was the main process (measured on 20.10), and
	// later on a host that is short of memory itself.
	oomJudged = 700 * time.Millisecond
	// oomExit bounds how long before its end a main process was killed for memory.
	oomExit = 10 * time.Second
	// saidOften bounds the child-oom transitions of a container.
	saidOften = time.Minute
)

// reloads are the signals that programs reread their configuration or reopen their
// logs by, and a JVM prints its threads; a container may still have one of them for
// stopping (haproxy: SIGUSR1, nginx: SIGQUIT).
var reloads = []int{int(syscall.SIGHUP), int(syscall.SIGUSR1), int(syscall.SIGUSR2), int(syscall.SIGQUIT), int(syscall.SIGWINCH)}

// start begins a life. One that had not ended for all we know has lost its end.
func (m *machine) start(now time.Time, c *container) {
	if c.running {
		c.running = false
		m.judge(now, c, exit{}, ended)
	}
	if c.exit != nil {
		m.settleExit(now, c, crashed)
	}
	if c.failed {
		m.count(c).Restarts++
	}
	c.running, c.failed, c.started = true, false, time.Time{}
	c.stop, c.signal, c.oomed, c.ooms = time.Time{}, 0, time.Time{}, 0
	c.health = NoCheck
	if c.checked {
		c.health = Starting
	}
	m.want(c)
}

// live takes what happens to a running container.
func (m *machine) live(now time.Time, c *container, e dockerapi.Event) {
	switch e.Action {
	case dockerapi.ActionKill:
		if slices.Contains(reloads, e.Signal) {
			c.signal = e.Signal
		} else {
			c.stop = now
		}
	case dockerapi.ActionOOM:
		c.oomed = now
		if c.ooms++; c.ooms == 1 {
			m.at(now.Add(oomJudged), func(now time.Time) { m.childOOM(now, c) })
		}
	case dockerapi.ActionHealth:
		if h := Health(e.Health); h.checked() {
			m.setHealth(now, c, h)
		}
	}
}

// childOOM says that the container outlived kills for memory.
func (m *machine) childOOM(now time.Time, c *container) {
	if c.ooms == 0 {
		return // its end was judged meanwhile
	}
	m.count(c).ChildOOMs += c.ooms
	c.ooms = 0
	if c.saidAt.IsZero() || now.Sub(c.saidAt) >= saidOften {
		c.saidAt = now
		m.say(now, ChildOOM, c, 0, "a process in the container was killed for memory; its main process runs on")
	}
}

func (m *machine) setHealth(now time.Time, c *container, h Health) {
	if !h.checked() {
		h = NoCheck
	}
	c.health, c.checked = h, c.checked || h != NoCheck
	note := ""
	if c.ignored() {
		note = "; ECS ignores this check, which is its image's own"
	}
	switch {
	case h == Unhealthy && !c.sick && !c.stopping(now): // which lets probes fail
		c.sick = true
		m.say(now, TurnedUnhealthy, c, 0, "its health check fails"+note)
	case h == Healthy && c.sick:
		c.sick = false
		m.say(now, Recovered, c, 0, "its health check passes again"+note)
	}
}

// stopping says whether it was asked to end.
func (c *container) stopping(now time.Time) bool {
	return !c.stop.IsZero() && now.Sub(c.stop) < stopLasts
}

// remove forgets a container. One that had not ended for all we know has lost its
// end, and it is too late to ask.
func (m *machine) remove(now time.Time, c *container) {
	switch {
	case c.running:
		c.running = false
		m.judge(now, c, exit{}, ended)
	case c.exit != nil && c.exit.inspect:
		m.settleExit(now, c, crashed)
	}
	delete(m.containers, c.ID)
	m.leave(c)
}
