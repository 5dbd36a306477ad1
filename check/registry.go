package check

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"muster/internal/awsapi"
	"muster/internal/base/cluster"
	"muster/internal/base/fix"
)

// Registry is what the ECS API knows of clusters and of the instances in them.
type Registry interface {
	Clusters
	ContainerInstance(ctx context.Context, cluster, arn string) (awsapi.ContainerInstance, error)
}

func (w World) cluster(ctx context.Context) []Finding {
	text, origin := w.wanted()
	ref, err := cluster.Parse(text)
	switch {
	case w.Registry == nil:
		return Skipped("the ECS API is not available from this host")
	case text == "":
		return Skipped("no cluster is set")
	case err != nil:
		return CouldNotLook(err, fix.Fix{})
	}
	if f, bad := ClusterFinding(ctx, w.Registry, ref, origin, w.Identity); bad {
		return []Finding{f}
	}
	return Passed("cluster " + text + " is ACTIVE")
}

// containerInstance asks in the cluster that the ECS agent reports, which alone knows
// the container instance: the one that is wanted is compared elsewhere.
func (w World) containerInstance(ctx context.Context, text, arn string) []Finding {
	switch {
	case w.Registry == nil:
		return Skipped("the ECS API is not available from this host")
	case arn == "":
		return Skipped("the ECS agent reports no container instance ARN to ask for")
	case text == "":
		text = cluster.Default
	}
	ci, err := w.Registry.ContainerInstance(ctx, text, arn)
	f, bad := w.RegistrationFinding(text, arn, ci, err)
	if !bad {
		return Passed(fmt.Sprintf("%s is %s, and its ECS agent is connected", ci.ARN, ci.Status))
	}
	return []Finding{f}
}

// RegistrationFinding says what is wrong with a registration in a cluster, by
// what the ECS API answered; false: nothing.
func (w World) RegistrationFinding(clusterName, arn string, ci awsapi.ContainerInstance, err error) (f Finding, bad bool) {
	f, bad = w.registrationFinding(clusterName, arn, ci, err)
	return f.Identified(), bad
}

func (w World) registrationFinding(clusterName, arn string, ci awsapi.ContainerInstance, err error) (f Finding, bad bool) {
	switch unknown := ownLimit(err); {
	case unknown != nil:
		return unknown[0], true
	case awsapi.KindOf(err) != "":
		return CouldNotLook(err, fix.Fix{})[0], true
	case err != nil:
		return w.unknownInstance(clusterName, arn), true
	case ci.EC2InstanceID != "" && w.Identity.InstanceID != "" && ci.EC2InstanceID != w.Identity.InstanceID:
		return Finding{Kind: ForeignContainerInstance, Status: Fail, Summary: fmt.Sprintf("the ECS agent uses the saved state of another instance, %s", ci.EC2InstanceID),
			Evidence: []string{fmt.Sprintf("container instance %s belongs to %s; this is %s", ci.ARN, ci.EC2InstanceID, w.Identity.InstanceID)}, Fix: w.registerAnew()}, true
	}
	return w.statusFinding(clusterName, ci)
}

// unknownInstance is a registration that the agent reports and ECS does not know.
// ECS forgets a deregistered one after a while; one of another account or region
// is as unknown. The answer does not tell the two apart.
func (w World) unknownInstance(clusterName, arn string) Finding {
	f := Finding{Kind: ContainerInstanceUnknown, Status: Fail, SymptomOf: []*Kind{ECSConfigCheck},
		Summary:  "ECS does not know this container instance: it was deregistered, or is in another account or region",
		Evidence: []string{fmt.Sprintf("the ECS agent reports %s, and cluster %q in %s has no such container instance", arn, nameOf(clusterName), w.region())}, Fix: w.registerAnew()}
	lines := w.credentialLines()
	f.Evidence = append(f.Evidence, lines...)
	if len(lines) > 0 {
		f.Fix.Text = "Remove these lines of " + w.Config.ECSConfig + " if they set another account or region, then register again:"
	}
	return f
}

