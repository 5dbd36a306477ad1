package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"muster/check"
	"muster/internal/awsapi"
	"muster/internal/bootreport"
	"muster/internal/ecsagent"
	"muster/internal/exitcode"
	"muster/internal/fix"
	"muster/internal/units"
)

// diagnose completes the report of an instance that did not register with the
// most likely cause that the checks find on it, and with all that they saw. Of
// the ECS API it is only told what confirm has asked: the calls are counted.
func (r *run) diagnose(ctx context.Context, report *bootreport.Report, why error) {
	ctx, stop := context.WithTimeout(ctx, r.pace.look)
	defer stop()
	report.Outcome, report.ExitCode = bootreport.NotRegistered, exitcode.NotRegistered
	report.Reason = fmt.Sprintf("the instance did not register in cluster %s; gave up after %s", report.Cluster, time.Since(r.started).Round(time.Second))
	results := check.Run(ctx, r.checks(ctx))
	report.Evidence = evidence(why, results)
	report.Cause = causeOf(results, why)
	for _, seen := range report.Evidence {
		r.say("evidence", "%s", seen)
	}
}

// checks are those that ask no AWS API, and the one that is answered already.
// What the ports and the tasks do keeps no instance from registering.
func (r *run) checks(ctx context.Context) (checks []check.Check) {
	for _, c := range check.Catalog(r.world(ctx)) {
		if answers := !c.Remote || c.ID == "container-instance"; answers && c.Group != check.PortsOf && c.Group != check.Health {
			checks = append(checks, c)
		}
	}
	return checks
}

func (r *run) world(ctx context.Context) check.World {
	w := check.World{Config: r.cfg, Record: r.record, Identity: r.id, Agent: r.Agent(r.cfg), Units: r.units, NoUnits: r.noUnits}
	if r.confirmed != nil {
		w.Registry = r.confirmed
	}
	if r.World != nil {
		w = r.World(ctx, w)
	}
	return w
}

// answered is the ECS API, as it answered last.
type answered struct {
	Clusters
	instance awsapi.ContainerInstance
	err      error
}

func (a *answered) ContainerInstance(context.Context, string, string) (awsapi.ContainerInstance, error) {
	return a.instance, a.err
}

// evidence is why verify stopped waiting, and what the checks saw that is not as
// it should be.
func evidence(why error, results []check.Result) []string {
	lines := []string{why.Error()}
	for _, result := range results {
		for _, f := range result.Findings {
			if f.Status == check.Pass || f.Status == check.Skip {
				continue
			}
			for _, line := range append([]string{f.Summary}, f.Evidence...) {
				if !slices.Contains(lines, line) {
					lines = append(lines, line)
				}
			}
		}
	}
	return lines
}

// causeOf is the first cause among the results. Where the checks do not see what
// verify saw, which may have passed while they looked, that is the cause.
func causeOf(results []check.Result, why error) *bootreport.Cause {
	var k *known
	causes := check.Causes(results)
	switch {
	case errors.As(why, &k) && !found(results, k.ID):
		return &k.Cause
	case len(causes) > 0:
		return bootreport.NewCause(causes[0].ID, causes[0].Summary, causes[0].Fix)
	}
	return bootreport.NewCause("not-registered", why.Error(), fix.Do("Read the log of the ECS agent:", "less +G /var/log/ecs/ecs-agent.log"))
}

func found(results []check.Result, id string) bool {
	return slices.ContainsFunc(results, func(r check.Result) bool {
		return slices.ContainsFunc(r.Findings, func(f check.Finding) bool { return f.ID == id })
	})
}

// gaveUp says that the ECS agent will not register however long one waits: it
// ended with its terminal exit code, or its unit cannot start.
func (r *run) gaveUp(ctx context.Context) error {
	const exitTerminal = 5 // ecs-init's TerminalFailureAgentExitCode; RestartPreventExitStatus=5
	if r.units != nil {
		s, err := r.units.Show(ctx, ecsUnit)
		switch {
		case err != nil:
		case s.ActiveState == "active":
			return nil // whatever is in the log, it was started again
		case s.LoadState == units.NotFound, s.LoadState == units.Masked:
			return fmt.Errorf("%w: %s is %s", errGaveUp, ecsUnit, s.LoadState)
		case s.ActiveState == "failed" && s.ExecMainStatus == exitTerminal:
			return fmt.Errorf("%w: %s failed with the ECS agent's terminal exit code 5", errGaveUp, ecsUnit)
		}
	}
	trouble, _ := ecsagent.ReadLogs(r.cfg.Path(r.cfg.ECSLogDir), ecsagent.Options{Since: r.record.Since()})
	if trouble.Exits > 0 && trouble.ExitCode == exitTerminal {
		return fmt.Errorf("%w: the ECS agent exited with its terminal code 5", errGaveUp)
	}
	return nil
}
