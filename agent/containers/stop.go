package containers

import (
	"slices"
	"syscall"
	"time"

	"muster/internal/host/dockerapi"
)

// stopLasts bounds how long a stop signal explains any exit code, and a failing health
// check. ECS waits for the stop timeout, 30 s unless configured, and then sends KILL.
// A longer drain ends with 0 or with the code of the signal.
const stopLasts = 10 * time.Minute

// stops are the signals that request a stop, beside the container's own StopSignal.
// Programs use others to reload, to print their threads, or to do nothing.
var stops = []int{int(syscall.SIGTERM), int(syscall.SIGINT), int(syscall.SIGKILL)}

// signaled notes a signal that was sent to the container.
func (c *container) signaled(now time.Time, signal int) {
	if slices.Contains(stops, signal) || signal == c.stopSignal {
		c.stop = now
	} else if c.stopSignal == 0 { // unknown until it is inspected
		c.signal = signal
	}
}

// stopping reports whether the container was asked to stop a short time ago.
func (c *container) stopping(now time.Time) bool {
	return !c.stop.IsZero() && now.Sub(c.stop) < stopLasts
}

// requested reports whether an exit was requested: Docker's stop event follows it, or a
// stop signal explains it.
func (m *machine) requested(now time.Time, c *container, code int) bool {
	if m.waits(c.ID, dockerapi.ActionStop) {
		return true
	}
	if c.stop.IsZero() {
		return false
	}
	bySignal := code == 0 || code == killed || code == terminated || code == 128+c.stopSignal
	return bySignal || c.stopping(now)
}
