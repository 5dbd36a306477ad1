package agent

import (
	"context"
	"os"
	"time"

	"muster/agent/await"
	"muster/agent/metrics"
)

// prepare initializes what Run needs and has not inherited.
func (a *Agent) prepare() {
	a.shared.changed, a.loop.builder = make(chan struct{}, 1), metrics.NewBuilder(a.Log)
	if a.loop.started.IsZero() {
		a.loop.started = time.Now()
	}
	if a.Waits == nil {
		a.Waits = await.New(a.Log)
	}
}

// Inherit takes over the state of an earlier agent in this process, which Again ended. The state consists of counts
// that were not published, events that were not sent to a bus, and what was already reported.
func (a *Agent) Inherit(from *Agent) {
	a.loop.ready, a.loop.started, a.loop.published.cpu = from.loop.ready, from.loop.started, from.loop.published.cpu
	a.loop.tally.inherit(from.loop.tally, from.Containers.Totals())
	if old := from.Settings.Path(from.Settings.AgentState); old != a.Settings.Path(a.Settings.AgentState) {
		_ = os.Remove(old) // muster status now reads the other file; if the removal fails, it may read a stale one
	}
	a.loop.registration, a.loop.departure, a.loop.cycled = from.loop.registration, from.loop.departure, from.loop.cycled
	a.loop.orphans, a.loop.limits, a.loop.version = from.loop.orphans, from.loop.limits, from.loop.version
	a.shared.recent, a.shared.problem = from.shared.recent, from.shared.problem
	for _, e := range from.shared.held {
		e.Instance = a.InstanceID
		a.Announcer.Forward(e)
	}
}

// handOver ends an agent whose state another one inherits. The minutes are on disk, but the events for the bus are only
// in memory.
func (a *Agent) handOver(ctx context.Context) {
	ctx, stop := context.WithTimeout(ctx, goodbyeTime)
	defer stop()
	if err := a.Announcer.Flush(ctx); err != nil {
		a.Log.Warn(err.Error(), "phase", "start")
	}
}

// release releases resources that another agent in this process needs exclusively, such as the spool.
func (a *Agent) release() {
	if p, ok := a.Publisher.(interface{ Close() }); ok {
		p.Close()
	}
}
