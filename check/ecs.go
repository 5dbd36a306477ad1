package check

import (
	"cmp"
	"context"
	"errors"

	"muster/internal/base/cluster"
	"muster/internal/base/fix"
	"muster/internal/host/ecsagent"
)

// Introspection is the ECS agent's own account of itself.
type Introspection interface {
	Metadata(ctx context.Context) (ecsagent.Metadata, error)
}

// ecsChecks cover the ECS agent and its registration, and last ask the ECS API.
func ecsChecks(w World, f *facts) []Check {
	return []Check{
		{Kind: ECSConfigCheck, Group: ECS, Title: "the ECS agent's settings are valid", Run: w.withUserData(w.ecsConfig),
			Findings: []*Kind{ECSConfigMisread, ECSConfigInvalid, ECSConfigUnreadable, ECSConfigUnknownKey, ECSConfigNotApplied,
				ClusterUnset, OtherClusterConfigured, WrongRegion, WrongAccount, ReservedMemoryAboveRam, BackendHostSet, DockerHostSet}},
		{Kind: ECSUnitCheck, Group: ECS, Title: "systemd runs ecs.service", Run: w.ecsUnit,
			Findings: append(unitNotStarted(), ECSUnitFailed, ECSUnitRestarting, ECSUnitDisabled)},
		{Kind: CheckpointCheck, Group: ECS, Title: "the ECS agent's saved state fits this instance and its cluster", Run: w.checkpoint,
			Findings: []*Kind{SavedClusterMismatch, CheckpointOfOtherInstance, CheckpointDamaged}},
		{Kind: AgentLogCheck, Group: ECS, Title: "the ECS agent logged no error that keeps it from registering", After: []*Kind{LifecycleCheck},
			Run:      func(ctx context.Context) []Finding { return w.agentLog(ctx, f) },
			Findings: append(logKinds(), AgentExits, AgentLogElsewhere)},
		{Kind: RegisteredCheck, Group: ECS, Title: "the ECS agent has registered this instance", After: []*Kind{LifecycleCheck},
			Run:      func(ctx context.Context) []Finding { return w.registered(ctx, f) },
			Findings: []*Kind{IntrospectionRefused, IntrospectionSilent, IntrospectionGarbled, NotRegistered, WrongCluster, ClusterDefault}},
		{Kind: ClusterCheck, Group: ECS, Title: "the cluster exists and is ACTIVE", Run: w.cluster, Remote: true,
			Findings: []*Kind{ClusterMissing, ClusterInactive, ClusterNotActive}},
		{Kind: ContainerInstanceCheck, Group: ECS, Title: "ECS shows this instance as registered and connected", Remote: true, Needs: []*Kind{RegisteredCheck},
			Run: func(ctx context.Context) []Finding { return w.containerInstance(ctx, f.cluster, f.arn) },
			Findings: []*Kind{ContainerInstanceUnknown, ForeignContainerInstance, RegistrationFailed, ContainerInstanceInactive,
				ContainerInstanceDraining, StillRegistering, AgentDisconnected}},
		{Kind: RegistrationsCheck, Group: ECS, Title: "ECS has only one registration of this instance", Remote: true, Deep: true, Needs: []*Kind{RegisteredCheck},
			Run:      func(ctx context.Context) []Finding { return w.registrations(ctx, f.cluster, f.arn) },
			Findings: []*Kind{SecondRegistration}},
	}
}

// withUserData adds to a missing cluster why user data may not have named it.
func (w World) withUserData(run func(context.Context) []Finding) func(context.Context) []Finding {
	return func(ctx context.Context) []Finding {
		found := run(ctx)
		for i := range found {
			if found[i].Kind == ClusterUnset {
				found[i].Evidence = append(found[i].Evidence, w.userDataForm(ctx)...)
				found[i].SymptomOf = append(found[i].SymptomOf, UserDataNotRun)
			}
		}
		return found
	}
}

// network are the checks of the way from this instance to the ECS endpoints.
func network() []*Kind {
	return []*Kind{ProxyCheck, DNSCheck, ECSEndpointsCheck, VPCPathCheck, PollEndpointCheck}
}

// beneath are the checks of what an ECS agent needs to register, whatever it is
// that fails: what is only known not to have happened is a symptom of these.
func beneath() []*Kind {
	return append(network(), IMDSCheck, InstanceRoleCheck, UserDataCheck, BootstrapCheck, DiskCheck, PressureCheck, ClockCheck,
		DockerCheck, AgentImageCheck, ECSConfigCheck, ECSUnitCheck, CheckpointCheck, AgentLogCheck, ClusterCheck)
}

