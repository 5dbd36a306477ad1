package contract

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
)

func groupClauses() []clause {
	return []clause{
		{"DescribeAutoScalingInstances returns group and lifecycle state", describesMember},
		{"DescribeAutoScalingInstances returns nothing for an unknown instance", unknownMember},
		{"DescribeAutoScalingGroups returns instances and tags", describesGroup},
		{"DescribeAutoScalingGroups returns nothing for an unknown group", unknownGroup},
		{"Auto Scaling DescribeTags finds a tag by group and key", findsGroupTag},
	}
}

func (c *clients) member(ctx context.Context, id string) ([]types.AutoScalingInstanceDetails, error) {
	out, err := c.asg.DescribeAutoScalingInstances(ctx,
		&autoscaling.DescribeAutoScalingInstancesInput{InstanceIds: []string{id}})
	if err != nil {
		return nil, err
	}
	return out.AutoScalingInstances, nil
}

func describesMember(ctx context.Context, c *clients) error {
	got, err := c.member(ctx, c.InstanceID)
	if err != nil {
		return err
	}
	if len(got) != 1 {
		return fmt.Errorf("got %d instances, want 1", len(got))
	}
	state := deref(got[0].LifecycleState)
	known := slices.Contains(types.LifecycleState("").Values(), types.LifecycleState(state))
	return errors.Join(
		want("group", deref(got[0].AutoScalingGroupName), c.Group),
		want("instance", deref(got[0].InstanceId), c.InstanceID),
		want("a known lifecycle state "+state, known, true),
		want("zone", deref(got[0].AvailabilityZone) != "", true))
}

func unknownMember(ctx context.Context, c *clients) error {
	got, err := c.member(ctx, "i-00000000000000bad")
	return errors.Join(err, want("instances", len(got), 0))
}

func (c *clients) groups(ctx context.Context, name string) ([]types.AutoScalingGroup, error) {
	out, err := c.asg.DescribeAutoScalingGroups(ctx,
		&autoscaling.DescribeAutoScalingGroupsInput{AutoScalingGroupNames: []string{name}})
	if err != nil {
		return nil, err
	}
	return out.AutoScalingGroups, nil
}

func describesGroup(ctx context.Context, c *clients) error {
	got, err := c.groups(ctx, c.Group)
	if err != nil {
		return err
	}
	if len(got) != 1 {
		return fmt.Errorf("got %d groups, want 1", len(got))
	}
	in := slices.ContainsFunc(got[0].Instances, func(i types.Instance) bool { return deref(i.InstanceId) == c.InstanceID })
	tagged := slices.ContainsFunc(got[0].Tags, func(t types.TagDescription) bool {
		return deref(t.Key) == c.TagKey && deref(t.Value) == c.TagValue
	})
	return errors.Join(want("instance in group", in, true), want("tag on group", tagged, true))
}

func unknownGroup(ctx context.Context, c *clients) error {
	got, err := c.groups(ctx, "contract-no-such-group")
	return errors.Join(err, want("groups", len(got), 0))
}

func findsGroupTag(ctx context.Context, c *clients) error {
	out, err := c.asg.DescribeTags(ctx, &autoscaling.DescribeTagsInput{Filters: []types.Filter{
		{Name: aws.String("auto-scaling-group"), Values: []string{c.Group}},
		{Name: aws.String("key"), Values: []string{c.TagKey}},
	}})
	if err != nil {
		return err
	}
	if len(out.Tags) != 1 {
		return fmt.Errorf("got %d tags, want 1", len(out.Tags))
	}
	return errors.Join(
		want("value", deref(out.Tags[0].Value), c.TagValue),
		want("resource", deref(out.Tags[0].ResourceId), c.Group))
}

func lifecycleClauses() []clause {
	return []clause{
		{"DescribeLifecycleHooks returns transition, timeout and default", describesHook},
		{"SetInstanceHealth changes the health in the group", setsHealth},
		{"SetInstanceHealth rejects an unknown instance with ValidationError", setsHealthOfUnknown},
		{"RecordLifecycleActionHeartbeat is accepted while the instance waits", heartbeat},
		{"CompleteLifecycleAction is accepted once", completes},
	}
}

