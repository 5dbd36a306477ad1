package bootstrap

import (
	"context"
	"errors"
	"io"
	"time"

	"muster/bootstrap/bootreport"
	"muster/internal/base/exitcode"
	"muster/internal/base/fix"
	"muster/internal/host/ecsconfig"
	"muster/internal/instance/record"
)

// Options are the parameters of Configure that are not settings.
type Options struct {
	DryRun bool      // print the diff to Out; do not write, queue or signal anything
	Wait   bool      // verify before returning
	Out    io.Writer // for the diff
}

// Configure makes the instance join its cluster: it identifies the instance, finds and confirms the cluster, writes
// ecs.config and queues the units. It never waits for the ECS agent, because ecs.service starts after cloud-final, in
// which user data runs. The error carries an exit code.
func (h *Host) Configure(ctx context.Context, o Options) error {
	r, err := h.open(ctx)
	defer r.close()
	if err == nil {
		err = r.configure(ctx, o)
	}
	switch {
	case err == nil && o.Wait && !o.DryRun:
		_, err = h.Verify(ctx)
	case err == nil || o.DryRun && ctx.Err() == nil:
	case ctx.Err() != nil:
		err = interrupted(ctx) // after Ctrl-C, neither hold ecs.service back nor send signals
	default:
		err = r.thenAgain(err)
		r.hold(ctx)
		r.conclude(ctx, r.failedToConfigure(err))
	}
	return err
}

func (r *run) configure(ctx context.Context, o Options) error {
	if err := r.canWait(ctx, o.Wait); err != nil {
		return err
	}
	if err := r.findCluster(ctx); err != nil {
		return err
	}
	if err := r.confirmCluster(ctx); err != nil {
		return err
	}
	r.info("cluster", "%s, from %s", r.wanted, r.origin)
	r.warnOfWarmPool(ctx)
	if o.DryRun {
		return r.dryRun(o.Out)
	}
	return r.join(ctx)
}

// join makes the changes. It holds a lock, so that only one run at a time can make them. The lock is marked as
// unfinished from the first change to the last. A run that finds the mark restarts a running ECS agent, because the
// agent may not have read what the earlier run wrote.
func (r *run) join(ctx context.Context) error {
	l, err := r.lock(ctx)
	if err != nil {
		return err
	}
	defer l.release()
	ref, stale := r.checkpoint()
	if err := r.writable(ref); err != nil {
		return err
	}
	if stale != nil && !r.Config.ResetStaleState {
		if stale.fatal {
			return r.staleState(stale)
		}
		r.warnOf("checkpoint", r.staleState(stale))
		stale = nil
	}
	if err := l.mark(true); err != nil {
		return err
	}
	changed, err := r.apply(ref)
	if err != nil {
		return err
	}
	if stale != nil {
		if err := r.moveStale(); err != nil {
			return err
		}
	}
	if err := r.remember(); err != nil {
		return err
	}
	if err := r.start(ctx, changed || stale != nil || l.unfinished); err != nil {
		return err
	}
	return l.mark(false)
}

// canWait returns an error if waiting would hang the boot.
func (r *run) canWait(ctx context.Context, wait bool) error {
	if !wait || r.units == nil {
		return nil
	}
	final, err := r.units.Show(ctx, cloudFinal)
	if err == nil && final.ActiveState == "activating" {
		return exitcode.Wrap(exitcode.Usage, fix.Because(
			errors.New("--wait would hang this boot: ecs.service starts only after user data has run"),
			[]string{cloudFinal + ", in which user data runs, is activating, and ecs.service is ordered after it"},
			fix.Do("Run bootstrap without --wait; muster-verify.service waits instead:", r.again(""))))
	}
	return nil
}

func (r *run) dryRun(out io.Writer) error {
	ref, stale := r.checkpoint()
	c, err := r.plan(ref)
	if err != nil {
		return err
	}
	r.logProblems(c)
	diff := ecsconfig.Diff(c.path, c.old, c.new)
	switch {
	case diff == "" && len(c.left) > 0:
		diff = c.path + " unchanged\n"
	case diff == "":
		diff = c.path + " is already correct, unchanged\n"
	}
	switch {
	case stale != nil && r.Config.ResetStaleState:
		r.info("checkpoint", "%s would be moved aside: %s", r.checkpointPath(), stale.why)
	case stale != nil:
		r.warnOf("checkpoint", r.staleState(stale))
	}
	r.info("dry run", "nothing was written, queued or signaled")
	if _, err = io.WriteString(out, diff); err != nil {
		return err
	}
	return c.refused
}

// remember writes the record, which the units read. The record spells the cluster the same way as the settings.
func (r *run) remember() error {
	r.Record = record.Record{
		InstanceID: r.Identity.InstanceID, At: time.Now().UTC(),
		Cluster: r.wanted.Text, ClusterOrigin: r.origin, Settings: r.Config.Record(),
	}
	return r.Record.Write(r.Config.InstanceDir(r.Identity.InstanceID))
}

// failedToConfigure returns the report of a boot in which bootstrap failed.
func (r *run) failedToConfigure(err error) bootreport.Report {
	report := r.report()
	report.ExitCode, report.Outcome, report.Reason = exitcode.Of(err), bootreport.OutcomeOf(err), "muster bootstrap failed"
	to := fix.Of(err)
	switch {
	case !to.IsZero():
	case r.badSettings:
		to = fix.Do("Correct the setting, then run bootstrap again.")
	default:
		to = fix.Do("Fix the error above, then run bootstrap again:", r.again(""))
	}
	report.Cause = bootreport.NewCause("bootstrap-failed", err.Error(), to)
	return report
}
