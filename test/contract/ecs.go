package contract

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

func ecsClauses() []clause {
	return []clause{
		{"DescribeClusters returns status, name and ARN by name and by ARN", describesCluster},
		{"DescribeClusters returns failure MISSING for an unknown cluster", unknownCluster},
		{"DescribeClusters returns known and unknown clusters together", knownAndUnknown},
		{"ListClusters lists existing clusters", listsClusters},
		{"ListClusters honors MaxResults and returns further pages", pagesClusters},
		{"RegisterContainerInstance registers an ACTIVE and connected instance", registers},
		{"RegisterContainerInstance keeps attributes", keepsAttributes},
		{"RegisterContainerInstance rejects an unknown cluster with ClientException", registersInUnknownCluster},
		{"ListContainerInstances filters by ec2InstanceId", filters},
		{"ListContainerInstances rejects an unknown cluster", listsUnknownCluster},
		{"DescribeContainerInstances rejects an unknown cluster", describesUnknownCluster},
		{"DescribeContainerInstances returns failure MISSING for an unknown ARN", unknownInstance},
		{"DescribeContainerInstances returns health on request", returnsHealth},
		{"PutAttributes sets an attribute and replaces its value", putsAttributes},
		{"PutAttributes rejects an unknown container instance", putsAttributesOfUnknown},
		{"DeregisterContainerInstance removes the instance from the list", deregisters},
	}
}

const nowhere = "contract-no-such-cluster"

// cluster creates a cluster and returns its ARN.
func (c *clients) cluster(ctx context.Context, name string) (string, error) {
	out, err := c.ecs.CreateCluster(ctx, &ecs.CreateClusterInput{ClusterName: &name})
	if err != nil {
		return "", err
	}
	return deref(out.Cluster.ClusterArn), nil
}

// registered creates a cluster and registers the instance in it.
func (c *clients) registered(ctx context.Context, name string) (types.ContainerInstance, error) {
	if _, err := c.cluster(ctx, name); err != nil {
		return types.ContainerInstance{}, err
	}
	out, err := c.ecs.RegisterContainerInstance(ctx, &ecs.RegisterContainerInstanceInput{
		Cluster: &name, InstanceIdentityDocument: &c.IdentityDocument,
		Attributes: []types.Attribute{{Name: aws.String("rack"), Value: aws.String("r7")}},
	})
	if err != nil {
		return types.ContainerInstance{}, err
	}
	return *out.ContainerInstance, nil
}

func describesCluster(ctx context.Context, c *clients) error {
	const name = "contract-described"
	arn, err := c.cluster(ctx, name)
	if err != nil {
		return err
	}
	for _, ref := range []string{name, arn} {
		out, err := c.ecs.DescribeClusters(ctx, &ecs.DescribeClustersInput{Clusters: []string{ref}})
		if err != nil {
			return err
		}
		if len(out.Clusters) != 1 || len(out.Failures) != 0 {
			return fmt.Errorf("%s: got %d clusters and %d failures, want 1 and 0", ref, len(out.Clusters), len(out.Failures))
		}
		err = errors.Join(
			want("status", deref(out.Clusters[0].Status), "ACTIVE"),
			want("name", deref(out.Clusters[0].ClusterName), name),
			want("ARN", deref(out.Clusters[0].ClusterArn), arn))
		if err != nil {
			return err
		}
	}
	return want("end of ARN", strings.HasSuffix(arn, ":cluster/"+name), true)
}

func unknownCluster(ctx context.Context, c *clients) error {
	out, err := c.ecs.DescribeClusters(ctx, &ecs.DescribeClustersInput{Clusters: []string{nowhere}})
	if err != nil {
		return err
	}
	return missing(out.Failures, "cluster/"+nowhere)
}

func missing(failures []types.Failure, suffix string) error {
	if len(failures) != 1 {
		return fmt.Errorf("got %d failures, want 1", len(failures))
	}
	f := failures[0]
	return errors.Join(want("reason", deref(f.Reason), "MISSING"),
		want("end of "+deref(f.Arn), strings.HasSuffix(deref(f.Arn), suffix), true))
}

func knownAndUnknown(ctx context.Context, c *clients) error {
	const name = "contract-known"
	if _, err := c.cluster(ctx, name); err != nil {
		return err
	}
	out, err := c.ecs.DescribeClusters(ctx, &ecs.DescribeClustersInput{Clusters: []string{nowhere, name}})
	if err != nil {
		return err
	}
	return errors.Join(want("clusters", len(out.Clusters), 1), missing(out.Failures, "cluster/"+nowhere))
}