func describesHook(ctx context.Context, c *clients) error {
	out, err := c.asg.DescribeLifecycleHooks(ctx, &autoscaling.DescribeLifecycleHooksInput{AutoScalingGroupName: &c.Group})
	if err != nil {
		return err
	}
	i := slices.IndexFunc(out.LifecycleHooks, func(h types.LifecycleHook) bool { return deref(h.LifecycleHookName) == c.Hook })
	if i < 0 {
		return fmt.Errorf("hook %s not among %d", c.Hook, len(out.LifecycleHooks))
	}
	h := out.LifecycleHooks[i]
	return errors.Join(
		want("group", deref(h.AutoScalingGroupName), c.Group),
		want("transition", deref(h.LifecycleTransition), "autoscaling:EC2_INSTANCE_LAUNCHING"),
		want("heartbeat timeout", deref(h.HeartbeatTimeout), 600),
		want("global timeout", deref(h.GlobalTimeout) > 0, true),
		want("default result", deref(h.DefaultResult), "ABANDON"))
}

// setsHealth checks the instance's health after it was set. The group returns Healthy or Unhealthy.
// DescribeAutoScalingInstances returns it in capitals.
func setsHealth(ctx context.Context, c *clients) error {
	for _, health := range []string{"Unhealthy", "Healthy"} {
		_, err := c.asg.SetInstanceHealth(ctx, &autoscaling.SetInstanceHealthInput{InstanceId: &c.InstanceID, HealthStatus: &health})
		if err != nil {
			return err
		}
		groups, err := c.groups(ctx, c.Group)
		if err != nil {
			return err
		}
		for _, i := range groups[0].Instances {
			if deref(i.InstanceId) == c.InstanceID && deref(i.HealthStatus) != health {
				return fmt.Errorf("health is %s after setting %s", deref(i.HealthStatus), health)
			}
		}
	}
	return nil
}

func setsHealthOfUnknown(ctx context.Context, c *clients) error {
	_, err := c.asg.SetInstanceHealth(ctx, &autoscaling.SetInstanceHealthInput{
		InstanceId: aws.String("i-00000000000000bad"), HealthStatus: aws.String("Unhealthy"),
	})
	return wantCode(err, "ValidationError")
}

func heartbeat(ctx context.Context, c *clients) error {
	_, err := c.asg.RecordLifecycleActionHeartbeat(ctx, &autoscaling.RecordLifecycleActionHeartbeatInput{
		AutoScalingGroupName: &c.Group, LifecycleHookName: &c.Hook, InstanceId: &c.InstanceID,
	})
	return err
}

// completes is the last lifecycle clause, because it ends the wait.
func completes(ctx context.Context, c *clients) error {
	in := &autoscaling.CompleteLifecycleActionInput{
		AutoScalingGroupName: &c.Group, LifecycleHookName: &c.Hook, InstanceId: &c.InstanceID,
		LifecycleActionResult: aws.String("CONTINUE"),
	}
	if _, err := c.asg.CompleteLifecycleAction(ctx, in); err != nil {
		return err
	}
	_, err := c.asg.CompleteLifecycleAction(ctx, in)
	return wantMessage(err, "ValidationError", "No active Lifecycle Action found with instance ID "+c.InstanceID)
}

func stackClauses() []clause {
	return []clause{
		{"SignalResource rejects an unknown stack with ValidationError", signalsUnknownStack},
		{"SignalResource is accepted by a waiting stack", signals},
	}
}

func (c *clients) signal(ctx context.Context, stack string) error {
	_, err := c.cfn.SignalResource(ctx, &cloudformation.SignalResourceInput{
		StackName: &stack, LogicalResourceId: &c.Resource, UniqueId: &c.InstanceID, Status: cfntypes.ResourceSignalStatusSuccess,
	})
	return err
}

func signalsUnknownStack(ctx context.Context, c *clients) error {
	return wantCode(c.signal(ctx, "contract-no-such-stack"), "ValidationError")
}

func signals(ctx context.Context, c *clients) error { return c.signal(ctx, c.Stack) }