// wanted is the cluster that the instance is to join and who says so: the
// settings, what bootstrap recorded, else the settings of the ECS agent; empty when
// none does.
func (w World) wanted() (text, origin string) {
	if w.Config.Cluster != "" {
		return w.Config.Cluster, w.Config.Origin("MUSTER_CLUSTER").String()
	}
	if w.Record.Cluster != "" {
		return w.Record.Cluster, w.Record.ClusterOrigin
	}
	return w.configured()
}

// sameCluster says whether two texts mean one cluster.
func sameCluster(a, b string) bool { return cluster.SameText(a, b) }

func (w World) registered(ctx context.Context, f *facts) []Finding {
	if w.Agent == nil {
		return Skipped("no ECS agent is available to check")
	}
	meta, err := w.Agent.Metadata(ctx)
	switch {
	case f.deferred != "" && (err != nil || meta.ContainerInstanceARN == ""):
		return Skipped("the instance is in the warm pool (" + f.deferred + ") and registers when it leaves the pool")
	case ownLimit(err) != nil:
		return ownLimit(err)
	case err != nil:
		return []Finding{unanswered(err)}
	case meta.ContainerInstanceARN == "":
		return []Finding{{Kind: NotRegistered, Status: Fail, Summary: "the ECS agent is running but has not registered: it has no container instance ARN",
			Evidence: []string{cmp.Or(meta.Version, "unknown version") + ", cluster " + meta.Cluster}, Fix: agentWords(), SymptomOf: beneath()}}
	}
	wanted, origin := w.wanted()
	switch {
	case wanted != "" && !sameCluster(wanted, meta.Cluster):
		return []Finding{WrongClusterFinding(meta.Cluster, wanted, origin, meta.ContainerInstanceARN, w.Identity.Region)}
	case wanted == "" && sameCluster(meta.Cluster, cluster.Default):
		f.arn, f.cluster = meta.ContainerInstanceARN, meta.Cluster
		return []Finding{{Kind: ClusterDefault, Status: Warn, Summary: "the ECS agent joined the cluster \"default\": no setting names another",
			Evidence:  append([]string{"registered as " + f.arn}, w.userDataForm(ctx)...),
			Fix:       fix.Do("If you meant another cluster, join it:", "sudo muster bootstrap --cluster NAME --reset-stale-state"),
			SymptomOf: []*Kind{ClusterUnset, ECSConfigCheck, UserDataNotRun}}}
	}
	f.arn, f.cluster = meta.ContainerInstanceARN, meta.Cluster
	return Passed("registered in cluster "+meta.Cluster+" as "+f.arn, meta.Version)
}

// isRegistered reports whether the ECS agent itself reports a registration.
func (w World) isRegistered(ctx context.Context) bool { return w.agentARN(ctx) != "" }

// nameOf is a cluster's name for a sentence: an ARN is long.
func nameOf(text string) string {
	if ref, err := cluster.Parse(text); err == nil && ref.Name != "" {
		return ref.Name
	}
	return text
}

// agentWords is where the ECS agent logs why it does not register.
func agentWords() fix.Fix {
	return fix.Do("Read the ECS agent's logs:", "sudo tail -n 50 /var/log/ecs/ecs-agent.log", "sudo tail -n 20 /var/log/ecs/ecs-init.log")
}

// unanswered is why introspection gave no answer. The agent listens only once it
// has registered (agent/app/agent.go).
func unanswered(err error) Finding {
	f := Finding{Status: Fail, Evidence: []string{err.Error()}, SymptomOf: beneath()}
	switch {
	case errors.Is(err, ecsagent.ErrRefused):
		f.Kind, f.Summary, f.Fix = IntrospectionRefused, "the ECS agent does not listen on its port: it is down, or is still trying to register", agentWords()
	case errors.Is(err, ecsagent.ErrSilent):
		f.Kind, f.Summary = IntrospectionSilent, "the ECS agent accepts connections but does not answer: it hangs, or the host is starved of resources"
		f.Fix, f.SymptomOf = fix.Do("Restart the ECS agent, then read its log:", "sudo systemctl --no-block restart "+ecsUnit, "sudo tail -n 50 /var/log/ecs/ecs-agent.log"), []*Kind{DockerCheck, DiskCheck, PressureCheck}
	case errors.Is(err, ecsagent.ErrGarbled):
		f.Kind, f.Summary = IntrospectionGarbled, "something other than the ECS agent answers on its port 51678"
		f.Fix, f.SymptomOf = fix.Do("Find the process that listens on the port:", "sudo ss -ltnp 'sport = :51678'"), nil
	default:
		f.Status, f.Summary = Unknown, err.Error()
	}
	return f
}
