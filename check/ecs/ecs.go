package ecs

import (
	"cmp"
	"context"
	"errors"

	"muster/check"
	"muster/check/subject"
	"muster/internal/base/cluster"
	"muster/internal/base/fix"
	"muster/internal/host/ecsagent"
)

// withUserData adds, to a finding about a missing cluster, the reasons why user data may not have set it.
func (g Group) withUserData(run func(context.Context) []check.Finding) func(context.Context) []check.Finding {
	return func(ctx context.Context) []check.Finding {
		found := run(ctx)
		for i := range found {
			if found[i].Kind == ClusterUnset {
				found[i].Evidence = append(found[i].Evidence, g.UserDataForm(ctx)...)
				found[i].SymptomOf = append(found[i].SymptomOf, g.Others.UserDataNotRun)
			}
		}
		return found
	}
}

// network returns the checks of the path from this instance to the ECS endpoints.
func (g Group) network() []*check.Kind {
	return []*check.Kind{
		g.Others.ProxyCheck,
		g.Others.DNSCheck,
		g.Others.ECSEndpointsCheck,
		g.Others.VPCPathCheck,
		g.Others.PollEndpointCheck,
	}
}

// Beneath returns the checks of everything that an ECS agent needs to register. They explain a missing registration
// whose reason is unknown.
func (g Group) Beneath() []*check.Kind {
	return append(g.network(), g.Others.IMDSCheck, g.Others.InstanceRoleCheck, g.Others.UserDataCheck, g.Others.BootstrapCheck,
		g.Others.DiskCheck, g.Others.PressureCheck, g.Others.ClockCheck,
		g.Others.DockerCheck, g.Others.AgentImageCheck, ECSConfigCheck, ECSUnitCheck, CheckpointCheck, AgentLogCheck, ClusterCheck)
}

// registration is the registration that the ECS agent reports.
type registration struct{ arn, cluster string }

// registered queries the ECS agent and returns its registration. warmPool is the state that defers the registration.
func (g Group) registered(ctx context.Context, warmPool string) ([]check.Finding, registration) {
	if g.Agent == nil {
		return check.Skipped("no ECS agent is available to check"), registration{}
	}
	meta, err := g.Agent.Metadata(ctx)
	switch {
	case warmPool != "" && (err != nil || meta.ContainerInstanceARN == ""):
		return check.Skipped("the instance is in the warm pool (" + warmPool + ") and registers when it leaves the pool"), registration{}
	case check.OwnLimit(err) != nil:
		return check.OwnLimit(err), registration{}
	case err != nil:
		return []check.Finding{g.introspectionFinding(err)}, registration{}
	case meta.ContainerInstanceARN == "":
		return []check.Finding{{Kind: NotRegistered, Status: check.Fail,
			Summary:  "the ECS agent is running but has not registered: it has no container instance ARN",
			Evidence: []string{cmp.Or(meta.Version, "unknown version") + ", cluster " + meta.Cluster},
			Fix:      readLogsFix(), SymptomOf: g.Beneath()}}, registration{}
	}
	is := registration{meta.ContainerInstanceARN, meta.Cluster}
	wanted, origin := g.Wanted()
	switch {
	case wanted != "" && !subject.SameCluster(wanted, is.cluster):
		f := WrongClusterFinding(is.cluster, wanted, origin, is.arn, g.Identity.Region)
		f.SymptomOf = append(f.SymptomOf, g.Others.UserDataCheck)
		return []check.Finding{f}, registration{}
	case wanted == "" && subject.SameCluster(is.cluster, cluster.Default):
		return []check.Finding{{Kind: ClusterDefault, Status: check.Warn,
			Summary:   "the ECS agent joined the cluster \"default\": no setting names another",
			Evidence:  append([]string{"registered as " + is.arn}, g.UserDataForm(ctx)...),
			Fix:       fix.Do("If you meant another cluster, join it:", "sudo muster bootstrap --cluster NAME --reset-stale-state"),
			SymptomOf: []*check.Kind{ClusterUnset, ECSConfigCheck, g.Others.UserDataNotRun}}}, is
	}
	return check.Passed("registered in cluster "+is.cluster+" as "+is.arn, meta.Version), is
}

// readLogsFix returns the fix that shows why the ECS agent does not register.
func readLogsFix() fix.Fix {
	return fix.Do("Read the ECS agent's logs:", "sudo tail -n 50 /var/log/ecs/ecs-agent.log", "sudo tail -n 20 /var/log/ecs/ecs-init.log")
}

// introspectionFinding returns the finding for an introspection endpoint that does not respond. The agent listens only
// after it has registered (agent/app/agent.go).
func (g Group) introspectionFinding(err error) check.Finding {
	f := check.Finding{Status: check.Fail, Evidence: []string{err.Error()}, SymptomOf: g.Beneath()}
	switch {
	case errors.Is(err, ecsagent.ErrRefused):
		f.Kind, f.Summary, f.Fix = IntrospectionRefused,
			"the ECS agent does not listen on its port: it is down, or is still trying to register", readLogsFix()
	case errors.Is(err, ecsagent.ErrSilent):
		f.Kind, f.Summary = IntrospectionSilent,
			"the ECS agent accepts connections but does not respond: it hangs, or the host is starved of resources"
		f.Fix, f.SymptomOf = fix.Do("Restart the ECS agent, then read its log:", "sudo systemctl --no-block restart "+subject.ECSUnit,
			"sudo tail -n 50 /var/log/ecs/ecs-agent.log"), []*check.Kind{g.Others.DockerCheck, g.Others.DiskCheck, g.Others.PressureCheck}
	case errors.Is(err, ecsagent.ErrGarbled):
		f.Kind, f.Summary = IntrospectionGarbled, "something other than the ECS agent responds on its port 51678"
		f.Fix, f.SymptomOf = fix.Do("Find the process that listens on the port:", "sudo ss -ltnp 'sport = :51678'"), nil
	default:
		f.Status, f.Summary = check.Unknown, err.Error()
	}
	return f
}
