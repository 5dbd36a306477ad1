package check

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"muster/internal/cluster"
	"muster/internal/ecsagent"
	"muster/internal/fix"
)

// Introspection is the ECS agent's own account of itself.
type Introspection interface {
	Metadata(ctx context.Context) (ecsagent.Metadata, error)
}

// ecsChecks look at the ECS agent and its registration, and last ask the ECS API.
func ecsChecks(w World, f *facts) []Check {
	return []Check{
		{ID: "ecs-config", Group: ECS, Title: "the ECS agent reads in ecs.config what was meant", Run: w.ecsConfig,
			Findings: []string{"ecs-config-misread", "ecs-config-invalid", "ecs-config-unreadable", "ecs-config-unknown-key", "ecs-config-not-applied",
				"cluster-unset", "other-cluster-configured", "wrong-region", "wrong-account", "reserved-memory-above-ram", "backend-host-set", "docker-host-set"}},
		{ID: "ecs-unit", Group: ECS, Title: "systemd runs ecs.service", Run: w.ecsUnit,
			Findings: append(unitNotStarted(), "ecs-unit-failed", "ecs-unit-restarting", "ecs-unit-disabled")},
		{ID: "checkpoint", Group: ECS, Title: "the ECS agent remembers this instance and its cluster", Run: w.checkpoint,
			Findings: []string{"saved-cluster-mismatch", "checkpoint-of-other-instance", "checkpoint-damaged"}},
		{ID: "agent-log", Group: ECS, Title: "the ECS agent logged no error that keeps it from registering", Run: w.agentLog,
			Findings: append(ecsagent.Causes(), "agent-exits")},
		{ID: "registered", Group: ECS, Title: "the ECS agent has registered this instance", After: []string{"lifecycle"},
			Run:      func(ctx context.Context) []Finding { return w.registered(ctx, f) },
			Findings: []string{"introspection-refused", "introspection-silent", "introspection-garbled", "not-registered", "wrong-cluster", "cluster-default"}},
		{ID: "cluster", Group: ECS, Title: "ECS has the cluster", Run: w.cluster, Remote: true,
			Findings: []string{"cluster-missing", "cluster-inactive", "cluster-not-active"}},
		{ID: "container-instance", Group: ECS, Title: "ECS agrees that this instance is registered and connected", Remote: true, Needs: []string{"registered"},
			Run: func(ctx context.Context) []Finding { return w.containerInstance(ctx, f.arn) },
			Findings: []string{"container-instance-unknown", "foreign-container-instance", "registration-failed", "container-instance-inactive",
				"container-instance-draining", "still-registering", "agent-disconnected"}},
	}
}

// network are the checks of the way from this instance to the ECS endpoints.
func network() []string {
	return []string{"proxy", "dns", "ecs-endpoints", "vpc-path", "poll-endpoint"}
}

// beneath are the checks of what an ECS agent needs to register, whatever it is
// that fails: what is only known not to have happened is a symptom of these.
func beneath() []string {
	return append(network(), "imds", "instance-role", "user-data", "bootstrap", "disk", "pressure", "clock",
		"docker", "agent-image", "ecs-config", "ecs-unit", "checkpoint", "agent-log", "cluster")
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
func sameCluster(a, b string) bool {
	first, err := cluster.Parse(a)
	second, err2 := cluster.Parse(b)
	return err == nil && err2 == nil && cluster.Same(first, second)
}

func (w World) registered(ctx context.Context, f *facts) []Finding {
	if w.Agent == nil {
		return Skipped("there is no ECS agent to ask")
	}
	meta, err := w.Agent.Metadata(ctx)
	switch {
	case f.deferred != "" && (err != nil || meta.ContainerInstanceARN == ""):
		return Skipped("the instance is in the warm pool (" + f.deferred + "), and registers when it leaves")
	case err != nil:
		return []Finding{unanswered(err)}
	case meta.ContainerInstanceARN == "":
		return []Finding{{ID: "not-registered", Status: Fail, Summary: "the ECS agent answers, but has no container instance ARN: it has not registered",
			Evidence: []string{cmp.Or(meta.Version, "no version") + ", cluster " + meta.Cluster}, Fix: fix.Do(agentWords), SymptomOf: beneath()}}
	}
	wanted, origin := w.wanted()
	switch {
	case wanted != "" && !sameCluster(wanted, meta.Cluster):
		return []Finding{{ID: "wrong-cluster", Status: Fail, Summary: fmt.Sprintf("the ECS agent is in cluster %s, not in %s", meta.Cluster, wanted),
			Evidence: []string{wanted + " is from " + origin, meta.ContainerInstanceARN},
			Fix:      fix.Do("muster bootstrap --reset-stale-state --cluster " + wanted + ", and deregister the entry in " + meta.Cluster), SymptomOf: []string{"ecs-config", "user-data"}}}
	case wanted == "" && sameCluster(meta.Cluster, cluster.Default):
		f.arn = meta.ContainerInstanceARN
		return []Finding{{ID: "cluster-default", Status: Warn, Summary: "the instance is in the cluster \"default\", because nobody named another",
			Fix: fix.Do("if that is not meant: muster bootstrap --reset-stale-state --cluster NAME")}}
	}
	f.arn = meta.ContainerInstanceARN
	return Passed("registered in cluster "+meta.Cluster+" as "+f.arn, meta.Version)
}

const agentWords = "look at /var/log/ecs/ecs-agent.log and at journalctl -u " + ecsUnit

// unanswered is why introspection gave no answer. The agent listens only once it
// has registered (agent/app/agent.go).
func unanswered(err error) Finding {
	f := Finding{Status: Fail, Evidence: []string{err.Error()}, SymptomOf: beneath()}
	switch {
	case errors.Is(err, ecsagent.ErrRefused):
		f.ID, f.Summary, f.Fix = "introspection-refused", "the ECS agent does not listen: it is down, or still trying to register", fix.Do(agentWords)
	case errors.Is(err, ecsagent.ErrSilent):
		f.ID, f.Summary = "introspection-silent", "the ECS agent's introspection does not answer: the agent hangs, or the host is starved"
		f.Fix, f.SymptomOf = fix.Do(agentWords+"; restart it: systemctl restart "+ecsUnit), []string{"docker", "disk", "pressure"}
	case errors.Is(err, ecsagent.ErrGarbled):
		f.ID, f.Summary = "introspection-garbled", "something else than the ECS agent answers on its port"
		f.Fix, f.SymptomOf = fix.Do("find it with: ss -ltnp 'sport = :51678'"), nil
	default:
		f.Status, f.Summary = Unknown, err.Error()
	}
	return f
}
