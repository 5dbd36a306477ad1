// Package registration watches, for the instance's whole life, whether the ECS
// agent stays registered in the right cluster and connected to ECS. Only its
// Healer acts on anything, and only where that was asked for. Whether a boot was
// good is not decided here: that is bootstrap's Verify.
package registration

import (
	"context"
	"log/slog"
	"time"

	"muster/internal/cluster"
	"muster/internal/ecsagent"
)

// lostAfter is how long the registration, or the connection, must be away before
// it is called lost: disconnects of a few minutes, several an hour, are normal
// (AWS, "ECS container agent connection"), and an update restarts the ECS agent.
const lostAfter = 5 * time.Minute

// lookPatience bounds a look at the ECS agent, which is on this host.
const lookPatience = 5 * time.Second

// State is how the registration stands.
type State string

// The states.
const (
	Unknown      State = "unknown"
	Registered   State = "registered"
	Lost         State = "lost"
	Elsewhere    State = "in another cluster"
	Disconnected State = "disconnected" // registered, but ECS does not hear from it
)

// Change is a change of the State.
type Change struct {
	Was, Is State
	Why     string
	At      time.Time
}

// Snapshot is what is known of the registration.
type Snapshot struct {
	State State
	Since time.Time // of State
	Why   string
	// Cluster and ARN are what the ECS agent said last; empty as long as this
	// process has never seen it registered.
	Cluster, ARN string
	// Answered is when the ECS agent last reported a registration, and Silent why it
	// did not at the last look; empty: it did.
	Answered time.Time
	Silent   string
	ECS      Word
}

// Introspection is the ECS agent's own account of itself.
type Introspection interface {
	Metadata(ctx context.Context) (ecsagent.Metadata, error)
}

// Watch watches the registration. It is not for concurrent use.
type Watch struct {
	Agent    Introspection
	ECS      ContainerInstances // nil: nobody asks ECS
	Expected string             // the cluster; empty: any will do
	// Hurry is how often ECS is asked at least while something is wrong; 0: no
	// more often than else.
	Hurry   time.Duration
	Changed func(Change)
	Log     *slog.Logger

	snapshot Snapshot
	seen     time.Time // when the ECS agent last had a registration to tell of
	asking   asking
}

// Look looks once: at the ECS agent each time, at ECS when that is due.
func (w *Watch) Look(ctx context.Context) Snapshot {
	now := time.Now()
	if w.seen.IsZero() {
		w.seen, w.snapshot.State, w.snapshot.Since = now, Unknown, now
	}
	is, why := w.local(ctx)
	if w.snapshot.Silent = why; is != Lost {
		w.snapshot.Answered, w.snapshot.Silent = now, ""
	}
	w.ask(ctx, now, is != Registered)
	switch {
	case is == Registered:
		is, why = w.snapshot.ECS.judge(now, why)
		w.seen = now
	case is == Elsewhere:
		w.seen = now
	case now.Sub(w.seen) < lostAfter:
		is, why = w.snapshot.State, w.snapshot.Why
	}
	w.become(is, why, now)
	return w.snapshot
}

// local asks the ECS agent.
func (w *Watch) local(ctx context.Context) (State, string) {
	ctx, stop := context.WithTimeout(ctx, lookPatience)
	defer stop()
	meta, err := w.Agent.Metadata(ctx)
	switch {
	case err != nil:
		return Lost, err.Error()
	case meta.ContainerInstanceARN == "":
		return Lost, "the ECS agent has no container instance ARN"
	}
	if w.snapshot.ARN != meta.ContainerInstanceARN {
		w.snapshot.ECS = Word{} // it was of another registration
	}
	w.snapshot.Cluster, w.snapshot.ARN = meta.Cluster, meta.ContainerInstanceARN
	if w.Expected == "" {
		return Registered, meta.ContainerInstanceARN
	}
	if !cluster.SameText(meta.Cluster, w.Expected) {
		return Elsewhere, "the ECS agent is in cluster " + meta.Cluster + ", not in " + w.Expected
	}
	return Registered, meta.ContainerInstanceARN
}

func (w *Watch) become(is State, why string, now time.Time) {
	was := w.snapshot.State
	w.snapshot.Why = why
	if was == is {
		return
	}
	w.snapshot.State, w.snapshot.Since = is, now
	w.Changed(Change{was, is, why, now})
}
