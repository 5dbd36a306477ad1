package awsapi

import (
	"cmp"
	"context"
	"iter"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"muster/internal/base/arn"
	"muster/internal/fleet/inventory"
)

// DescribeCluster describes a cluster by name or ARN. It returns ErrNoSuchCluster if the cluster does not exist.
func (c *Client) DescribeCluster(ctx context.Context, cluster string) (inventory.Cluster, error) {
	const action = "ecs:DescribeClusters"
	out, err := c.ecs.DescribeClusters(ctx, &ecs.DescribeClustersInput{Clusters: []string{cluster}})
	if err != nil {
		return inventory.Cluster{}, named(action, err)
	}
	if len(out.Clusters) == 0 {
		return inventory.Cluster{}, notFound(action, out.Failures, ErrNoSuchCluster)
	}
	one := out.Clusters[0]
	return inventory.Cluster{
		ARN: aws.ToString(one.ClusterArn), Name: aws.ToString(one.ClusterName), Status: aws.ToString(one.Status),
		Instances: int(one.RegisteredContainerInstancesCount), Services: int(one.ActiveServicesCount),
		Running: int(one.RunningTasksCount), Pending: int(one.PendingTasksCount), Providers: one.CapacityProviders,
	}, nil
}

// DescribeProviders reads the capacity providers of a cluster, including those of Managed Instances, which ECS lists
// only for their own cluster.
func (c *Client) DescribeProviders(ctx context.Context, cluster string) ([]inventory.Provider, error) {
	return paged("ecs:DescribeCapacityProviders", func(token *string) ([]inventory.Provider, *string, error) {
		out, err := c.ecs.DescribeCapacityProviders(
			ctx,
			&ecs.DescribeCapacityProvidersInput{Cluster: aws.String(cluster), NextToken: token},
		)
		if err != nil {
			return nil, nil, err
		}
		var page []inventory.Provider
		for _, p := range out.CapacityProviders {
			page = append(page, provider(p))
		}
		return page, out.NextToken, nil
	})
}

func provider(p types.CapacityProvider) inventory.Provider {
	out := inventory.Provider{Name: aws.ToString(p.Name), Status: string(p.Status), Managed: p.ManagedInstancesProvider != nil}
	if asg := p.AutoScalingGroupProvider; asg != nil {
		out.Group = groupName(aws.ToString(asg.AutoScalingGroupArn))
		if s := asg.ManagedScaling; s != nil && s.Status == types.ManagedScalingStatusEnabled {
			out.Scaling, out.Target = true, int(aws.ToInt32(s.TargetCapacity))
		}
	}
	return out
}

// groupName returns the name from a group ARN, ...:autoScalingGroupName/NAME. It returns any other text unchanged,
// because DescribeCapacityProviders returns the value that CreateCapacityProvider received.
func groupName(arn string) string {
	if _, name, ok := strings.Cut(arn, ":autoScalingGroupName/"); ok {
		return name
	}
	return arn
}

// DescribeInstances describes container instances by ARN, 100 per call. It omits those that have since left the
// cluster.
func (c *Client) DescribeInstances(ctx context.Context, cluster string, arns []string) ([]inventory.Instance, error) {
	return batched(arns, MaxDescribed, func(batch []string) ([]inventory.Instance, error) {
		out, err := c.ecs.DescribeContainerInstances(ctx, &ecs.DescribeContainerInstancesInput{
			Cluster: aws.String(cluster), ContainerInstances: batch,
			Include: []types.ContainerInstanceField{types.ContainerInstanceFieldContainerInstanceHealth},
		})
		if err != nil {
			return nil, named("ecs:DescribeContainerInstances", err)
		}
		some := make([]inventory.Instance, 0, len(out.ContainerInstances))
		for i := range out.ContainerInstances {
			some = append(some, containerInstance(&out.ContainerInstances[i]))
		}
		return some, nil
	})
}

