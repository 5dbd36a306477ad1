package awsapi

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"muster/internal/base/arn"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// ErrNoSuchCluster means that ECS responded that the cluster does not exist.
var ErrNoSuchCluster = errors.New("no such cluster")

// maxClusterPages limits the search for similar names to 300 clusters.
const maxClusterPages = 3

// ClusterStatus returns the status (ACTIVE, INACTIVE, ...) of a cluster, by name or ARN. It returns ErrNoSuchCluster if
// the cluster does not exist.
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

// missing is the failure reason that ECS returns for an unknown resource.
const missing = "MISSING"

// notFound returns absent if ECS reports that the resource does not exist. A response with neither the resource nor
// that reason makes no claim about the resource.
func notFound(action string, failures []types.Failure, absent error) error {
	if len(failures) == 0 {
		return &Error{Action: action, Kind: Failed, Status: http.StatusOK, Err: errors.New("the response has neither a result nor a failure")}
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

// ClusterNames returns the names of up to 300 clusters of this account and region.
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
		for _, cluster := range page.ClusterArns {
			names = append(names, arn.Last(cluster))
		}
	}
	return names, nil
}

// ContainerInstance is a registered container instance, as ECS describes it.
type ContainerInstance struct {
	ARN           string
	EC2InstanceID string
	Status        string // REGISTERING, REGISTRATION_FAILED, ACTIVE, DRAINING, DEREGISTERING, INACTIVE
	StatusReason  string
	Connected     bool // agentConnected
	// Health is the result of ECS's own instance health checks (healthStatus): OK, IMPAIRED, INSUFFICIENT_DATA or
	// INITIALIZING. It is empty if ECS returned none.
	Health       string
	HealthDetail string // the health checks that are not OK, with their reasons
}

// ErrNoSuchInstance means that ECS responded that the cluster has no such container instance.
var ErrNoSuchInstance = errors.New("no such container instance in the cluster")

// ContainerInstance describes one container instance, by ARN.
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

// RegisteredInstances returns the number of container instances in a cluster, by name or ARN. It returns
// ErrNoSuchCluster if the cluster does not exist.
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

// TaskGroups returns the groups of tasks, keyed by task ARN: service:NAME, or family:NAME for a task without a service.
// It omits tasks that no longer exist. If it returns an error, the map contains the tasks that were read before it.
func (c *Client) TaskGroups(ctx context.Context, cluster string, arns []string) (map[string]string, error) {
	tasks, err := c.describeTasks(ctx, cluster, arns)
	groups := make(map[string]string, len(tasks))
	for _, t := range tasks {
		groups[t.ARN] = t.Group
	}
	return groups, err
}

// PutAttribute sets a custom attribute of a container instance, by ARN. It replaces the
// value that the attribute has.
func (c *Client) PutAttribute(ctx context.Context, cluster, arn, name, value string) error {
	_, err := c.ecs.PutAttributes(ctx, &ecs.PutAttributesInput{
		Cluster:    aws.String(cluster),
		Attributes: []types.Attribute{{Name: aws.String(name), Value: aws.String(value), TargetId: aws.String(arn)}},
	})
	if err != nil {
		return named("ecs:PutAttributes", err)
	}
	return nil
}
