package bootstrap

import (
	"context"
	"errors"

	"muster/internal/host/units"
	"muster/internal/instance"
)

// cloudFinal is the unit in which user data runs. ecs.service is ordered after it.
const cloudFinal = "cloud-final.service"

const joinsDefault = `without ECS_CLUSTER the ECS agent would join the cluster "default"`

// hold keeps the ECS agent from joining the cluster "default" after a bootstrap
// that failed: the agent does so when nothing names a cluster, and ecs.service is
// ordered after user data but does not require that it succeeds. The next
// successful bootstrap or the next boot ends the hold.
//
// Only an agent that has not started yet is held back. A running one may be where it
// belongs, and ECS would report all its tasks as unknown if it were stopped.
func (r *run) hold(ctx context.Context) {
	if r.Config == nil || errors.Is(r.noUnits, instance.ErrNoSystemd) || r.clusterNamed(ctx) {
		return
	}
	ctx, stop := context.WithTimeout(ctx, r.pace.systemd)
	defer stop()
	ecs, started, err := r.ecsStarted(ctx)
	switch {
	case err != nil:
		r.warn("units", "could not check %s, so it was not held back; %s: %v", ecsUnit, joinsDefault, err)
		return
	case started:
		r.info("units", "%s is already started (%s), unchanged", ecsUnit, ecs.ActiveState)
		return
	case ecs.LoadState == units.NotFound, ecs.LoadState == units.Masked && ecs.UnitFileState != heldBack:
		return // nothing can start it
	case ecs.LoadState != units.Masked:
		err = r.units.Mask(ctx, ecsUnit, true)
	}
	if ecs.Job != nil && ecs.Job.State == "waiting" {
		err = errors.Join(err, r.units.Queue(ctx, units.Stop, ecsUnit)) // takes the start job out of the queue
	}
	if err != nil {
		r.warn("units", "could not hold back %s; %s: %v", ecsUnit, joinsDefault, err)
		return
	}
	r.warn("units", "%s is held back until muster bootstrap succeeds or the next boot; %s", ecsUnit, joinsDefault)
}

// ecsStarted reports whether ecs.service has started in this boot. While user data
// runs, a unit that is down has yet to start, whatever it did before.
func (r *run) ecsStarted(ctx context.Context) (ecs units.State, started bool, err error) {
	if r.units == nil {
		return ecs, false, r.noUnits
	}
	if ecs, err = r.units.Show(ctx, ecsUnit); err != nil {
		return ecs, false, err
	}
	switch ecs.ActiveState {
	case "inactive":
		started = !ecs.Active.IsZero()
	case "failed":
		started = true
	default: // active, activating, deactivating, reloading
		return ecs, true, nil
	}
	if started {
		final, err := r.units.Show(ctx, cloudFinal)
		return ecs, err != nil || final.ActiveState != "activating", nil
	}
	return ecs, false, nil
}

// clusterNamed reports whether the ECS agent's own configuration names a cluster.
func (r *run) clusterNamed(ctx context.Context) bool {
	_, named := r.agentCluster(ctx, r.sources())
	return named
}
