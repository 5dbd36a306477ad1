package check

import (
	"context"
	"fmt"
	"slices"

	"muster/internal/awsapi"
	"muster/internal/cluster"
	"muster/internal/fix"
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
		return Skipped("there is no way to the ECS API")
	case text == "":
		return Skipped("no cluster is named")
	case err != nil:
		return CouldNotLook(err, fix.Fix{})
	}
	if f, bad := ClusterFinding(ctx, w.Registry, ref, origin, w.Identity); bad {
		return []Finding{f}
	}
	return Passed("cluster " + text + " is ACTIVE")
}

func (w World) containerInstance(ctx context.Context, arn string) []Finding {
	text, _ := w.wanted()
	switch {
	case w.Registry == nil:
		return Skipped("there is no way to the ECS API")
	case arn == "":
		return Skipped("this instance has no container instance ARN to ask for")
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
	switch {
	case awsapi.KindOf(err) != "":
		return CouldNotLook(err, fix.Fix{})[0], true
	case err != nil:
		return Finding{ID: "container-instance-unknown", Status: Fail, Summary: fmt.Sprintf("ECS knows no container instance %s in cluster %s: it is not of this account or not of %s", arn, clusterName, w.Identity.Region),
			Fix: fix.Do("take AWS_DEFAULT_REGION and credentials out of " + w.Config.ECSConfig + ", then: systemctl restart ecs"), SymptomOf: []string{"ecs-config"}}, true
	case ci.EC2InstanceID != "" && w.Identity.InstanceID != "" && ci.EC2InstanceID != w.Identity.InstanceID:
		return Finding{ID: "foreign-container-instance", Status: Fail, Summary: fmt.Sprintf("container instance %s belongs to %s: the ECS agent runs on another instance's state", ci.ARN, ci.EC2InstanceID),
			Fix: fix.Do(setAside(w.checkpointPath()))}, true
	}
	return w.statusFinding(ci)
}

// statusFinding knows the statuses of the ECS API reference, ContainerInstance.
func (w World) statusFinding(ci awsapi.ContainerInstance) (f Finding, bad bool) {
	switch {
	case ci.Status == "REGISTRATION_FAILED":
		return Finding{ID: "registration-failed", Status: Fail, Summary: "ECS refused the registration: " + ci.StatusReason,
			Fix: fix.Do("mend what the reason names, then replace the instance")}, true
	case ci.Status == "INACTIVE", ci.Status == "DEREGISTERING":
		return Finding{ID: "container-instance-inactive", Status: Fail, Summary: fmt.Sprintf("container instance %s was deregistered (%s)", ci.ARN, ci.Status),
			Fix: fix.Do(setAside(w.checkpointPath()))}, true
	case ci.Status == "REGISTERING":
		return Finding{ID: "still-registering", Status: Fail, Summary: fmt.Sprintf("container instance %s is still REGISTERING", ci.ARN),
			Fix: fix.Do("wait, then: muster verify")}, true
	case !ci.Connected:
		return Finding{ID: "agent-disconnected", Status: Fail, Summary: fmt.Sprintf("container instance %s is %s, but its ECS agent is not connected", ci.ARN, ci.Status),
			Evidence:  []string{"some minutes without connection are normal; it is a failure when it lasts more than five"},
			Fix:       fix.Do("allow ecs:Poll and ecs:StartTelemetrySession to the role, and port 443 to the ecs-a and ecs-t endpoints; then: systemctl restart ecs"),
			SymptomOf: slices.Concat(network(), []string{"imds", "instance-role", "clock", "docker", "disk", "pressure"})}, true
	case ci.Status == "DRAINING":
		return Finding{ID: "container-instance-draining", Status: Warn, Summary: fmt.Sprintf("container instance %s is DRAINING: it takes no new tasks", ci.ARN),
			Evidence: []string{ci.StatusReason}, Fix: fix.Do("if that is not meant: aws ecs update-container-instances-state --status ACTIVE --container-instances " + ci.ARN)}, true
	}
	return Finding{}, false
}
