package ecs

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"muster/check"
	"muster/check/subject"
	"muster/internal/awsapi"
	"muster/internal/base/cluster"
	"muster/internal/base/fix"
)

// Registry returns clusters, and the container instances in them, from the ECS API.
type Registry interface {
	Clusters
	ContainerInstance(ctx context.Context, cluster, arn string) (awsapi.ContainerInstance, error)
}

func (g Group) cluster(ctx context.Context) []check.Finding {
	text, origin := g.Wanted()
	ref, err := cluster.Parse(text)
	switch {
	case g.Registry == nil:
		return check.Skipped("the ECS API is not available from this host")
	case text == "":
		return check.Skipped("no cluster is set")
	case err != nil:
		return check.Undetermined(err, fix.Fix{})
	}
	if f, bad := ClusterFinding(ctx, g.Registry, ref, origin, g.Identity); bad {
		return []check.Finding{f}
	}
	return check.Passed("cluster " + text + " is ACTIVE")
}

// containerInstance looks up the container instance in the cluster that the ECS agent reports, because no other cluster
// has it. Another check compares that cluster with the wanted one.
func (g Group) containerInstance(ctx context.Context, is registration) []check.Finding {
	text, arn := is.cluster, is.arn
	switch {
	case g.Registry == nil:
		return check.Skipped("the ECS API is not available from this host")
	case arn == "":
		return check.Skipped("the ECS agent reports no container instance ARN")
	case text == "":
		text = cluster.Default
	}
	ci, err := g.Registry.ContainerInstance(ctx, text, arn)
	f, bad := g.RegistrationFinding(text, arn, ci, err)
	if !bad {
		return check.Passed(fmt.Sprintf("%s is %s, and its ECS agent is connected", ci.ARN, ci.Status))
	}
	return []check.Finding{f}
}

// RegistrationFinding returns the finding for a registration in a cluster, given the response of the ECS API. It
// returns false if nothing is wrong.
func (g Group) RegistrationFinding(clusterName, arn string, ci awsapi.ContainerInstance, err error) (f check.Finding, bad bool) {
	f, bad = g.registrationFinding(clusterName, arn, ci, err)
	return f.Identified(), bad
}

func (g Group) registrationFinding(clusterName, arn string, ci awsapi.ContainerInstance, err error) (f check.Finding, bad bool) {
	switch unknown := check.OwnLimit(err); {
	case unknown != nil:
		return unknown[0], true
	case awsapi.KindOf(err) != "":
		return check.Undetermined(err, fix.Fix{})[0], true
	case err != nil:
		return g.unknownInstance(clusterName, arn), true
	case ci.EC2InstanceID != "" && g.Identity.InstanceID != "" && ci.EC2InstanceID != g.Identity.InstanceID:
		return check.Finding{
			Kind:    ForeignContainerInstance,
			Status:  check.Fail,
			Summary: fmt.Sprintf("the ECS agent uses the saved state of another instance, %s", ci.EC2InstanceID),
			Evidence: []string{
				fmt.Sprintf("container instance %s belongs to %s; this is %s", ci.ARN, ci.EC2InstanceID, g.Identity.InstanceID),
			},
			Fix: g.registerAnew(),
		}, true
	}
	return g.statusFinding(clusterName, ci)
}

// unknownInstance returns the finding for a registration that the agent reports but ECS does not know. ECS forgets a
// deregistered instance after a while, and never knows one of another account or region. The response does not
// distinguish these cases.
func (g Group) unknownInstance(clusterName, arn string) check.Finding {
	f := check.Finding{Kind: ContainerInstanceUnknown, Status: check.Fail, SymptomOf: []*check.Kind{ECSConfigCheck},
		Summary: "ECS does not know this container instance: it was deregistered, or is in another account or region",
		Evidence: []string{fmt.Sprintf("the ECS agent reports %s, and cluster %q in %s has no such container instance", arn,
			subject.NameOf(clusterName), g.Region())}, Fix: g.registerAnew()}
	lines := g.credentialLines()
	f.Evidence = append(f.Evidence, lines...)
	if len(lines) > 0 {
		f.Fix.Text = "Remove these lines of " + g.Config.ECSConfig + " if they set another account or region, then register again:"
	}
	return f
}

