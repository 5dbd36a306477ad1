package containers

import (
	"slices"
	"syscall"
	"time"

	"muster/internal/host/dockerapi"
)

// stopLasts is how long a stop signal explains any exit code and a failing health check. ECS waits for the stop
// timeout, 30 s by default, and then sends KILL. A program that drains longer exits with 0 or with the signal's code.
const stopLasts = 10 * time.Minute

// stops are the signals that request a stop, in addition to the container's own StopSignal. Programs use other signals
// to reload, to print their threads, or for nothing.
var stops = []int{int(syscall.SIGTERM), int(syscall.SIGINT), int(syscall.SIGKILL)}

// signaled records a signal that was sent to the container.
func (c *container) signaled(now time.Time, signal int) {
	if slices.Contains(stops, signal) || signal == c.stopSignal {
		c.stop = now
	} else if c.stopSignal == 0 { // it is unknown until an inspection
		c.signal = signal
	}
}

// stopping reports whether a stop of the container was requested recently.
func (c *container) stopping(now time.Time) bool {
	return !c.stop.IsZero() && now.Sub(c.stop) < stopLasts
}

// requested reports whether an exit was requested: Docker's stop event follows it, or a stop signal explains it.
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
