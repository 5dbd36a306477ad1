package awsapi

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"muster/internal/fleet/fit"
	"muster/internal/fleet/inventory"
)

// ErrNoSuchDefinition means that ECS responded that the task definition does not exist.
var ErrNoSuchDefinition = errors.New("no such task definition")

// Definition holds the parts of a task definition that affect where its tasks are placed.
type Definition struct {
	Family   string
	Revision int
	Status   string // ACTIVE, INACTIVE, DELETE_IN_PROGRESS
	// Awsvpc is true if each task has its own network interface.
	Awsvpc bool
	// MemoryLimit is what a copy can use at most in MiB. It is 0 if neither the task nor each of its containers has a limit.
	MemoryLimit int
	// Task is complete except for the service's constraints, group and subnets.
	Task fit.Task
}

// TaskDefinition describes a task definition by FAMILY, FAMILY:REVISION or ARN. Without a revision, it returns the
// latest ACTIVE one.
func (c *Client) TaskDefinition(ctx context.Context, ref string) (Definition, error) {
	out, err := c.ecs.DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{TaskDefinition: aws.String(ref)})
	if err != nil {
		failed := named("ecs:DescribeTaskDefinition", err)
		var e *Error
		// "An error occurred (ClientException) ...: Unable to describe task definition."
		if errors.As(failed, &e) && e.Code == "ClientException" && strings.Contains(e.Err.Error(), "Unable to describe") {
			return Definition{}, fmt.Errorf("%w: %s", ErrNoSuchDefinition, ref)
		}
		return Definition{}, failed
	}
	if out.TaskDefinition == nil {
		return Definition{}, &Error{Action: "ecs:DescribeTaskDefinition", Kind: Failed, Err: errors.New("the answer has no task definition")}
	}
	return definition(out.TaskDefinition), nil
}

func definition(d *types.TaskDefinition) Definition {
	out := Definition{
		Family: aws.ToString(d.Family), Revision: int(d.Revision), Status: string(d.Status), Awsvpc: d.NetworkMode == types.NetworkModeAwsvpc,
		MemoryLimit: memoryLimit(d),
	}
	t := fit.Task{Name: fmt.Sprintf("%s:%d", out.Family, out.Revision), Group: "family:" + out.Family, Needs: needs(d)}
	if out.Awsvpc {
		t.Needs.ENI = 1
	} else {
		t.Ports = hostPorts(d)
	}
	for _, a := range d.RequiresAttributes {
		t.Attributes = append(t.Attributes, fit.Attribute{Name: aws.ToString(a.Name), Value: aws.ToString(a.Value)})
	}
	for _, p := range d.PlacementConstraints {
		t.Constraints = append(t.Constraints, fit.Constraint{
			Type: string(p.Type), Expression: aws.ToString(p.Expression), Of: "task definition " + t.Name,
		})
	}
	if p := d.RuntimePlatform; p != nil {
		t.OS, t.Arch = string(p.OperatingSystemFamily), string(p.CpuArchitecture)
	}
	if len(d.Compatibilities) > 0 && !slices.Contains(d.Compatibilities, types.CompatibilityEc2) {
		var kinds []string
		for _, kind := range d.Compatibilities {
			kinds = append(kinds, string(kind))
		}
		t.Refused = fmt.Sprintf("the task definition is for %s, not for EC2 instances", strings.Join(kinds, " and "))
	}
	out.Task = t
	return out
}

func needs(d *types.TaskDefinition) (out fit.Amounts) {
	for _, c := range d.ContainerDefinitions {
		out.CPU += int(c.Cpu)
		out.Memory += int(cmp.Or(aws.ToInt32(c.MemoryReservation), aws.ToInt32(c.Memory)))
		for _, r := range c.ResourceRequirements {
			if r.Type == types.ResourceTypeGpu {
				out.GPU += number(r.Value)
			}
		}
	}
	return reserved(d.Cpu, d.Memory, out)
}

// reserved returns what a task reserves: its size, or else the sum of its containers. A container reserves its
// memoryReservation, or else its memory (API reference, ContainerDefinition).
func reserved(cpu, memory *string, containers fit.Amounts) fit.Amounts {
	containers.CPU = cmp.Or(number(cpu), containers.CPU)
	containers.Memory = cmp.Or(number(memory), containers.Memory)
	return containers
}

// memoryLimit adds the limits of the containers. The limit of the task applies to one without a limit, and to all.
func memoryLimit(d *types.TaskDefinition) int {
	size, limit := number(d.Memory), 0
	for _, c := range d.ContainerDefinitions {
		if aws.ToInt32(c.Memory) == 0 {
			return size
		}
		limit += int(*c.Memory)
	}
	if size > 0 && (limit == 0 || limit > size) {
		return size
	}
	return limit
}

func number(text *string) int {
	n, err := strconv.Atoi(strings.TrimSpace(aws.ToString(text)))
	if err != nil {
		return 0
	}
	return n
}

// hostPorts returns the fixed host ports. In host mode, a container port is also the host port. In bridge mode, a
// mapping with a range or without a hostPort gets dynamic ports (API reference, PortMapping).
func hostPorts(d *types.TaskDefinition) (out fit.Ports) {
	for _, c := range d.ContainerDefinitions {
		for _, m := range c.PortMappings {
			ports := []int{int(aws.ToInt32(m.HostPort))}
			if d.NetworkMode == types.NetworkModeHost {
				ports = portsOf(m)
			}
			for _, port := range ports {
				switch {
				case port == 0:
				case m.Protocol == types.TransportProtocolUdp:
					out.UDP = append(out.UDP, port)
				default:
					out.TCP = append(out.TCP, port)
				}
			}
		}
	}
	return out
}