// credentialLines returns the lines that determine account and region, without their values.
func (g Group) credentialLines() []string {
	settings := g.Settings()
	var lines []string
	for _, key := range []string{"AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE",
		"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"} {
		if settings.Set(key) {
			lines = append(lines, settings.PlaceOf(key)+": sets "+key)
		}
	}
	return lines
}

// registerAnew returns the fix that moves the agent's saved state aside, so that the agent registers as a new container
// instance.
func (g Group) registerAnew() fix.Fix {
	path := g.CheckpointPath()
	return fix.Do("Move the saved state aside and register again:", "sudo systemctl stop ecs", "sudo mv --no-clobber "+path+" "+path+".old",
		subject.StartECS)
}

// statusFinding evaluates the status of a container instance (ECS API reference, ContainerInstance).
func (g Group) statusFinding(clusterName string, ci awsapi.ContainerInstance) (f check.Finding, bad bool) {
	seen := []string{fmt.Sprintf("%s is %s", ci.ARN, ci.Status)}
	if ci.StatusReason != "" {
		seen = append(seen, "reason that ECS gives: "+ci.StatusReason)
	}
	switch {
	case ci.Status == "REGISTRATION_FAILED":
		return check.Finding{Kind: RegistrationFailed, Status: check.Fail,
			Summary: "ECS rejected the registration: " + cmp.Or(ci.StatusReason, "no reason given"), Evidence: seen[:1],
			Fix: fix.Do("Fix what the reason names, then replace the instance:", g.Terminate())}, true
	case ci.Status == "INACTIVE", ci.Status == "DEREGISTERING":
		return check.Finding{Kind: ContainerInstanceInactive, Status: check.Fail,
			Summary: fmt.Sprintf("this container instance was deregistered: its status in ECS is %s", ci.Status), Evidence: seen,
			Fix: g.registerAnew()}, true
	case ci.Status == "REGISTERING":
		return check.Finding{Kind: StillRegistering, Status: check.Fail, Summary: "ECS is still registering this container instance",
			Evidence: seen,
			Fix:      fix.Do("Wait for the registration:", "sudo muster verify")}, true
	case !ci.Connected:
		return g.disconnected(ci), true
	case ci.Status == "DRAINING":
		return check.Finding{
			Kind:    ContainerInstanceDraining,
			Status:  check.Warn,
			Summary: "this container instance is DRAINING: it takes no new tasks",
			Evidence: append(
				seen,
				"managed draining, managed termination and a spot interruption set this status before the instance terminates",
			),
			Fix: fix.Do("If the instance should stay in service, make it active again:",
				"aws ecs update-container-instances-state --region "+g.Region()+
					" --cluster "+subject.NameOf(clusterName)+" --container-instances "+ci.ARN+" --status ACTIVE"),
			SymptomOf: []*check.Kind{g.Others.Leaving},
		}, true
	}
	return check.Finding{}, false
}

// disconnected returns the finding for an agent that is not connected to ECS. What the agent logged about its
// connection, and problems on the path to the endpoints, can explain it.
func (g Group) disconnected(ci awsapi.ContainerInstance) check.Finding {
	return check.Finding{
		Kind:    AgentDisconnected,
		Status:  check.Fail,
		Summary: "ECS shows the ECS agent of this instance as not connected",
		Evidence: []string{fmt.Sprintf("%s is %s, agentConnected is false", ci.ARN, ci.Status),
			"disconnects of a few minutes are normal (the ECS agent reconnects every 30 minutes)"},
		Fix: fix.Do(
			"If it lasts more than 5 minutes, allow ecs:Poll and tcp 443 to the ecs-a and ecs-t endpoints, then restart the ECS agent:",
			"sudo grep -E 'level=(error|warn|critical)' /var/log/ecs/ecs-agent.log | tail -n 20",
			"sudo systemctl --no-block restart "+subject.ECSUnit,
		),
		SymptomOf: slices.Concat(g.network(), []*check.Kind{g.Others.IMDSCheck, g.Others.InstanceRoleCheck, g.Others.ClockCheck,
			g.Others.DockerCheck, g.Others.DiskCheck, g.Others.PressureCheck, ECSConfigCheck, AgentLogCheck}),
	}
}
