package awsapi

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// ErrNoSuchCluster says that ECS answered, and knows no such cluster.
var ErrNoSuchCluster = errors.New("no such cluster")

// maxClusterPages bounds the search for near matches: 300 names do.
const maxClusterPages = 3

// ClusterStatus asks for a cluster's status (ACTIVE, INACTIVE, ...), by name or
// ARN. It is ErrNoSuchCluster when ECS does not know it.
func (c *Client) ClusterStatus(ctx context.Context, cluster string) (string, error) {
	out, err := c.ecs.DescribeClusters(ctx, &ecs.DescribeClustersInput{Clusters: []string{cluster}}, c.retries(ctx))
	if err != nil {
		return "", named("ecs:DescribeClusters", err)
	}
	if len(out.Clusters) == 0 {
		return "", notFound("ecs:DescribeClusters", out.Failures, ErrNoSuchCluster)
	}
	return aws.ToString(out.Clusters[0].Status), nil
}

// missing is the reason that ECS gives for what it does not know.
const missing = "MISSING"

// notFound is absent if ECS says so. An answer with neither the resource nor that
// reason says nothing about the resource.
func notFound(action string, failures []types.Failure, absent error) error {
	if len(failures) == 0 {
		return &Error{Action: action, Kind: Failed, Status: http.StatusOK, Err: errors.New("the answer has neither a result nor a failure")}
	}
	f := failures[0]
	reason := aws.ToString(f.Reason)
	if reason == missing {
		return absent
	}
	failed := coded(action, reason, cmp.Or(aws.ToString(f.Detail), "for "+aws.ToString(f.Arn)))
	failed.Status = http.StatusOK
	return failed
}

// ClusterNames lists the names of the clusters of this account and region, the
// first 300 of them.
func (c *Client) ClusterNames(ctx context.Context) ([]string, error) {
	var names []string
	pages := ecs.NewListClustersPaginator(c.ecs, &ecs.ListClustersInput{})
	for range maxClusterPages {
		if !pages.HasMorePages() {
			break
		}
		page, err := pages.NextPage(ctx)
		if err != nil {
			return names, named("ecs:ListClusters", err)
		}
		for _, arn := range page.ClusterArns {
			names = append(names, arn[strings.LastIndex(arn, "/")+1:])
		}
	}
	return names, nil
}

// ContainerInstance is what ECS says of a registered instance.
type ContainerInstance struct {
	ARN           string
	EC2InstanceID string
	Status        string // REGISTERING, REGISTRATION_FAILED, ACTIVE, DRAINING, DEREGISTERING, INACTIVE
	StatusReason  string
	Connected     bool // agentConnected
	// Health is ECS's own check of the instance (healthStatus): OK, IMPAIRED,
	// INSUFFICIENT_DATA or INITIALIZING; empty if ECS gave none.
	Health       string
	HealthDetail string // the checks that are not OK, with their reasons
}

// ErrNoSuchInstance says that ECS answered, and the cluster has no such
// container instance.
var ErrNoSuchInstance = errors.New("no such container instance in the cluster")

// ContainerInstance asks for one container instance, by ARN.
func (c *Client) ContainerInstance(ctx context.Context, cluster, arn string) (ContainerInstance, error) {
	const action = "ecs:DescribeContainerInstances"
	out, err := c.ecs.DescribeContainerInstances(ctx, &ecs.DescribeContainerInstancesInput{
		Cluster: aws.String(cluster), ContainerInstances: []string{arn},
		Include: []types.ContainerInstanceField{types.ContainerInstanceFieldContainerInstanceHealth},
	}, c.retries(ctx))
	var gone *types.ClusterNotFoundException
	switch {
	case errors.As(err, &gone):
		return ContainerInstance{}, ErrNoSuchCluster
	case err != nil:
		return ContainerInstance{}, named(action, err)
	case len(out.ContainerInstances) == 0:
		return ContainerInstance{}, notFound(action, out.Failures, ErrNoSuchInstance)
	}
	ci := out.ContainerInstances[0]
	health, detail := instanceHealth(ci.HealthStatus)
	return ContainerInstance{
		Health: health, HealthDetail: detail,
		ARN:           aws.ToString(ci.ContainerInstanceArn),
		EC2InstanceID: aws.ToString(ci.Ec2InstanceId),
		Status:        aws.ToString(ci.Status),
		StatusReason:  aws.ToString(ci.StatusReason),
		Connected:     ci.AgentConnected,
	}, nil
}

func instanceHealth(status *types.ContainerInstanceHealthStatus) (overall, detail string) {
	if status == nil {
		return "", ""
	}
	var bad []string
	for _, result := range status.Details {
		if result.Status == types.InstanceHealthCheckStateOk {
			continue
		}
		text := fmt.Sprintf("%s is %s", result.Type, result.Status)
		if result.LastStatusChange != nil {
			text += " since " + result.LastStatusChange.UTC().Format(time.RFC3339)
		}
		if why := aws.ToString(result.StatusReason); why != "" {
			text += ": " + why
		}
		bad = append(bad, text)
	}
	return string(status.OverallStatus), strings.Join(bad, "; ")
}

// RegisteredInstances is how many container instances a cluster has, by name or ARN. It
// is ErrNoSuchCluster when ECS does not know it.
func (c *Client) RegisteredInstances(ctx context.Context, cluster string) (int, error) {
	out, err := c.ecs.DescribeClusters(ctx, &ecs.DescribeClustersInput{Clusters: []string{cluster}})
	if err != nil {
		return 0, named("ecs:DescribeClusters", err)
	}
	if len(out.Clusters) == 0 {
		return 0, ErrNoSuchCluster
	}
	return int(out.Clusters[0].RegisteredContainerInstancesCount), nil
}

// TaskGroups tells the groups of tasks, by ARN: service:NAME, or family:NAME for a
// task of no service. Tasks that ECS knows no more are left out. With an error comes
// what was read before it.
func (c *Client) TaskGroups(ctx context.Context, cluster string, arns []string) (map[string]string, error) {
	tasks, err := c.describeTasks(ctx, cluster, arns)
	groups := make(map[string]string, len(tasks))
	for _, t := range tasks {
		groups[t.ARN] = t.Group
	}
	return groups, err
}
