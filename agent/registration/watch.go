// Package registration watches, for the instance's whole life, whether the ECS agent stays registered in the right
// cluster and connected to ECS. Only its Healer changes anything, and only if it is configured. bootstrap's Verify
// decides whether a boot succeeded.
package registration

import (
	"context"
	"log/slog"
	"time"

	"muster/internal/base/cluster"
	"muster/internal/base/ownlimit"
	"muster/internal/host/ecsagent"
)

// lostAfter is how long the registration must be missing before it counts as lost, because an update restarts the ECS
// agent.
const lostAfter = 5 * time.Minute

// lookPatience is the timeout of a request to the ECS agent, which is on this host.
const lookPatience = 5 * time.Second

// State is the state of the registration.
type State string

// States.
const (
	Unknown      State = "unknown"
	Registered   State = "registered"
	Lost         State = "lost"
	Elsewhere    State = "in another cluster"
	Disconnected State = "disconnected" // registered, but not connected to ECS
)

// Change is a change of the State.
type Change struct {
	Was, Is State
	Why     string
	At      time.Time
}

// Snapshot is the current knowledge about the registration.
type Snapshot struct {
	State State
	Since time.Time // start of State
	Why   string
	// Cluster and ARN are the last values that the ECS agent reported. They are empty if this process has never seen it
	// registered.
	Cluster, ARN string
	// Answered is when the ECS agent last reported a registration. Silent is why it did not report one in the last
	// cycle, or empty if it did.
	Answered time.Time
	Silent   string
	ECS      ECSStatus
}

// Introspection returns what the ECS agent reports about itself.
type Introspection interface {
	Metadata(ctx context.Context) (ecsagent.Metadata, error)
}

// Watch watches the registration. It is not safe for concurrent use.
type Watch struct {
	Agent    Introspection
	ECS      ContainerInstances // nil if ECS is not called
	Expected string             // the expected cluster; empty accepts any
	Self     Self
	// MaxInterval is the maximum interval of calls to ECS while something is wrong. 0 means the usual interval.
	MaxInterval time.Duration
	Changed     func(Change)
	Log         *slog.Logger

	snapshot Snapshot
	claim    claim     // what the ECS agent last reported, accepted or not
	seen     time.Time // when the ECS agent last reported a registration
	blind    time.Time // since when this process could not send requests; zero if it can
	asking   asking
}

// view is the result of one check.
type view struct {
	state   State
	why     string
	certain bool // it takes effect immediately
}

// Update checks the registration: it queries the ECS agent each time, and ECS if a call is due.
func (w *Watch) Update(ctx context.Context) Snapshot {
	now := time.Now()
	if w.seen.IsZero() {
		w.seen, w.snapshot.State, w.snapshot.Since = now, Unknown, now
	}
	is := w.local(ctx)
	if w.snapshot.Silent = is.why; is.state == Registered || is.state == Elsewhere {
		w.snapshot.Answered, w.snapshot.Silent = now, ""
	}
	w.ask(ctx, now, is.state != Registered)
	if is.state == Registered {
		is = w.snapshot.ECS.evaluate(is.why, w.Self)
	}
	w.settle(is, now)
	return w.snapshot
}

// settle makes the view the current state, unless a missing registration has not lasted long enough.
func (w *Watch) settle(is view, now time.Time) {
	if is.state != Unknown {
		w.blind = time.Time{}
	}
	kept := view{state: w.snapshot.State, why: w.snapshot.Why}
	switch {
	case is.state == Unknown: // this process has no descriptor, which does not mean that the registration is missing
		w.seen = now
		if w.blind.IsZero() {
			w.blind = now
		}
		if now.Sub(w.blind) < lostAfter {
			is = kept
		}
	case is.state == Lost && !is.certain && now.Sub(w.seen) < lostAfter:
		is = kept
	case is.state != Lost:
		w.seen = now
	}
	w.become(is.state, is.why, now)
}

// local queries the ECS agent. While the agent is down, any local user can listen on its port, so an ARN of another
// account or region is not accepted.
func (w *Watch) local(ctx context.Context) view {
	ctx, stop := context.WithTimeout(ctx, lookPatience)
	defer stop()
	meta, err := w.Agent.Metadata(ctx)
	switch {
	case ownlimit.Of(err) != "":
		return view{Unknown, ownlimit.Of(err) + ", so it could not query the ECS agent", false}
	case err != nil:
		return view{Lost, err.Error(), false}
	case meta.ContainerInstanceARN == "":
		return view{Lost, "the ECS agent has no container instance ARN", false}
	}
	if why := w.Self.foreign(meta); why != "" {
		w.claim, w.snapshot.ECS = claim{}, ECSStatus{}
		return view{Lost, why, true}
	}
	w.claims(claim{meta.Cluster, meta.ContainerInstanceARN})
	if w.Expected == "" {
		return view{Registered, meta.ContainerInstanceARN, false}
	}
	if !cluster.SameText(meta.Cluster, w.Expected) {
		return view{Elsewhere, "the ECS agent is in cluster " + meta.Cluster + ", not in " + w.Expected, true}
	}
	return view{Registered, meta.ContainerInstanceARN, false}
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