func listsClusters(ctx context.Context, c *clients) error {
	arn, err := c.cluster(ctx, "contract-listed")
	if err != nil {
		return err
	}
	out, err := c.ecs.ListClusters(ctx, &ecs.ListClustersInput{})
	if err != nil {
		return err
	}
	return want(arn+" listed", slices.Contains(out.ClusterArns, arn), true)
}

func pagesClusters(ctx context.Context, c *clients) error {
	var wanted, got []string
	for _, name := range []string{"contract-page-1", "contract-page-2", "contract-page-3"} {
		arn, err := c.cluster(ctx, name)
		if err != nil {
			return err
		}
		wanted = append(wanted, arn)
	}
	pages := ecs.NewListClustersPaginator(c.ecs, &ecs.ListClustersInput{MaxResults: aws.Int32(2)})
	for pages.HasMorePages() {
		out, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		if len(out.ClusterArns) > 2 {
			return fmt.Errorf("got a page of %d, want at most 2", len(out.ClusterArns))
		}
		got = append(got, out.ClusterArns...)
	}
	for _, arn := range wanted {
		if err := want(arn+" listed", slices.Contains(got, arn), true); err != nil {
			return err
		}
	}
	return nil
}

// registers checks that every field of a registration that muster uses can be read back.
func registers(ctx context.Context, c *clients) error {
	const name = "contract-register"
	before := time.Now().Add(-time.Minute)
	ci, err := c.registered(ctx, name)
	if err != nil {
		return err
	}
	arn := deref(ci.ContainerInstanceArn)
	list, err := c.ecs.ListContainerInstances(ctx, &ecs.ListContainerInstancesInput{
		Cluster: aws.String(name), Filter: aws.String("ec2InstanceId == " + c.InstanceID),
	})
	if err != nil {
		return err
	}
	if !slices.Equal(list.ContainerInstanceArns, []string{arn}) {
		return fmt.Errorf("list: got %q, want only %s", list.ContainerInstanceArns, arn)
	}
	got, err := c.describe(ctx, name, arn)
	if err != nil {
		return err
	}
	at := deref(got.RegisteredAt)
	return errors.Join(
		want("status", deref(got.Status), "ACTIVE"),
		want("agentConnected", got.AgentConnected, true),
		want("ec2InstanceId", deref(got.Ec2InstanceId), c.InstanceID),
		want("registeredAt within the minute", at.After(before) && at.Before(before.Add(2*time.Minute)), true),
		want("form of "+arn, strings.Contains(arn, ":container-instance/"+name+"/"), true))
}

func (c *clients) describe(
	ctx context.Context,
	cluster, arn string,
	include ...types.ContainerInstanceField,
) (types.ContainerInstance, error) {
	out, err := c.ecs.DescribeContainerInstances(ctx, &ecs.DescribeContainerInstancesInput{
		Cluster: &cluster, ContainerInstances: []string{arn}, Include: include,
	})
	if err != nil {
		return types.ContainerInstance{}, err
	}
	if len(out.ContainerInstances) != 1 {
		return types.ContainerInstance{}, fmt.Errorf("described %d container instances, want 1", len(out.ContainerInstances))
	}
	return out.ContainerInstances[0], nil
}

func keepsAttributes(ctx context.Context, c *clients) error {
	ci, err := c.registered(ctx, "contract-attributes")
	if err != nil {
		return err
	}
	has := slices.ContainsFunc(ci.Attributes, func(a types.Attribute) bool {
		return deref(a.Name) == "rack" && deref(a.Value) == "r7"
	})
	return want("attribute rack=r7", has, true)
}