// credentialLines are the lines that choose account and region, without values.
func (w World) credentialLines() []string {
	settings := w.agentSettings()
	var lines []string
	for _, key := range []string{"AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE",
		"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"} {
		if settings.Set(key) {
			lines = append(lines, settings.where(key)+": sets "+key)
		}
	}
	return lines
}

// registerAnew sets the agent's saved state aside, without which it registers as a
// new container instance.
func (w World) registerAnew() fix.Fix {
	path := w.checkpointPath()
	return fix.Do("Move the saved state aside and register again:", "sudo systemctl stop ecs", "sudo mv --no-clobber "+path+" "+path+".old", startUnit)
}

// statusFinding knows the statuses of the ECS API reference, ContainerInstance.
func (w World) statusFinding(clusterName string, ci awsapi.ContainerInstance) (f Finding, bad bool) {
	seen := []string{fmt.Sprintf("%s is %s", ci.ARN, ci.Status)}
	if ci.StatusReason != "" {
		seen = append(seen, "reason that ECS gives: "+ci.StatusReason)
	}
	switch {
	case ci.Status == "REGISTRATION_FAILED":
		return Finding{Kind: RegistrationFailed, Status: Fail, Summary: "ECS rejected the registration: " + cmp.Or(ci.StatusReason, "no reason given"), Evidence: seen[:1],
			Fix: fix.Do("Fix what the reason names, then replace the instance:", w.terminate())}, true
	case ci.Status == "INACTIVE", ci.Status == "DEREGISTERING":
		return Finding{Kind: ContainerInstanceInactive, Status: Fail, Summary: fmt.Sprintf("this container instance was deregistered: its status in ECS is %s", ci.Status), Evidence: seen,
			Fix: w.registerAnew()}, true
	case ci.Status == "REGISTERING":
		return Finding{Kind: StillRegistering, Status: Fail, Summary: "ECS is still registering this container instance", Evidence: seen,
			Fix: fix.Do("Wait for the registration:", "sudo muster verify")}, true
	case !ci.Connected:
		return w.disconnected(ci), true
	case ci.Status == "DRAINING":
		return Finding{Kind: ContainerInstanceDraining, Status: Warn, Summary: "this container instance is DRAINING: it takes no new tasks",
			Evidence: append(seen, "managed draining, managed termination and a spot interruption set this status before the instance terminates"),
			Fix: fix.Do("If the instance should stay in service, make it active again:", "aws ecs update-container-instances-state --region "+w.region()+
				" --cluster "+nameOf(clusterName)+" --container-instances "+ci.ARN+" --status ACTIVE"),
			SymptomOf: []*Kind{Leaving}}, true
	}
	return Finding{}, false
}

// disconnected is an agent that ECS does not hear from. What the agent logged of
// its connection, and what is wrong with the way to the endpoints, explain it.
func (w World) disconnected(ci awsapi.ContainerInstance) Finding {
	return Finding{Kind: AgentDisconnected, Status: Fail, Summary: "ECS shows the ECS agent of this instance as not connected",
		Evidence: []string{fmt.Sprintf("%s is %s, agentConnected is false", ci.ARN, ci.Status),
			"disconnects of a few minutes are normal (the ECS agent reconnects every 30 minutes)"},
		Fix: fix.Do("If it lasts more than 5 minutes, allow ecs:Poll and tcp 443 to the ecs-a and ecs-t endpoints, then restart the ECS agent:",
			"sudo grep -E 'level=(error|warn|critical)' /var/log/ecs/ecs-agent.log | tail -n 20", "sudo systemctl --no-block restart "+ecsUnit),
		SymptomOf: slices.Concat(network(), []*Kind{IMDSCheck, InstanceRoleCheck, ClockCheck, DockerCheck, DiskCheck, PressureCheck, ECSConfigCheck, AgentLogCheck})}
}
