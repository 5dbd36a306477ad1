package ecs

import (
	"context"
	"fmt"
	"iter"

	"muster/check"
	"muster/check/subject"
	"muster/internal/base/fix"
)

// registrations finds other container instances of this EC2 instance. An ECS agent that lost its agent.db registers
// again, and the old entry remains. ECS shows that entry as disconnected, counts its capacity, and rejects the deletion
// of the cluster.
func (g Group) registrations(ctx context.Context, is registration) []check.Finding {
	clusterName, arn := is.cluster, is.arn
	lister, ok := g.Registry.(interface {
		ContainerInstanceARNs(ctx context.Context, cluster, filter string) iter.Seq2[[]string, error]
	})
	if !ok || arn == "" || g.Identity.InstanceID == "" {
		return check.Skipped("nothing to compare: no ECS API, no registration or no instance ID")
	}
	var others []string
	for arns, err := range lister.ContainerInstanceARNs(ctx, clusterName, "ec2InstanceId == "+g.Identity.InstanceID) {
		if err != nil {
			return check.Undetermined(err, fix.Fix{})
		}
		for _, other := range arns {
			if other != arn {
				others = append(others, other)
			}
		}
	}
	if len(others) == 0 {
		return check.Passed("no other container instance in the cluster belongs to this EC2 instance")
	}
	f := check.Finding{Kind: SecondRegistration, Status: check.Warn,
		Summary:  fmt.Sprintf("this instance is registered %d times in cluster %q", len(others)+1, subject.NameOf(clusterName)),
		Evidence: []string{"the ECS agent uses " + arn},
		Fix:      fix.Do("Deregister the entry that the ECS agent does not use:")}
	for _, other := range others[:min(len(others), subject.MaxLines)] {
		f.Evidence = append(f.Evidence, "ECS also has "+other)
		f.Fix.Commands = append(
			f.Fix.Commands,
			"aws ecs deregister-container-instance --region "+g.Region()+" --cluster "+subject.NameOf(
				clusterName,
			)+" --force --container-instance "+other,
		)
	}
	return []check.Finding{f}
}
