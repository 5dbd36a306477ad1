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

// ECS lists and describes 100 at a time.
const maxDescribed = 100

// ErrNoSuchAutoScalingGroup says that Auto Scaling answered, and knows no such
// group.
var ErrNoSuchAutoScalingGroup = errors.New("no such Auto Scaling group")

// Member is one instance of an Auto Scaling group.
type Member struct {
	ID             string
	LifecycleState string // InService, Standby, Terminating:Wait, ...
	Health         string // Healthy or Unhealthy
}

// Members lists the instances of an Auto Scaling group, in whatever lifecycle
// state; those of its warm pool are not among them.
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

// GroupInstances lists the EC2 ids of Members.
func (c *Client) GroupInstances(ctx context.Context, group string) ([]string, error) {
	members, err := c.Members(ctx, group)
	var ids []string
	for _, m := range members {
		ids = append(ids, m.ID)
	}
	return ids, err
}

// ContainerInstanceARNs goes over the ARNs of a cluster's container instances in
// all states but INACTIVE, a page of up to 100 at a time. The filter is in the
// cluster query language ("task:group == service:web"), or empty. The first error
// ends it.
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

// ContainerInstances describes container instances by ARN. Those that left the
// cluster meanwhile are left out.
func (c *Client) ContainerInstances(ctx context.Context, cluster string, arns []string) ([]ContainerInstance, error) {
	return batched(arns, maxDescribed, func(batch []string) ([]ContainerInstance, error) {
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

// Task is a running task, as far as the network goes.
type Task struct {
	ARN               string
	ContainerInstance string // ARN; empty on Fargate
	Group             string // service:web, family:batch, or what RunTask was told
	// Interface and Addr are the task's own in awsvpc mode. In host and bridge mode
	// they are empty: the traffic is the instance's.
	Interface string
	Addr      netip.Addr
}

// ErrNoSuchService says that ECS answered, and the cluster has no such service.
var ErrNoSuchService = errors.New("no such service in the cluster")

// Tasks goes over the running tasks of a service or of a family, whichever is not
// empty, a page of up to 100 at a time, so that who has seen enough can stop: a
// page costs two calls. The first error ends it.
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
	return batched(arns, maxDescribed, func(batch []string) ([]Task, error) {
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

// task knows its interface by the details of the attachment: other attachments
// (volumes, Service Connect) have none of these names (ECS API reference,
// Attachment).
func task(t types.Task) Task {
	out := Task{ARN: aws.ToString(t.TaskArn), ContainerInstance: aws.ToString(t.ContainerInstanceArn), Group: aws.ToString(t.Group)}
	for _, a := range t.Attachments {
		for _, d := range a.Details {
			switch aws.ToString(d.Name) {
			case "networkInterfaceId":
				out.Interface = aws.ToString(d.Value)
			case "privateIPv4Address":
				out.Addr, _ = netip.ParseAddr(aws.ToString(d.Value)) // none yet while it attaches
			}
		}
	}
	return out
}

// absent recognises the errors that are an answer: what was asked about does not
// exist.
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
