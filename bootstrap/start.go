package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"muster/internal/ecsconfig"
	"muster/internal/units"
)

// The units of muster's that bootstrap queues.
const (
	verifyUnit = "muster-verify.service"
	agentUnit  = "muster-agent.service"
)

// heldBack is the UnitFileState of an ecs.service after hold.
const heldBack = "masked-runtime"

// start queues ecs.service and muster's own units without waiting for any of
// them. Its own read the record when they start; restart says that a running
// ECS agent has read something else than ecs.config is now.
func (r *run) start(ctx context.Context, restart bool) error {
	switch {
	case errors.Is(r.noUnits, ErrNoSystemd):
		r.say("units", "%v: start the ECS agent yourself, then run: muster verify", ErrNoSystemd)
		return nil
	case r.units == nil:
		return fmt.Errorf("%s is written, but no unit could be queued: %w", r.cfg.Path(r.cfg.ECSConfig), r.noUnits)
	}
	ctx, stop := context.WithTimeout(ctx, r.pace.systemd)
	defer stop()
	own, err := r.install(ctx)
	if err != nil {
		return err
	}
	verb, err := r.readyECS(ctx, restart)
	if err != nil {
		return err
	}
	if err := r.units.Queue(ctx, verb, ecsUnit); err != nil {
		return err
	}
	for _, name := range own {
		if err := r.units.Queue(ctx, units.Restart, name); err != nil {
			return err
		}
	}
	r.say("units", "queued %s; not waiting for them", strings.Join(append([]string{fmt.Sprintf("%s (%s)", ecsUnit, verb)}, own...), ", "))
	return nil
}

// install puts muster's units where no package brought them, makes them start
// at every boot, and returns those that may be started.
func (r *run) install(ctx context.Context) (own []string, err error) {
	binary, err := units.InstallBinary(r.cfg.Root, r.Binary)
	if err != nil {
		return nil, err
	}
	written, err := units.Install(r.cfg.Root, binary, r.UnitFiles)
	if err != nil {
		return nil, err
	}
	if len(written) > 0 {
		r.say("units", "installed %d unit files that start %s", len(written), binary)
		if err := r.units.Reload(ctx); err != nil {
			return nil, err
		}
	}
	if own, err = r.unmasked(ctx, verifyUnit, agentUnit); err != nil {
		return nil, err
	}
	changed, err := r.units.Enable(ctx, own...)
	if err == nil && len(changed) > 0 {
		err = r.units.Reload(ctx)
	}
	return own, err
}

// unmasked leaves out the units that the administrator does not want.
func (r *run) unmasked(ctx context.Context, names ...string) (left []string, err error) {
	for _, name := range names {
		state, err := r.units.Show(ctx, name)
		switch {
		case err != nil:
			return nil, err
		case state.LoadState == units.Masked:
			r.warn("units", "%s is masked on this instance, and left alone", name)
		default:
			left = append(left, name)
		}
	}
	return left, nil
}

// readyECS makes sure that ecs.service can be started, and says how.
func (r *run) readyECS(ctx context.Context, restart bool) (units.Verb, error) {
	state, err := r.units.Show(ctx, ecsUnit)
	if err == nil && state.UnitFileState == heldBack {
		r.say("units", "%s is no longer held back", ecsUnit)
		if err = r.units.Unmask(ctx, ecsUnit, true); err == nil {
			state, err = r.units.Show(ctx, ecsUnit)
		}
	}
	switch {
	case err != nil:
		return "", err
	case state.LoadState == units.NotFound:
		return "", fmt.Errorf("there is no %s on this instance: use an ECS-optimized AMI, or install ecs-init (Amazon Linux: dnf install ecs-init)", ecsUnit)
	case state.LoadState == units.Masked:
		return "", fmt.Errorf("%s is masked, so nothing can start it: systemctl unmask %s", ecsUnit, ecsUnit)
	case state.UnitFileState == "disabled":
		if _, err := r.units.Enable(ctx, ecsUnit); err != nil {
			return "", err
		}
	}
	if restart && state.ActiveState == "active" {
		return units.Restart, nil
	}
	return units.Start, nil
}

// hold keeps the ECS agent from joining the cluster "default" after bootstrap
// has failed: with no ECS_CLUSTER in ecs.config it would, and ecs.service is
// ordered after user data, but does not require that it succeeds. The hold ends
// with the next bootstrap that succeeds, or the next boot.
func (r *run) hold(ctx context.Context) {
	if r.cfg == nil || errors.Is(r.noUnits, ErrNoSystemd) {
		return
	}
	ctx, stop := context.WithTimeout(ctx, r.pace.systemd)
	defer stop()
	old, err := ecsconfig.Load(r.cfg.Path(r.cfg.ECSConfig))
	if name, ok := ecsconfig.Parse(old).Get("ECS_CLUSTER"); err == nil && ok && name != "" {
		return
	}
	if err = r.noUnits; err == nil {
		err = errors.Join(r.units.Mask(ctx, ecsUnit, true), r.units.Queue(ctx, units.Stop, ecsUnit))
	}
	if err != nil {
		r.warn("units", "the ECS agent could not be held back and may join the cluster \"default\": %v", err)
		return
	}
	r.warn("units", "%s is held back until muster bootstrap succeeds, or the next boot: without ECS_CLUSTER the ECS agent would join the cluster \"default\"", ecsUnit)
}
