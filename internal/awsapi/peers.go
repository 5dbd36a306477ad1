package awsapi

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/netip"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// MaxDescribed is the maximum number of items that ECS lists or describes per call.
const MaxDescribed = 100

// ErrNoSuchAutoScalingGroup means that Auto Scaling responded that the group does not exist.
var ErrNoSuchAutoScalingGroup = errors.New("no such Auto Scaling group")

// Member is one instance of an Auto Scaling group.
type Member struct {
	ID             string
	LifecycleState string // InService, Standby, Terminating:Wait, ...
	Health         string // Healthy or Unhealthy
}

// Members lists the instances of an Auto Scaling group in all lifecycle states. It does not include the instances in
// its warm pool.
func (c *Client) Members(ctx context.Context, group string) ([]Member, error) {
	out, err := c.asg.DescribeAutoScalingGroups(ctx, &autoscaling.DescribeAutoScalingGroupsInput{AutoScalingGroupNames: []string{group}})
	if err != nil {
		return nil, named("autoscaling:DescribeAutoScalingGroups", err)
	}
	if len(out.AutoScalingGroups) == 0 {
		return nil, fmt.Errorf("%w: %s", ErrNoSuchAutoScalingGroup, group)
	}
	var members []Member
	for _, i := range out.AutoScalingGroups[0].Instances {
		members = append(members, Member{aws.ToString(i.InstanceId), string(i.LifecycleState), aws.ToString(i.HealthStatus)})
	}
	return members, nil
}

// GroupInstances returns the EC2 instance ids of Members.
func (c *Client) GroupInstances(ctx context.Context, group string) ([]string, error) {
	members, err := c.Members(ctx, group)
	var ids []string
	for _, m := range members {
		ids = append(ids, m.ID)
	}
	return ids, err
}

// ContainerInstanceARNs iterates over the ARNs of a cluster's container instances in all states except INACTIVE, in
// pages of up to 100. filter is an expression in the cluster query language ("task:group == service:web"), or empty. It
// stops after the first error.
func (c *Client) ContainerInstanceARNs(ctx context.Context, cluster, filter string) iter.Seq2[[]string, error] {
	in := ecs.ListContainerInstancesInput{Cluster: aws.String(cluster)}
	if filter != "" {
		in.Filter = aws.String(filter)
	}
	list := func(token *string) ([]string, *string, error) {
		in.NextToken = token
		out, err := c.ecs.ListContainerInstances(ctx, &in)
		if err != nil {
			return nil, nil, err
		}
		return out.ContainerInstanceArns, out.NextToken, nil
	}
	return func(yield func([]string, error) bool) {
		for arns, err := range pages("ecs:ListContainerInstances", list) {
			if !yield(arns, absent(err, cluster, "")) {
				return
			}
		}
	}
}

// ContainerInstances describes container instances by ARN. It omits those that have since left the cluster.
func (c *Client) ContainerInstances(ctx context.Context, cluster string, arns []string) ([]ContainerInstance, error) {
	return batched(arns, MaxDescribed, func(batch []string) ([]ContainerInstance, error) {
		out, err := c.ecs.DescribeContainerInstances(
			ctx,
			&ecs.DescribeContainerInstancesInput{Cluster: aws.String(cluster), ContainerInstances: batch},
		)
		if err != nil {
			return nil, named("ecs:DescribeContainerInstances", err)
		}
		var some []ContainerInstance
		for _, ci := range out.ContainerInstances {
			some = append(some, ContainerInstance{
				ARN: aws.ToString(ci.ContainerInstanceArn), EC2InstanceID: aws.ToString(ci.Ec2InstanceId),
				Status: aws.ToString(ci.Status), StatusReason: aws.ToString(ci.StatusReason), Connected: ci.AgentConnected,
			})
		}
		return some, nil
	})
}

// Task is a running task with the fields that are relevant for networking.
type Task struct {
	ARN               string
	ContainerInstance string // ARN; empty on Fargate
	Group             string // service:web, family:batch, or the group passed to RunTask
	// Interface and Addr are set only in awsvpc mode. In host and bridge mode the task uses the interfaces of the
	// instance.
	Interface string
	Addr      netip.Addr
}

// ErrNoSuchService means that ECS responded that the cluster has no such service.
var ErrNoSuchService = errors.New("no such service in the cluster")

// Tasks iterates over the running tasks of a service or a family, whichever is not empty, in pages of up to 100. Each
// page takes two calls, so stop the iteration once you have enough tasks. It stops after the first error.
func (c *Client) Tasks(ctx context.Context, cluster, service, family string) iter.Seq2[[]Task, error] {
	in := ecs.ListTasksInput{Cluster: aws.String(cluster), DesiredStatus: types.DesiredStatusRunning}
	if service != "" {
		in.ServiceName = aws.String(service)
	}
	if family != "" {
		in.Family = aws.String(family)
	}
	list := func(token *string) ([]string, *string, error) {
		in.NextToken = token
		out, err := c.ecs.ListTasks(ctx, &in)
		if err != nil {
			return nil, nil, err
		}
		return out.TaskArns, out.NextToken, nil
	}
	return func(yield func([]Task, error) bool) {
		for arns, err := range pages("ecs:ListTasks", list) {
			var tasks []Task
			if err == nil {
				tasks, err = c.describeTasks(ctx, cluster, arns)
			}
			if !yield(tasks, absent(err, cluster, service)) || err != nil {
				return
			}
		}
	}
}

func (c *Client) describeTasks(ctx context.Context, cluster string, arns []string) ([]Task, error) {
	return batched(arns, MaxDescribed, func(batch []string) ([]Task, error) {
		out, err := c.ecs.DescribeTasks(ctx, &ecs.DescribeTasksInput{Cluster: aws.String(cluster), Tasks: batch})
		if err != nil {
			return nil, named("ecs:DescribeTasks", err)
		}
		var some []Task
		for _, t := range out.Tasks {
			some = append(some, task(t))
		}
		return some, nil
	})
}

// task converts a task. It finds the interface by the names of the attachment details, which other attachments
// (volumes, Service Connect) do not use (ECS API reference, Attachment).
func task(t types.Task) Task {
	out := Task{ARN: aws.ToString(t.TaskArn), ContainerInstance: aws.ToString(t.ContainerInstanceArn), Group: aws.ToString(t.Group)}
	for _, a := range t.Attachments {
		for _, d := range a.Details {
			switch aws.ToString(d.Name) {
			case "networkInterfaceId":
				out.Interface = aws.ToString(d.Value)
			case "privateIPv4Address":
				out.Addr, _ = netip.ParseAddr(aws.ToString(d.Value)) // invalid while it is being attached
			}
		}
	}
	return out
}

// absent converts the errors that mean that the cluster or service does not exist.
func absent(err error, cluster, service string) error {
	var e *Error
	switch {
	case !errors.As(err, &e):
		return err
	case e.Code == "ClusterNotFoundException":
		return fmt.Errorf("%w: %s", ErrNoSuchCluster, cluster)
	case e.Code == "ServiceNotFoundException":
		return fmt.Errorf("%w: %s in %s", ErrNoSuchService, service, cluster)
	}
	return err
}