func portsOf(m types.PortMapping) (out []int) {
	first, last, isRange := strings.Cut(aws.ToString(m.ContainerPortRange), "-")
	if !isRange {
		return []int{int(aws.ToInt32(m.ContainerPort))}
	}
	for port := number(&first); port <= number(&last) && len(out) <= fit.MaxPorts; port++ {
		out = append(out, port)
	}
	return out
}

// TaskFamilies lists the families with an ACTIVE task definition, the first 300 of them.
func (c *Client) TaskFamilies(ctx context.Context) ([]string, error) {
	in := ecs.ListTaskDefinitionFamiliesInput{Status: types.TaskDefinitionFamilyStatusActive}
	var all []string
	for some, err := range pages("ecs:ListTaskDefinitionFamilies", func(token *string) ([]string, *string, error) {
		in.NextToken = token
		out, err := c.ecs.ListTaskDefinitionFamilies(ctx, &in)
		if err != nil {
			return nil, nil, err
		}
		return out.Families, out.NextToken, nil
	}) {
		if all = append(all, some...); err != nil || len(all) >= maxClusterPages*MaxDescribed {
			return all, err
		}
	}
	return all, nil
}

// PlacedService is a service with the subnets of its awsvpc configuration.
type PlacedService struct {
	inventory.Service
	Subnets []string
}

// Service describes one service by name. It returns ErrNoSuchService if the cluster has no such service.
func (c *Client) Service(ctx context.Context, cluster, name string) (PlacedService, error) {
	const action = "ecs:DescribeServices"
	out, err := c.ecs.DescribeServices(ctx, &ecs.DescribeServicesInput{Cluster: aws.String(cluster), Services: []string{name}})
	if err != nil {
		return PlacedService{}, absent(named(action, err), cluster, "")
	}
	if len(out.Services) == 0 {
		return PlacedService{}, notFound(action, out.Failures, fmt.Errorf("%w: %s in %s", ErrNoSuchService, name, cluster))
	}
	s := PlacedService{Service: service(&out.Services[0])}
	if n := out.Services[0].NetworkConfiguration; n != nil && n.AwsvpcConfiguration != nil {
		s.Subnets = n.AwsvpcConfiguration.Subnets
	}
	return s, nil
}

// PlacedTask is a task that is placed on a container instance.
type PlacedTask struct {
	Instance string // ARN
	fit.Placed
}

// PlacedTasks describes tasks by ARN, 100 per call, with what they reserve. It omits tasks on Fargate.
func (c *Client) PlacedTasks(ctx context.Context, cluster string, arns []string) ([]PlacedTask, error) {
	return batched(arns, MaxDescribed, func(batch []string) ([]PlacedTask, error) {
		out, err := c.ecs.DescribeTasks(ctx, &ecs.DescribeTasksInput{Cluster: aws.String(cluster), Tasks: batch})
		if err != nil {
			return nil, named("ecs:DescribeTasks", err)
		}
		var some []PlacedTask
		for i := range out.Tasks {
			if t := &out.Tasks[i]; aws.ToString(t.ContainerInstanceArn) != "" {
				some = append(some, placedTask(t))
			}
		}
		return some, nil
	})
}

func placedTask(t *types.Task) PlacedTask {
	out := PlacedTask{Instance: interned(t.ContainerInstanceArn)}
	out.ARN, out.Group = aws.ToString(t.TaskArn), interned(t.Group)
	for _, c := range t.Containers {
		out.Amounts.CPU += number(c.Cpu)
		out.Amounts.GPU += len(c.GpuIds)
		out.Amounts.Memory += cmp.Or(number(c.MemoryReservation), number(c.Memory))
		for _, b := range c.NetworkBindings {
			if port := int(aws.ToInt32(b.HostPort)); port > 0 && b.Protocol == types.TransportProtocolUdp {
				out.Ports.UDP = append(out.Ports.UDP, port)
			} else if port > 0 {
				out.Ports.TCP = append(out.Ports.TCP, port)
			}
		}
	}
	out.Amounts = reserved(t.Cpu, t.Memory, out.Amounts)
	if out.Amounts.Memory == 0 {
		out.Unknown = "ECS gave no size of the task"
	}
	for _, a := range t.Attachments {
		if aws.ToString(a.Type) == "ElasticNetworkInterface" {
			out.Amounts.ENI = 1
		}
	}
	return out
}

// InterfaceLimits returns the maximum number of network interfaces for each instance type. EC2 rejects the whole call
// if it does not know one of the types.
func (c *Client) InterfaceLimits(ctx context.Context, kinds []string) (map[string]int, error) {
	limits := map[string]int{}
	_, err := batched(kinds, MaxDescribed, func(batch []string) ([]struct{}, error) {
		in := ec2.DescribeInstanceTypesInput{}
		for _, kind := range batch {
			in.InstanceTypes = append(in.InstanceTypes, ec2types.InstanceType(kind))
		}
		out, err := c.ec2.DescribeInstanceTypes(ctx, &in)
		if err != nil {
			return nil, named("ec2:DescribeInstanceTypes", err)
		}
		for _, t := range out.InstanceTypes {
			if t.NetworkInfo != nil {
				limits[string(t.InstanceType)] = int(aws.ToInt32(t.NetworkInfo.MaximumNetworkInterfaces))
			}
		}
		return nil, nil
	})
	return limits, err
}
