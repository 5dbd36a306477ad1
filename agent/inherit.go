package agent

import (
	"context"
	"os"
	"time"

	"muster/agent/announce"
	"muster/agent/await"
	"muster/agent/metrics"
)

// maxHeld bounds the events that a provisional agent keeps for the bus.
const maxHeld = 100

// prepare makes what Run needs and has not inherited.
func (a *Agent) prepare() {
	a.changed, a.builder = make(chan struct{}, 1), metrics.NewBuilder(a.Log)
	if a.began.IsZero() {
		a.began, a.tally = time.Now(), newTally()
	}
	if a.Waits == nil {
		a.Waits = await.New(a.Log)
	}
}

// Inherit takes over what an agent of this process that Again has ended knows: what it
// counted and did not publish, what it announced without a bus, and what it said.
func (a *Agent) Inherit(from *Agent) {
	a.ready, a.began, a.tally, a.spent.cpu = from.ready, from.began, from.tally, from.spent.cpu
	if old := from.Settings.Path(from.Settings.AgentState); old != a.Settings.Path(a.Settings.AgentState) {
		_ = os.Remove(old) // muster status reads the other one now; where this fails it reads a stale one
	}
	a.snap, a.notice, a.cycled = from.snap, from.notice, from.cycled
	a.recent = from.recent
	for _, e := range from.held {
		e.Instance = a.InstanceID
		a.Announcer.Forward(e)
	}
}

// hold keeps an event for the agent that inherits.
func (a *Agent) hold(e announce.Event) {
	if !a.Provisional {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.held = append(a.held, e); len(a.held) > maxHeld {
		a.held = a.held[1:]
	}
}

// handOver is the end of an agent that another one inherits from. The minutes are on
// disk; events for the bus are in memory.
func (a *Agent) handOver(ctx context.Context) {
	a.take()
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
