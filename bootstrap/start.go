package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"muster/internal/base/fix"
	"muster/internal/host/units"
	"muster/internal/instance"
)

// verifyUnit and agentUnit are the muster units that bootstrap queues.
const (
	verifyUnit = "muster-verify.service"
	agentUnit  = "muster-agent.service"
)

// heldBack is the UnitFileState of ecs.service after hold has masked it.
const heldBack = "masked-runtime"

// start queues ecs.service and muster's own units without waiting for them. muster's units read the record when they
// start. restart means that a running ECS agent must be restarted, because ecs.config or its checkpoint has changed.
func (r *run) start(ctx context.Context, restart bool) error {
	switch {
	case errors.Is(r.noUnits, instance.ErrNoSystemd):
		r.info("units", "%v: no unit was queued; start the ECS agent, then run muster verify", instance.ErrNoSystemd)
		return nil
	case r.units == nil:
		return fmt.Errorf("%s is written, but no unit could be queued: %w", r.Config.Path(r.Config.ECSConfig), r.noUnits)
	}
	ctx, stop := context.WithTimeout(ctx, r.pace.systemd)
	defer stop()
	var own []string
	if !r.systemdTooOld(ctx) {
		var err error
		if own, err = r.install(ctx); err != nil {
			return err
		}
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
	r.info("units", "queued %s; not waiting for them", strings.Join(append([]string{fmt.Sprintf("%s (%s)", ecsUnit, verb)}, own...), ", "))
	return nil
}

// systemdTooOld reports whether systemd is too old for muster's own units. The cluster is configured anyway, because
// ecs.config and ecs.service do not depend on the version. If the version is unknown, the units are installed.
func (r *run) systemdTooOld(ctx context.Context) bool {
	version, err := r.units.Version(ctx)
	if err != nil {
		r.warn("units", "could not check the version of systemd; muster's units need %d or later: %v", units.Oldest, err)
		return false
	}
	if !version.TooOld() {
		return false
	}
	r.warn("units", "systemd %s is older than %d, so %s and %s are not installed, enabled or started: they would run without part of their "+
		"sandboxing",
		version, units.Oldest, verifyUnit, agentUnit)
	if r.Config.LifecycleHook != "" || r.Config.CFNStack != "" {
		r.warnOf("units", fix.Wrap(errors.New("no signal is sent for this boot, because muster-verify.service is not installed"),
			fix.Do("After the boot, run:", "sudo muster verify")))
	}
	return true
}

// install writes muster's units unless a package has installed them, enables them, and returns those that may be
// started.
func (r *run) install(ctx context.Context) (own []string, err error) {
	if err := r.installBare(ctx); err != nil {
		return nil, err
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

// installBare writes the units that no package has installed, and the program that they run.
func (r *run) installBare(ctx context.Context) error {
	bare := units.Bare(r.Config.Root, r.UnitFiles)
	if len(bare) == 0 {
		return nil
	}
	program, err := units.InstallBinary(r.Config.Root, r.Binary)
	if err != nil {
		return err
	}
	if program.Copied != nil {
		r.info("units", "copied this program to %s, which the units run, because they cannot run %s: %v", program.Path, r.Binary, program.Copied)
	}
	written, err := units.Install(r.Config.Root, program.Path, bare)
	if err != nil || len(written) == 0 {
		return err
	}
	r.info("units", "installed %d unit files that run %s", len(written), program.Path)
	return r.units.Reload(ctx)
}

// unmasked returns the units that the administrator has not masked.
func (r *run) unmasked(ctx context.Context, names ...string) (left []string, err error) {
	for _, name := range names {
		state, err := r.units.Show(ctx, name)
		switch {
		case err != nil:
			return nil, err
		case state.LoadState == units.Masked:
			r.warn("units", "%s is masked on this instance, so it is not started", name)
		default:
			left = append(left, name)
		}
	}
	return left, nil
}

// readyECS makes sure that ecs.service can be started, and returns whether to start or to restart it.
func (r *run) readyECS(ctx context.Context, restart bool) (units.Verb, error) {
	state, err := r.units.Show(ctx, ecsUnit)
	if err == nil && state.UnitFileState == heldBack {
		r.info("units", "%s is no longer held back", ecsUnit)
		if err = r.units.Unmask(ctx, ecsUnit, true); err == nil {
			state, err = r.units.Show(ctx, ecsUnit)
		}
	}
	switch {
	case err != nil:
		return "", err
	case state.LoadState == units.NotFound:
		return "", fix.Wrap(fmt.Errorf("%s is not installed on this instance", ecsUnit),
			fix.Do("Use an ECS-optimized AMI, or install ecs-init:", "sudo dnf install -y ecs-init"))
	case state.LoadState == units.Masked:
		return "", fix.Wrap(fmt.Errorf("%s is masked, so nothing can start it", ecsUnit),
			fix.Do("Unmask the unit, then run bootstrap again:", "sudo systemctl unmask "+ecsUnit, r.again("")))
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
