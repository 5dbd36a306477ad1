package bootstrap

import (
	"context"
	"errors"

	"muster/internal/host/units"
	"muster/internal/instance"
)

// cloudFinal is the unit that runs user data. ecs.service is ordered after it.
const cloudFinal = "cloud-final.service"

const joinsDefault = `without ECS_CLUSTER the ECS agent would join the cluster "default"`

// hold keeps the ECS agent from joining the cluster "default" after a failed bootstrap. The agent joins that cluster if
// its configuration names none, and ecs.service starts after user data even if user data failed. The next successful
// bootstrap or the next boot releases ecs.service.
//
// hold affects only an agent that has not started yet. A running agent may be in the right cluster, and if it were
// stopped, ECS could no longer report the state of its tasks.
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
		err = errors.Join(err, r.units.Queue(ctx, units.Stop, ecsUnit)) // removes the start job from the queue
	}
	if err != nil {
		r.warn("units", "could not hold back %s; %s: %v", ecsUnit, joinsDefault, err)
		return
	}
	r.warn("units", "%s is held back until muster bootstrap succeeds or the next boot; %s", ecsUnit, joinsDefault)
}

// ecsStarted reports whether ecs.service has started in this boot. While user data runs, an inactive or failed unit
// counts as not started, because systemd will still start it.
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
	named, err := r.inAgentConfig(ctx)
	return err == nil && named != (instance.Named{})
}
