// Package agent is what runs for the instance's whole life. It watches whether
// the ECS agent stays registered in the right cluster, and says so in the
// journal when that changes. It acts on nothing, and never decides whether a
// boot was good: that is bootstrap's Verify.
package agent

import (
	"context"
	"log/slog"
	"time"

	"muster/internal/cluster"
	"muster/internal/ecsagent"
)

// lostAfter is how long the registration must be away before it is called
// lost: disconnects of a few minutes, several an hour, are normal (AWS, "ECS
// container agent connection"), and an update restarts the ECS agent.
const lostAfter = 5 * time.Minute

// Introspection is the ECS agent's own account of itself.
type Introspection interface {
	Metadata(ctx context.Context) (ecsagent.Metadata, error)
}

// Watch watches the registration.
type Watch struct {
	Agent    Introspection
	Expected string // the cluster; empty: any will do
	Period   time.Duration
	Log      *slog.Logger
	// Alive is called at least once each Watchdog; Ready once, after the first
	// look.
	Alive, Ready func()
	Watchdog     time.Duration // 0: nobody waits for it
}

// state is what the last look saw.
type state string

const (
	unknown    state = "unknown"
	registered state = "registered"
	lost       state = "lost"
	elsewhere  state = "in another cluster"
)

// Run looks at once and then each period, until ctx ends.
func (w *Watch) Run(ctx context.Context) {
	was, seen, ready := unknown, time.Now(), false
	next := time.NewTicker(w.pause())
	defer next.Stop()
	due := time.Now()
	for {
		if now := time.Now(); !now.Before(due) {
			due = now.Add(w.Period)
			is, why := w.look(ctx)
			switch {
			case is != lost:
				seen = now
			case now.Sub(seen) < lostAfter:
				is = was
			}
			w.announce(was, is, why)
			was = is
		}
		w.Alive()
		if !ready {
			ready = true
			w.Ready()
		}
		select {
		case <-ctx.Done():
			return
		case <-next.C:
		}
	}
}

// pause is short enough for the watchdog, which must hear from the loop itself.
func (w *Watch) pause() time.Duration {
	if w.Watchdog > 0 {
		return min(w.Period, w.Watchdog/2)
	}
	return w.Period
}

// look asks once. It gives the ECS agent less time than the watchdog gives us.
func (w *Watch) look(ctx context.Context) (state, string) {
	ctx, stop := context.WithTimeout(ctx, 5*time.Second)
	defer stop()
	meta, err := w.Agent.Metadata(ctx)
	switch {
	case err != nil:
		return lost, err.Error()
	case meta.ContainerInstanceARN == "":
		return lost, "the ECS agent has no container instance ARN"
	case w.Expected == "":
		return registered, meta.ContainerInstanceARN
	}
	is, bad := cluster.Parse(meta.Cluster)
	want, _ := cluster.Parse(w.Expected)
	if bad != nil || !cluster.Same(is, want) {
		return elsewhere, "the ECS agent is in cluster " + meta.Cluster + ", not in " + w.Expected
	}
	return registered, meta.ContainerInstanceARN
}

// announce writes one journal line a change.
func (w *Watch) announce(was, is state, why string) {
	if was == is {
		return
	}
	log := w.Log.With("phase", "registration", "was", string(was), "is", string(is))
	if is == registered {
		log.Info(why)
	} else {
		log.Error(why)
	}
}
