// Package registration watches, for the instance's whole life, whether the ECS
// agent stays registered in the right cluster and connected to ECS. Only its
// Healer acts on anything, and only where that was asked for. Whether a boot was
// good is not decided here: that is bootstrap's Verify.
package registration

import (
	"context"
	"log/slog"
	"time"

	"muster/internal/base/cluster"
	"muster/internal/base/ownlimit"
	"muster/internal/host/ecsagent"
)

// lostAfter is how long the registration must be away before it counts as lost: an
// update restarts the ECS agent.
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
	ECS      ContainerInstances // nil: ECS is not asked
	Expected string             // the cluster; empty: any will do
	Self     Self
	// Hurry is how often ECS is asked at least while something is wrong; 0: no
	// more often than else.
	Hurry   time.Duration
	Changed func(Change)
	Log     *slog.Logger

	snapshot Snapshot
	claim    claim     // what the ECS agent said last, believed or not
	seen     time.Time // when the ECS agent last reported a registration
	blind    time.Time // since when this process could not look; zero: it can
	asking   asking
}

// view is what one look has found.
type view struct {
	state   State
	why     string
	certain bool // it counts at once
}

// Look looks once: at the ECS agent each time, at ECS when that is due.
func (w *Watch) Look(ctx context.Context) Snapshot {
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
		is = w.snapshot.ECS.judge(is.why, w.Self)
	}
	w.settle(is, now)
	return w.snapshot
}

// settle makes the view the state, unless an absence has not lasted long enough.
func (w *Watch) settle(is view, now time.Time) {
	if is.state != Unknown {
		w.blind = time.Time{}
	}
	kept := view{state: w.snapshot.State, why: w.snapshot.Why}
	switch {
	case is.state == Unknown: // for want of a descriptor: that is no absence
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

// local asks the ECS agent. Any local user may answer in its place while it is down,
// so that an ARN of another account or region is not believed.
func (w *Watch) local(ctx context.Context) view {
	ctx, stop := context.WithTimeout(ctx, lookPatience)
	defer stop()
	meta, err := w.Agent.Metadata(ctx)
	switch {
	case ownlimit.Of(err) != "":
		return view{Unknown, ownlimit.Of(err) + ", so it could not ask the ECS agent", false}
	case err != nil:
		return view{Lost, err.Error(), false}
	case meta.ContainerInstanceARN == "":
		return view{Lost, "the ECS agent has no container instance ARN", false}
	}
	if why := w.Self.foreign(meta); why != "" {
		w.claim, w.snapshot.ECS = claim{}, Word{}
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
