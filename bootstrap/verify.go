package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"muster/check"
	"muster/internal/awsapi"
	"muster/internal/bootreport"
	"muster/internal/cluster"
	"muster/internal/ecsagent"
	"muster/internal/ecsconfig"
	"muster/internal/exitcode"
	"muster/internal/fix"
)

// Verify waits until the ECS agent has registered this instance in its
// cluster, has the ECS API confirm it where that is allowed, and tells the
// verdict to all who wait for it. The error carries the exit code; the report
// is whole either way.
func (h *Host) Verify(ctx context.Context) (bootreport.Report, error) {
	r, err := h.begin(ctx)
	defer r.close()
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
	if ctx.Err() == nil { // who interrupts wants no more waiting
		report = r.conclude(ctx, report)
	}
	return report, report.Err()
}

func (r *run) verify(ctx context.Context) (bootreport.Report, error) {
	unknown := r.expect()
	report := r.report()
	state, err := r.imds.LifecycleState(ctx)
	switch {
	case err != nil:
		return report, undetermined(err)
	case strings.HasPrefix(state, "Warmed:"):
		return r.deferred(report, state), nil
	case unknown != nil:
		return report, unknown
	}
	stopHook := r.keepHook(ctx)
	defer stopHook()
	r.say("verify", "waiting up to %s for the ECS agent to register in %s (%s)", r.cfg.Timeout, r.wanted, r.origin)
	waiting, stop := context.WithTimeout(ctx, r.cfg.Timeout)
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
	r.say("verify", "registered in %s as %s after %s", r.wanted, meta.ContainerInstanceARN, time.Since(r.started).Round(100*time.Millisecond))
	r.checkPorts(ctx, &report)
	return report, nil
}

func (r *run) deferred(report bootreport.Report, state string) bootreport.Report {
	report.Outcome, report.ExitCode = bootreport.Deferred, exitcode.Deferred
	report.Reason = "the instance is in a warm pool (" + state + "); it registers when it leaves"
	// The unit asks each minute, for as long as the pool lasts: the hook that let
	// the instance in is told once.
	if before := r.lastReport(); before.Outcome == bootreport.Deferred && len(before.Undelivered()) == 0 {
		report.Deliveries = before.Deliveries
	}
	r.say("verify", "%s", report.Reason)
	return report
}

// expect finds the cluster that the instance was to join: from the settings,
// from what bootstrap found, else from ecs.config.
func (r *run) expect() error {
	text, origin := r.cfg.Cluster, r.cfg.Origin("MUSTER_CLUSTER").String()
	if text == "" {
		text, origin = r.record.Cluster, r.record.ClusterOrigin
	}
	path := r.cfg.Path(r.cfg.ECSConfig)
	if text == "" {
		data, err := ecsconfig.Load(path)
		if err != nil {
			return undetermined(err)
		}
		text, _ = ecsconfig.Parse(data).Get("ECS_CLUSTER")
		origin = "ECS_CLUSTER in " + path
	}
	if text == "" {
		return badConfig(fmt.Errorf("no cluster is named by a setting, by muster bootstrap or in %s, so the ECS agent would join the cluster \"default\": run muster bootstrap --cluster NAME", path))
	}
	return r.want(text, origin)
}

// known is a failure whose cause is plain from the answer itself.
type known struct {
	bootreport.Cause
	passes bool // it may pass by waiting
}

func (k *known) Error() string { return k.Summary }

func wrongCluster(is, wanted string) error {
	return &known{Cause: *bootreport.NewCause("wrong-cluster", fmt.Sprintf("the ECS agent is in cluster %s, not in %s", is, wanted),
		fix.Do("Move the instance to its cluster, then deregister its entry in "+is+":", "muster bootstrap --reset-stale-state --cluster "+wanted))}
}

// errGaveUp says that the agent has given up: waiting on cannot help.
var errGaveUp = errors.New("waiting on cannot help")

// pollsPerLook is how many polls pass between two looks at whether the agent
// gave up.
const pollsPerLook = 4

// await polls introspection until the agent has a container instance ARN in
// the wanted cluster. Its error is a *known, an errGaveUp, or what
// introspection said last before ctx ended.
func (r *run) await(ctx context.Context) (meta ecsagent.Metadata, said error) {
	agent := r.Agent(r.cfg)
	tick := time.NewTicker(r.pace.poll)
	defer tick.Stop()
	for n := 0; ; n++ {
		answer, err := agent.Metadata(ctx)
		switch is, parse := cluster.Parse(answer.Cluster); {
		case err == nil && answer.ContainerInstanceARN != "" && (parse != nil || !cluster.Same(is, r.wanted)):
			err = wrongCluster(answer.Cluster, r.wanted.Text)
			if !r.restarting(ctx) {
				return answer, err
			}
		case err == nil && answer.ContainerInstanceARN != "":
			return answer, nil
		case err == nil:
			err = errors.New("the ECS agent answers, but has no container instance ARN: it has not registered")
		}
		if ctx.Err() == nil || said == nil { // a question cut off by the end says nothing of the agent
			meta, said = answer, err
		}
		if n%pollsPerLook == pollsPerLook-1 {
			if gone := r.gaveUp(ctx); gone != nil {
				return meta, gone
			}
		}
		select {
		case <-ctx.Done():
			return meta, said
		case <-tick.C:
		}
	}
}

// restarting says that the ECS agent which answers is about to be replaced:
// bootstrap has queued that, and waits for nothing.
func (r *run) restarting(ctx context.Context) bool {
	if r.units == nil {
		return false
	}
	s, err := r.units.Show(ctx, ecsUnit)
	return err == nil && (s.Job != nil || s.ActiveState == "deactivating")
}

// confirm asks the ECS API whether it agrees. An API that cannot be asked is a
// warning; one that says no is an error.
func (r *run) confirm(ctx context.Context, meta ecsagent.Metadata, report *bootreport.Report) error {
	for n := 0; ; n++ {
		ci, err := r.aws.ContainerInstance(ctx, r.wanted.Text, meta.ContainerInstanceARN)
		if awsapi.KindOf(err) != "" {
			report.Warnings = append(report.Warnings, "the registration is the ECS agent's word alone: "+err.Error())
			r.warn("verify", "not confirmed: %v", err)
			return nil
		}
		if err = r.judge(meta.ContainerInstanceARN, ci, err); err == nil {
			report.Confirmed = true
			return nil
		}
		var why *known
		if errors.As(err, &why) && !why.passes || n == len(r.pace.confirm) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(r.pace.confirm[n]):
		}
	}
}

// judge says what is wrong with a registration, as the ECS API sees it.
func (r *run) judge(arn string, ci awsapi.ContainerInstance, err error) error {
	r.confirmed = &answered{Clusters: r.aws, instance: ci, err: err}
	f, bad := check.World{Config: r.cfg, Identity: r.id}.RegistrationFinding(r.wanted.Text, arn, ci, err)
	if !bad || f.Status != check.Fail {
		return nil
	}
	passes := []string{"container-instance-unknown", "still-registering", "agent-disconnected"}
	return &known{*bootreport.NewCause(f.ID, f.Summary, f.Fix), slices.Contains(passes, f.ID)}
}