func putsAttributes(ctx context.Context, c *clients) error {
	const name = "contract-attributes"
	ci, err := c.registered(ctx, name)
	if err != nil {
		return err
	}
	for _, value := range []string{"open", "closed"} {
		_, err := c.ecs.PutAttributes(ctx, &ecs.PutAttributesInput{Cluster: aws.String(name), Attributes: []types.Attribute{
			{Name: aws.String("muster.ports"), Value: aws.String(value), TargetId: ci.ContainerInstanceArn},
		}})
		if err != nil {
			return err
		}
		out, err := c.ecs.DescribeContainerInstances(ctx, &ecs.DescribeContainerInstancesInput{Cluster: aws.String(name),
			ContainerInstances: []string{deref(ci.ContainerInstanceArn)}})
		if err != nil {
			return err
		}
		var got []string
		for _, a := range out.ContainerInstances[0].Attributes {
			if deref(a.Name) == "muster.ports" {
				got = append(got, deref(a.Value))
			}
		}
		if len(got) != 1 || got[0] != value {
			return fmt.Errorf("the attribute has the values %q, want %q", got, value)
		}
	}
	return nil
}

func putsAttributesOfUnknown(ctx context.Context, c *clients) error {
	const name = "contract-attributes-unknown"
	arn, err := c.cluster(ctx, name)
	if err != nil {
		return err
	}
	target := strings.Replace(arn, ":cluster/", ":container-instance/", 1) + "/00000000000000000000000000000bad"
	_, err = c.ecs.PutAttributes(ctx, &ecs.PutAttributesInput{Cluster: aws.String(name), Attributes: []types.Attribute{
		{Name: aws.String("muster.ports"), Value: aws.String("open"), TargetId: aws.String(target)},
	}})
	return wantCode(err, "TargetNotFoundException")
}

func registersInUnknownCluster(ctx context.Context, c *clients) error {
	_, err := c.ecs.RegisterContainerInstance(ctx, &ecs.RegisterContainerInstanceInput{
		Cluster: aws.String(nowhere), InstanceIdentityDocument: &c.IdentityDocument,
	})
	return wantMessage(err, "ClientException", "Cluster not found.")
}

func filters(ctx context.Context, c *clients) error {
	const name = "contract-filter"
	if _, err := c.registered(ctx, name); err != nil {
		return err
	}
	list, err := c.ecs.ListContainerInstances(ctx, &ecs.ListContainerInstancesInput{
		Cluster: aws.String(name), Filter: aws.String("ec2InstanceId == i-0000000000000dead"),
	})
	if err != nil {
		return err
	}
	return want("instances listed for another id", len(list.ContainerInstanceArns), 0)
}

func listsUnknownCluster(ctx context.Context, c *clients) error {
	_, err := c.ecs.ListContainerInstances(ctx, &ecs.ListContainerInstancesInput{Cluster: aws.String(nowhere)})
	return wantMessage(err, "ClusterNotFoundException", "Cluster not found.")
}

func describesUnknownCluster(ctx context.Context, c *clients) error {
	_, err := c.describe(ctx, nowhere, "arn:aws:ecs:eu-central-1:123456789012:container-instance/x/y")
	return wantMessage(err, "ClusterNotFoundException", "Cluster not found.")
}

func unknownInstance(ctx context.Context, c *clients) error {
	const name, id = "contract-unknown", "00000000000000000000000000000000"
	if _, err := c.registered(ctx, name); err != nil {
		return err
	}
	out, err := c.ecs.DescribeContainerInstances(ctx, &ecs.DescribeContainerInstancesInput{
		Cluster: aws.String(name), ContainerInstances: []string{id},
	})
	if err != nil {
		return err
	}
	return missing(out.Failures, id)
}

func returnsHealth(ctx context.Context, c *clients) error {
	const name = "contract-health"
	ci, err := c.registered(ctx, name)
	if err != nil {
		return err
	}
	asked, err := c.describe(ctx, name, deref(ci.ContainerInstanceArn), types.ContainerInstanceFieldContainerInstanceHealth)
	if err != nil {
		return err
	}
	return want("overallStatus", deref(asked.HealthStatus).OverallStatus, types.InstanceHealthCheckStateOk)
}

func deregisters(ctx context.Context, c *clients) error {
	const name = "contract-deregister"
	ci, err := c.registered(ctx, name)
	if err != nil {
		return err
	}
	_, err = c.ecs.DeregisterContainerInstance(ctx, &ecs.DeregisterContainerInstanceInput{
		Cluster: aws.String(name), ContainerInstance: ci.ContainerInstanceArn, Force: aws.Bool(true),
	})
	if err != nil {
		return err
	}
	list, err := c.ecs.ListContainerInstances(ctx, &ecs.ListContainerInstancesInput{Cluster: aws.String(name)})
	if err != nil {
		return err
	}
	return want("instances listed", len(list.ContainerInstanceArns), 0)
}
