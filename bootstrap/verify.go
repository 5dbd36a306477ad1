package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"muster/bootstrap/bootreport"
	"muster/check"
	"muster/internal/base/cluster"
	"muster/internal/base/exitcode"
	"muster/internal/base/fix"
	"muster/internal/host/ecsagent"
	"muster/internal/host/units"
)

// Verify waits until the ECS agent has registered this instance in its cluster, asks
// the ECS API to confirm it where that is allowed, and signals the result to the
// launch hook, CloudFormation and Auto Scaling. The error carries the exit code; the
// report is complete either way.
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
	if ctx.Err() == nil { // after Ctrl-C nothing is waited for
		report = r.conclude(ctx, report)
		if ctx.Err() != nil && len(report.Undelivered()) > 0 {
			err = interrupted(ctx)
		}
	}
	if err != nil {
		return report, err // with its evidence and its fix
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
	return report, nil
}

// deferred is the report of an instance in a warm pool. The unit asks every minute,
// for as long as the instance stays there.
func (r *run) deferred(report bootreport.Report, state string) bootreport.Report {
	report.Outcome, report.ExitCode = bootreport.Deferred, exitcode.Deferred
	report.Reason = "the instance is in a warm pool (" + state + "); it registers when it leaves the pool"
	r.info("verify", "%s", report.Reason)
	return report
}

// expect finds the cluster that the instance was to join: from the settings, from
// bootstrap's record, else from what the ECS agent reads.
func (r *run) expect(ctx context.Context) error {
	text, origin := r.Config.Cluster, r.Config.Origin("MUSTER_CLUSTER").String()
	if text == "" {
		text, origin = r.Record.Cluster, r.Record.ClusterOrigin
	}
	from := r.sources()
	if text == "" {
		if named, is := r.agentCluster(ctx, from); is {
			text, origin = named.Text, "ECS_CLUSTER in "+named.Where()
		}
	}
	switch {
	case text == "" && from.User.Err != nil:
		return undetermined(from.User.Err)
	case text == "":
		return badConfig(fix.Because(errors.New("no cluster is set, so the ECS agent joins the cluster \"default\""),
			[]string{"neither muster's settings, nor an earlier bootstrap, nor " + from.User.Path + " set one"},
			fix.Do("Set the cluster:", "sudo muster bootstrap --cluster NAME")))
	}
	return r.want(text, origin)
}

// known is a failure whose cause follows from the answer itself.
type known struct {
	check.Finding
	passes bool // it may pass by waiting
}

func (k *known) Error() string { return k.Summary }

// errTerminal means that the ECS agent will not register however long verify waits.
var errTerminal = errors.New("the ECS agent will not register")

// pollsPerLook is how many polls pass between two looks at whether the agent ended
// for good.
const pollsPerLook = 4

// await polls introspection until the agent has a container instance ARN in the
// wanted cluster. Its error is a *known, an errTerminal, or the last answer before
// ctx ended.
func (r *run) await(ctx context.Context) (meta ecsagent.Metadata, last error) {
	agent := r.Agent(r.Config)
	tick := time.NewTicker(r.pace.poll)
	defer tick.Stop()
	for n := 0; ; n++ {
		answer, err := agent.Metadata(ctx)
		switch {
		case err == nil && answer.ContainerInstanceARN != "" && !cluster.SameText(answer.Cluster, r.wanted.Text):
			err = &known{Finding: check.WrongCluster(answer.Cluster, r.wanted.Text, r.origin, answer.ContainerInstanceARN, r.Identity.Region)}
			if !r.restarting(ctx) {
				return answer, err
			}
		case err == nil && answer.ContainerInstanceARN != "":
			return answer, nil
		case err == nil:
			err = errors.New("the ECS agent answers, but has not registered: it has no container instance ARN")
		}
		if ctx.Err() == nil || last == nil { // a call that the deadline cut off is no answer
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

// restarting reports whether the ECS agent which answers is about to be replaced:
// bootstrap has queued the restart without waiting for it.
func (r *run) restarting(ctx context.Context) bool {
	if r.units == nil {
		return false
	}
	s, err := r.units.Show(ctx, ecsUnit)
	return err == nil && (s.Job != nil || s.ActiveState == "deactivating")
}

// exitTerminal is ecs-init's TerminalFailureAgentExitCode; ecs.service has
// RestartPreventExitStatus=5.
const exitTerminal = 5

// terminal is an errTerminal when the ECS agent ended with its terminal exit code, or
// its unit cannot start.
func (r *run) terminal(ctx context.Context) error {
	if r.units != nil {
		s, err := r.units.Show(ctx, ecsUnit)
		switch {
		case err != nil:
		case s.ActiveState == "active":
			return nil // whatever is in the log, it was started again
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
