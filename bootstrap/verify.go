package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"muster/bootstrap/bootreport"
	"muster/check"
	"muster/check/ecs"
	"muster/internal/base/exitcode"
	"muster/internal/base/fix"
	"muster/internal/host/ecsagent"
	"muster/internal/host/units"
	"muster/internal/instance"
)

// Verify waits until the ECS agent has registered this instance in its cluster, confirms it with the ECS API if that is
// allowed, and signals the result to the launch hook, CloudFormation and Auto Scaling. The error carries the exit code.
// The report is complete even if there is an error.
func (h *Host) Verify(ctx context.Context) (bootreport.Report, error) {
	r, err := h.open(ctx)
	defer r.close()
	defer func() { r.stopHook() }()
	report := r.report()
	if err == nil {
		report, err = r.verify(ctx)
	}
	if ctx.Err() != nil {
		err = interrupted(ctx)
	}
	if err != nil {
		report.Outcome, report.ExitCode, report.Reason = bootreport.OutcomeOf(err), exitcode.Of(err), err.Error()
	}
	if ctx.Err() == nil { // after Ctrl-C, send no signals
		report = r.conclude(ctx, report)
		if ctx.Err() != nil && len(report.Undelivered()) > 0 {
			err = interrupted(ctx)
		}
	}
	if err != nil {
		return report, err // err already has its evidence and its fix
	}
	return report, report.Err()
}

func (r *run) verify(ctx context.Context) (bootreport.Report, error) {
	unknown := r.expect(ctx)
	report := r.report()
	state, err := r.imds.LifecycleState(ctx)
	switch {
	case err != nil:
		return report, undetermined(err)
	case strings.HasPrefix(state, warmed):
		return r.deferred(report, state), nil
	case unknown != nil:
		return report, unknown
	}
	r.stopHook = r.keepHook(ctx)
	r.info("verify", "waiting up to %s for the ECS agent to register in %s (%s)", r.Config.Timeout, r.wanted, r.origin)
	waiting, stop := context.WithTimeout(ctx, r.Config.Timeout)
	defer stop()
	meta, err := r.await(waiting)
	report.ContainerInstanceARN, report.AgentVersion = meta.ContainerInstanceARN, meta.Version
	if err == nil {
		err = r.confirm(waiting, meta, &report)
	}
	if err != nil && ctx.Err() == nil {
		r.diagnose(ctx, &report, err)
	}
	if err != nil {
		return report, nil
	}
	report.Outcome, report.Reason = bootreport.Registered, "registered in cluster "+r.wanted.Text
	r.info("verify", "registered in %s as %s after %s", r.wanted, meta.ContainerInstanceARN, time.Since(r.started).Round(100*time.Millisecond))
	r.checkPorts(ctx, &report)
	r.awaitService(waiting, &report)
	return report, nil
}

// deferred returns the report of an instance in a warm pool. muster-verify.service checks again every minute while the
// instance stays there.
func (r *run) deferred(report bootreport.Report, state string) bootreport.Report {
	report.Outcome, report.ExitCode = bootreport.Deferred, exitcode.Deferred
	report.Reason = "the instance is in a warm pool (" + state + "); it registers when it leaves the pool"
	r.info("verify", "%s", report.Reason)
	return report
}

// expect finds the cluster that the instance should join: from the settings, from the record of bootstrap, or from the
// ECS agent's configuration, in this order.
func (r *run) expect(ctx context.Context) error {
	named, err := instance.Resolve(ctx, instance.InSettings(r.Config), instance.InRecord(r.Record), r.inAgentConfig)
	switch {
	case err != nil:
		return undetermined(err)
	case named.Text == "":
		return badConfig(fix.Because(errors.New("no cluster is set, so the ECS agent joins the cluster \"default\""),
			[]string{"neither muster's settings, nor an earlier bootstrap, nor " + r.sources().User.Path + " set one"},
			fix.Do("Set the cluster:", "sudo muster bootstrap --cluster NAME")))
	}
	return r.want(named)
}

// known is a failure whose cause is clear from the response itself.
type known struct {
	check.Finding
	passes bool // waiting may resolve it
}

func (k *known) Error() string { return k.Summary }

// errTerminal means that the ECS agent will not register, no matter how long verify waits.
var errTerminal = errors.New("the ECS agent will not register")

// pollsPerLook is the number of polls between two checks whether the agent has exited permanently.
const pollsPerLook = 4

// await polls introspection until the agent has a container instance ARN in the wanted cluster. The error is a *known,
// an errTerminal, or the error of the last poll before ctx ended.
func (r *run) await(ctx context.Context) (meta ecsagent.Metadata, last error) {
	agent := r.Agent(r.Config)
	tick := time.NewTicker(r.pace.poll)
	defer tick.Stop()
	for n := 0; ; n++ {
		answer, err := agent.Metadata(ctx)
		switch standing := answer.In(r.wanted.Text); {
		case err == nil && standing == ecsagent.Elsewhere:
			err = &known{Finding: ecs.WrongClusterFinding(answer.Cluster, r.wanted.Text, r.origin, answer.ContainerInstanceARN, r.Identity.Region)}
			if !r.restarting(ctx) {
				return answer, err
			}
		case err == nil && standing == ecsagent.Registered:
			return answer, nil
		case err == nil:
			err = errors.New("the ECS agent responds, but has not registered: it has no container instance ARN")
		}
		if ctx.Err() == nil || last == nil { // ignore a call that the deadline interrupted
			meta, last = answer, err
		}
		if n%pollsPerLook == pollsPerLook-1 {
			if gone := r.terminal(ctx); gone != nil {
				return meta, gone
			}
		}
		select {
		case <-ctx.Done():
			return meta, last
		case <-tick.C:
		}
	}
}

// restarting reports whether the running ECS agent is about to be restarted. bootstrap queues the restart without
// waiting for it.
func (r *run) restarting(ctx context.Context) bool {
	if r.units == nil {
		return false
	}
	s, err := r.units.Show(ctx, ecsUnit)
	return err == nil && (s.Job != nil || s.ActiveState == "deactivating")
}

// exitTerminal is TerminalFailureAgentExitCode in ecs-init. ecs.service sets RestartPreventExitStatus=5.
const exitTerminal = 5

// terminal returns an errTerminal if the ECS agent exited with its terminal exit code or its unit cannot start.
func (r *run) terminal(ctx context.Context) error {
	if r.units != nil {
		s, err := r.units.Show(ctx, ecsUnit)
		switch {
		case err != nil:
		case s.ActiveState == "active":
			return nil // the agent was started again, so older log lines do not matter
		case s.LoadState == units.NotFound, s.LoadState == units.Masked:
			return fmt.Errorf("%w: %s is %s", errTerminal, ecsUnit, s.LoadState)
		case s.ActiveState == "failed" && s.ExecMainStatus == exitTerminal:
			return fmt.Errorf("%w: %s failed with the ECS agent's terminal exit code 5", errTerminal, ecsUnit)
		}
	}
	trouble, _ := ecsagent.ReadLogs(r.Config.Path(r.Config.ECSLogDir), ecsagent.Options{Since: r.Record.Since()})
	if trouble.Exits > 0 && trouble.ExitCode == exitTerminal {
		return fmt.Errorf("%w: it exited with its terminal exit code 5", errTerminal)
	}
	return nil
}
