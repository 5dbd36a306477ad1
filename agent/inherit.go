package agent

import (
	"context"
	"os"
	"time"

	"muster/agent/await"
	"muster/agent/metrics"
)

// prepare makes what Run needs and has not inherited.
func (a *Agent) prepare() {
	a.shared.changed, a.loop.builder = make(chan struct{}, 1), metrics.NewBuilder(a.Log)
	if a.loop.started.IsZero() {
		a.loop.started = time.Now()
	}
	if a.Waits == nil {
		a.Waits = await.New(a.Log)
	}
}

// Inherit takes over what an agent of this process that Again has ended knows: what it
// counted and did not publish, what it announced without a bus, and what it said.
func (a *Agent) Inherit(from *Agent) {
	a.loop.ready, a.loop.started, a.loop.published.cpu = from.loop.ready, from.loop.started, from.loop.published.cpu
	a.loop.tally.inherit(from.loop.tally, from.Containers.Totals())
	if old := from.Settings.Path(from.Settings.AgentState); old != a.Settings.Path(a.Settings.AgentState) {
		_ = os.Remove(old) // muster status reads the other one now; where this fails it reads a stale one
	}
	a.loop.registration, a.loop.departure, a.loop.cycled = from.loop.registration, from.loop.departure, from.loop.cycled
	a.loop.orphans, a.loop.limits = from.loop.orphans, from.loop.limits
	a.shared.recent = from.shared.recent
	for _, e := range from.shared.held {
		e.Instance = a.InstanceID
		a.Announcer.Forward(e)
	}
}

// handOver is the end of an agent that another one inherits from. The minutes are on
// disk; events for the bus are in memory.
func (a *Agent) handOver(ctx context.Context) {
	ctx, stop := context.WithTimeout(ctx, goodbyeTime)
	defer stop()
	if err := a.Announcer.Flush(ctx); err != nil {
		a.Log.Warn(err.Error(), "phase", "start")
	}
}

// release lets go of what another agent of this process needs for itself, such as the
// spool.
func (a *Agent) release() {
	if p, ok := a.Publisher.(interface{ Close() }); ok {
		p.Close()
	}
}