func containerInstance(ci *types.ContainerInstance) inventory.Instance {
	out := inventory.Instance{
		ARN: aws.ToString(ci.ContainerInstanceArn), ID: aws.ToString(ci.Ec2InstanceId), Status: aws.ToString(ci.Status),
		StatusReason: aws.ToString(ci.StatusReason), Connected: ci.AgentConnected, Registered: aws.ToTime(ci.RegisteredAt).UTC(),
		Running: int(ci.RunningTasksCount), Pending: int(ci.PendingTasksCount), Provider: aws.ToString(ci.CapacityProviderName),
		Total: resources(ci.RegisteredResources), Free: resources(ci.RemainingResources),
	}
	if ci.VersionInfo != nil {
		out.Agent = aws.ToString(ci.VersionInfo.AgentVersion)
		out.Docker = strings.TrimPrefix(aws.ToString(ci.VersionInfo.DockerVersion), "DockerVersion: ")
	}
	if ci.HealthStatus != nil {
		out.Health = string(ci.HealthStatus.OverallStatus)
	}
	out.Attributes = make([]inventory.Attribute, 0, len(ci.Attributes))
	for _, a := range ci.Attributes {
		out.Attributes = append(out.Attributes, inventory.Attribute{Name: interned(a.Name), Value: interned(a.Value)})
	}
	slices.SortFunc(out.Attributes, func(a, b inventory.Attribute) int { return cmp.Compare(a.Name, b.Name) })
	out.Zone, _ = out.Attribute("ecs.availability-zone")
	out.Type, _ = out.Attribute("ecs.instance-type")
	out.Kind = inventory.EC2
	if strings.HasPrefix(out.ID, "mi-") {
		out.Kind = inventory.External
	}
	return out
}

// resources reads registeredResources or remainingResources: CPU and MEMORY as integers,
// PORTS, PORTS_UDP and GPU as sets of strings (API reference, Resource).
func resources(all []types.Resource) (out inventory.Resources) {
	for _, r := range all {
		switch aws.ToString(r.Name) {
		case "CPU":
			out.CPU = int(r.IntegerValue)
		case "MEMORY":
			out.Memory = int(r.IntegerValue)
		case "PORTS":
			out.TCP = portNumbers(r.StringSetValue)
		case "PORTS_UDP":
			out.UDP = portNumbers(r.StringSetValue)
		case "GPU":
			out.GPUs = r.StringSetValue
		}
	}
	return out
}

