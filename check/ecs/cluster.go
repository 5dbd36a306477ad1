package ecs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"muster/check"
	"muster/check/subject"
	"muster/internal/awsapi"
	"muster/internal/base/cluster"
	"muster/internal/base/fix"
	"muster/internal/base/nearest"
	"muster/internal/host/imds"
)

// Clusters lists clusters and their status.
type Clusters interface {
	ClusterStatus(ctx context.Context, cluster string) (string, error)
	ClusterNames(ctx context.Context) ([]string, error)
}

// joinCommand returns the command that moves an instance to a cluster. It rewrites ecs.config and restarts the ECS
// agent. The other settings of bootstrap are in its record.
func joinCommand(name string) string { return "sudo muster bootstrap --cluster " + name }

func create(ref cluster.Ref, self imds.Identity) string {
	return fmt.Sprintf("aws ecs create-cluster --cluster-name %s --region %s", ref.Name, cmp.Or(self.Region, "REGION"))
}

// ClusterFinding evaluates the cluster that an instance must join, using ECS and the identity document. It returns
// false if there is no problem. To always agree with it, bootstrap uses the same function, and rejects a failed cluster
// before it writes anything.
func ClusterFinding(ctx context.Context, clusters Clusters, ref cluster.Ref, origin string, self imds.Identity) (f check.Finding,
	bad bool) {
	f, bad = clusterFinding(ctx, clusters, ref, origin, self)
	return f.Identified(), bad
}

func clusterFinding(ctx context.Context, clusters Clusters, ref cluster.Ref, origin string, self imds.Identity) (f check.Finding,
	bad bool) {
	if f, bad := foreignCluster(ref, origin, self); bad {
		return f, true
	}
	status, err := clusters.ClusterStatus(ctx, ref.Text)
	switch {
	case errors.Is(err, awsapi.ErrNoSuchCluster):
		return noSuchCluster(ctx, clusters, ref, origin, self), true
	case err != nil:
		return check.Undetermined(err, fix.Fix{})[0], true
	case status == "INACTIVE":
		return check.Finding{Kind: ClusterInactive, Status: check.Fail, Summary: fmt.Sprintf("cluster %s was deleted (INACTIVE)", ref),
			Evidence: from(ref, origin), SymptomOf: []*check.Kind{ECSConfigCheck},
			Fix: fix.Do("Create the cluster again and join it:", create(ref, self), joinCommand(ref.Text))}, true
	case status != "ACTIVE":
		return check.Finding{Kind: ClusterNotActive, Status: check.Warn, Summary: fmt.Sprintf("cluster %s is %s", ref, status),
			Evidence: append(from(ref, origin), "this status concerns the cluster's capacity providers and may be temporary"),
			Fix: fix.Do("Check the status again in a few minutes:",
				fmt.Sprintf("aws ecs describe-clusters --clusters %s --region %s", ref, cmp.Or(self.Region, "REGION")))}, true
	}
	return check.Finding{}, false
}

// foreignCluster returns the finding for a cluster ARN that this instance cannot join, because
// RegisterContainerInstance accepts only clusters of the caller's account and region.
func foreignCluster(ref cluster.Ref, origin string, self imds.Identity) (check.Finding, bool) {
	f := check.Finding{Kind: ClusterMissing, Status: check.Fail, Evidence: from(ref, origin), SymptomOf: []*check.Kind{ECSConfigCheck}}
	switch {
	case ref.Region != "" && self.Region != "" && ref.Region != self.Region:
		f.Summary = fmt.Sprintf("cluster %s is in region %s, but this instance is in %s", ref.Name, ref.Region, self.Region)
		f.Evidence = append(f.Evidence, "an instance can only join a cluster in its own region")
	case ref.Account != "" && self.AccountID != "" && ref.Account != self.AccountID:
		f.Summary = fmt.Sprintf("cluster %s is in account %s, but this instance is in %s", ref.Name, ref.Account, self.AccountID)
		f.Evidence = append(f.Evidence, "an instance can only join a cluster in its own account")
	default:
		return check.Finding{}, false
	}
	f.Fix = fix.Do("Join the cluster with that name in this region and account:", joinCommand(ref.Name))
	return f, true
}

// noSuchCluster returns the finding for a missing cluster. If clusters can be listed, it names those with a similar
// name.
func noSuchCluster(ctx context.Context, clusters Clusters, ref cluster.Ref, origin string, self imds.Identity) check.Finding {
	f := check.Finding{Kind: ClusterMissing, Status: check.Fail, Evidence: from(ref, origin), SymptomOf: []*check.Kind{ECSConfigCheck},
		Summary: fmt.Sprintf("no cluster %s in region %s, account %s", ref, self.Region, self.AccountID),
		Fix: fix.Do("List the clusters, then join the right one:",
			"aws ecs list-clusters --region "+cmp.Or(self.Region, "REGION"), joinCommand("NAME"))}
	names, err := clusters.ClusterNames(ctx)
	near := nearest.Of(ref.Name, names)
	switch {
	case len(near) > 0:
		f.Summary += ": did you mean " + strings.Join(near, " or ") + "?"
		f.Fix = fix.Do("Join the right cluster:", joinCommand(near[0]))
	case awsapi.KindOf(err) == awsapi.Denied:
		f.Evidence = append(f.Evidence, "could not look for similar names: ecs:ListClusters is not allowed")
	case err == nil && len(names) == 0:
		f.Evidence = append(f.Evidence, "this account has no cluster in this region")
		f.Fix = fix.Do("Create the cluster and join it:", create(ref, self), joinCommand(ref.Name))
	case err == nil && len(names) <= 5:
		f.Evidence = append(f.Evidence, "existing clusters: "+strings.Join(names, ", "))
	}
	return f
}

// WrongClusterFinding returns the finding for an instance that is registered in the cluster is but should be in wanted.
// origin is the source of wanted.
func WrongClusterFinding(is, wanted, origin, arn, region string) check.Finding {
	f := check.Finding{Kind: WrongCluster, Status: check.Fail,
		Summary:  fmt.Sprintf("the ECS agent is in cluster %s, not in %s", subject.NameOf(is), subject.NameOf(wanted)),
		Evidence: []string{wanted + " comes from " + origin, "registered as " + arn}, SymptomOf: []*check.Kind{ECSConfigCheck},
		Fix: fix.Do("Move the instance to "+subject.NameOf(wanted)+", then deregister its entry in "+subject.NameOf(is)+":",
			"sudo muster bootstrap --reset-stale-state --cluster "+wanted, deregister(is, arn, region))}
	return f.Identified()
}

// deregister returns the command that deregisters a container instance from a cluster.
func deregister(clusterName, arn, region string) string {
	return fmt.Sprintf("aws ecs deregister-container-instance --force --region %s --cluster %s --container-instance %s",
		cmp.Or(region, "REGION"), subject.NameOf(clusterName), cmp.Or(arn, "ARN"))
}

func from(ref cluster.Ref, origin string) []string {
	return []string{ref.Text + " comes from " + origin}
}