func portNumbers(texts []string) []uint16 {
	out := make([]uint16, 0, len(texts))
	for _, text := range texts {
		if n, err := strconv.ParseUint(text, 10, 16); err == nil {
			out = append(out, uint16(n))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// ServiceARNs iterates over the ARNs of a cluster's services, in pages of up to 100. It stops after the first error.
func (c *Client) ServiceARNs(ctx context.Context, cluster string) iter.Seq2[[]string, error] {
	in := ecs.ListServicesInput{Cluster: aws.String(cluster), MaxResults: aws.Int32(MaxDescribed)} // 10 without
	return pages("ecs:ListServices", func(token *string) ([]string, *string, error) {
		in.NextToken = token
		out, err := c.ecs.ListServices(ctx, &in)
		if err != nil {
			return nil, nil, err
		}
		return out.ServiceArns, out.NextToken, nil
	})
}

// MaxServices is the maximum number of services per call (API reference, DescribeServices).
const MaxServices = 10

// DescribeServices describes services by ARN, 10 per call.
func (c *Client) DescribeServices(ctx context.Context, cluster string, arns []string) ([]inventory.Service, error) {
	return batched(arns, MaxServices, func(batch []string) ([]inventory.Service, error) {
		out, err := c.ecs.DescribeServices(ctx, &ecs.DescribeServicesInput{Cluster: aws.String(cluster), Services: batch})
		if err != nil {
			return nil, named("ecs:DescribeServices", err)
		}
		some := make([]inventory.Service, 0, len(out.Services))
		for i := range out.Services {
			some = append(some, service(&out.Services[i]))
		}
		return some, nil
	})
}

func service(s *types.Service) inventory.Service {
	out := inventory.Service{
		ARN: aws.ToString(s.ServiceArn), Name: aws.ToString(s.ServiceName), Status: aws.ToString(s.Status),
		Definition: arn.Last(
			aws.ToString(s.TaskDefinition),
		), LaunchType: string(s.LaunchType), Scheduling: string(s.SchedulingStrategy),
		Desired: int(s.DesiredCount), Running: int(s.RunningCount), Pending: int(s.PendingCount),
		Rebalancing: string(s.AvailabilityZoneRebalancing), Controller: "ECS",
		Awsvpc: s.NetworkConfiguration != nil && s.NetworkConfiguration.AwsvpcConfiguration != nil,
	}
	if s.DeploymentController != nil {
		out.Controller = string(s.DeploymentController.Type)
	}
	if d := s.DeploymentConfiguration; d != nil {
		out.MaxPercent, out.MinPercent = int(aws.ToInt32(d.MaximumPercent)), int(aws.ToInt32(d.MinimumHealthyPercent))
		if d.DeploymentCircuitBreaker != nil {
			out.Breaker, out.Rollback = d.DeploymentCircuitBreaker.Enable, d.DeploymentCircuitBreaker.Rollback
		}
	}
	for _, lb := range s.LoadBalancers {
		out.ClassicLB = out.ClassicLB || aws.ToString(lb.LoadBalancerName) != ""
	}
	for _, p := range s.CapacityProviderStrategy {
		out.Providers = append(out.Providers, aws.ToString(p.CapacityProvider))
	}
	for _, p := range s.PlacementStrategy {
		out.Strategy = append(out.Strategy, inventory.Strategy{Type: string(p.Type), Field: aws.ToString(p.Field)})
	}
	for _, p := range s.PlacementConstraints {
		out.Constraints = append(out.Constraints, inventory.Constraint{Type: string(p.Type), Expression: aws.ToString(p.Expression)})
	}
	out.Deployments, out.Events = deployments(s.Deployments), events(s.Events)
	return out
}

func deployments(all []types.Deployment) []inventory.Deployment {
	var out []inventory.Deployment
	for _, d := range all {
		out = append(out, inventory.Deployment{
			ID: aws.ToString(d.Id), Status: aws.ToString(d.Status), Definition: arn.Last(aws.ToString(d.TaskDefinition)),
			Desired: int(d.DesiredCount), Running: int(d.RunningCount), Pending: int(d.PendingCount), Failed: int(d.FailedTasks),
			Rollout: string(d.RolloutState), Reason: aws.ToString(d.RolloutStateReason),
			Created: aws.ToTime(d.CreatedAt).UTC(), Updated: aws.ToTime(d.UpdatedAt).UTC(),
		})
	}
	slices.SortStableFunc(out, func(a, b inventory.Deployment) int { return primary(a) - primary(b) })
	return out
}

func primary(d inventory.Deployment) int {
	if d.Status == "PRIMARY" {
		return 0
	}
	return 1
}

// events returns the newest events. ECS returns up to 100, newest first. Copying the strings allows the rest of the
// response to be freed.
func events(all []types.ServiceEvent) []inventory.Event {
	var out []inventory.Event
	for _, e := range all {
		out = append(out, inventory.Event{At: aws.ToTime(e.CreatedAt).UTC(), Message: aws.ToString(e.Message)})
	}
	slices.SortStableFunc(out, func(a, b inventory.Event) int { return b.At.Compare(a.At) })
	out = slices.Clone(out[:min(len(out), inventory.MaxEvents)])
	for i := range out {
		out[i].Message = strings.Clone(out[i].Message)
	}
	return out
}

// maxTaskPages limits the list of tasks to 100,000.
const maxTaskPages = 1000

// TaskARNs iterates over the ARNs of the tasks whose desired status is RUNNING, in pages of up to 100. It stops after
// the first error.
func (c *Client) TaskARNs(ctx context.Context, cluster string) iter.Seq2[[]string, error] {
	in := ecs.ListTasksInput{Cluster: aws.String(cluster), DesiredStatus: types.DesiredStatusRunning}
	return pagesUpTo(maxTaskPages, "ecs:ListTasks", func(token *string) ([]string, *string, error) {
		in.NextToken = token
		out, err := c.ecs.ListTasks(ctx, &in)
		if err != nil {
			return nil, nil, err
		}
		return out.TaskArns, out.NextToken, nil
	})
}

// CountTasks describes tasks by ARN, 100 per call, and counts those with equal properties.
func (c *Client) CountTasks(ctx context.Context, cluster string, arns []string) ([]inventory.TaskCount, error) {
	return batched(arns, MaxDescribed, func(batch []string) ([]inventory.TaskCount, error) {
		out, err := c.ecs.DescribeTasks(ctx, &ecs.DescribeTasksInput{Cluster: aws.String(cluster), Tasks: batch})
		if err != nil {
			return nil, named("ecs:DescribeTasks", err)
		}
		counts := map[inventory.TaskCount]int{}
		for i := range out.Tasks {
			t := &out.Tasks[i]
			counts[inventory.TaskCount{
				Group: interned(t.Group), Definition: interned(aws.String(arn.Last(aws.ToString(t.TaskDefinitionArn)))),
				Zone: interned(t.AvailabilityZone), Instance: interned(t.ContainerInstanceArn), Status: interned(t.LastStatus),
			}]++
		}
		some := make([]inventory.TaskCount, 0, len(counts))
		for t, n := range counts {
			t.Tasks = n
			some = append(some, t)
		}
		return some, nil
	})
}
