package awsapi

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
)

// Group is the Auto Scaling group of an instance. Name is empty if the instance is not in a group.
type Group struct {
	Name           string
	LifecycleState string // Pending:Wait, InService, Warmed:Stopped, ...
}

// Group returns the Auto Scaling group of the instance.
func (c *Client) Group(ctx context.Context, instanceID string) (Group, error) {
	out, err := c.asg.DescribeAutoScalingInstances(ctx, &autoscaling.DescribeAutoScalingInstancesInput{InstanceIds: []string{instanceID}})
	if err != nil {
		return Group{}, named("autoscaling:DescribeAutoScalingInstances", err)
	}
	if len(out.AutoScalingInstances) == 0 {
		return Group{}, nil
	}
	i := out.AutoScalingInstances[0]
	return Group{Name: aws.ToString(i.AutoScalingGroupName), LifecycleState: aws.ToString(i.LifecycleState)}, nil
}

// GroupTag returns the value of a tag of an Auto Scaling group. ok is false if the group does not have the tag.
func (c *Client) GroupTag(ctx context.Context, group, key string) (value string, ok bool, err error) {
	out, err := c.asg.DescribeTags(ctx, &autoscaling.DescribeTagsInput{Filters: []types.Filter{
		{Name: aws.String("auto-scaling-group"), Values: []string{group}},
		{Name: aws.String("key"), Values: []string{key}},
	}})
	if err != nil {
		return "", false, named("autoscaling:DescribeTags", err)
	}
	for _, tag := range out.Tags {
		if aws.ToString(tag.Key) == key && aws.ToString(tag.ResourceId) == group {
			return aws.ToString(tag.Value), true, nil
		}
	}
	return "", false, nil
}

// Hook is a launch lifecycle hook.
type Hook struct {
	Group, Name   string
	Heartbeat     time.Duration // time without a heartbeat after which the hook times out
	DefaultResult string        // result if the hook is never completed: CONTINUE or ABANDON
}

// ErrNoSuchHook means that the group has no launch hook with that name.
var ErrNoSuchHook = errors.New("no such launch hook")

// launching is the lifecycle transition of launch hooks.
const launching = "autoscaling:EC2_INSTANCE_LAUNCHING"

// Hook returns a launch hook of a group.
func (c *Client) Hook(ctx context.Context, group, name string) (Hook, error) {
	out, err := c.asg.DescribeLifecycleHooks(ctx, &autoscaling.DescribeLifecycleHooksInput{
		AutoScalingGroupName: aws.String(group), LifecycleHookNames: []string{name},
	})
	if err != nil {
		return Hook{}, named("autoscaling:DescribeLifecycleHooks", err)
	}
	for _, h := range out.LifecycleHooks {
		if aws.ToString(h.LifecycleHookName) == name && aws.ToString(h.LifecycleTransition) == launching {
			return Hook{group, name, time.Duration(aws.ToInt32(h.HeartbeatTimeout)) * time.Second, aws.ToString(h.DefaultResult)}, nil
		}
	}
	return Hook{}, fmt.Errorf("%w: %s in Auto Scaling group %s", ErrNoSuchHook, name, group)
}

// ErrHookOver means that no lifecycle action is waiting: the hook was completed, was abandoned, or has timed out, or
// the instance has already passed it.
var ErrHookOver = errors.New("no lifecycle action is waiting")

// Heartbeat restarts the timeout of the instance's lifecycle action. It makes only one attempt.
func (c *Client) Heartbeat(ctx context.Context, h Hook, instanceID string) error {
	_, err := c.asg.RecordLifecycleActionHeartbeat(ctx, &autoscaling.RecordLifecycleActionHeartbeatInput{
		AutoScalingGroupName: aws.String(h.Group), LifecycleHookName: aws.String(h.Name), InstanceId: aws.String(instanceID),
	}, func(o *autoscaling.Options) { o.Retryer = c.once })
	return hookError("autoscaling:RecordLifecycleActionHeartbeat", err)
}

// Complete ends the instance's lifecycle action with CONTINUE or ABANDON. It makes only one attempt, because
// ErrHookOver has a different meaning after an attempt with an unclear result.
func (c *Client) Complete(ctx context.Context, h Hook, instanceID, result string) error {
	_, err := c.asg.CompleteLifecycleAction(ctx, &autoscaling.CompleteLifecycleActionInput{
		AutoScalingGroupName: aws.String(h.Group), LifecycleHookName: aws.String(h.Name), InstanceId: aws.String(instanceID),
		LifecycleActionResult: aws.String(result),
	}, func(o *autoscaling.Options) { o.Retryer = c.once })
	return hookError("autoscaling:CompleteLifecycleAction", err)
}

// hookError recognizes a lifecycle action that is over: the API returns ValidationError with "No active Lifecycle
// Action found with instance ID ...". It also returns ValidationError for a group that does not exist.
func hookError(action string, err error) error {
	err = named(action, err)
	var e *Error
	if errors.As(err, &e) && e.Code == "ValidationError" && strings.Contains(strings.ToLower(e.Err.Error()), "no active lifecycle action") {
		return fmt.Errorf("%w: %w", ErrHookOver, err)
	}
	return err
}

// SetUnhealthy marks the instance as unhealthy, so that its Auto Scaling group replaces it. If respectGracePeriod is
// true, Auto Scaling ignores the call during the group's health check grace period.
func (c *Client) SetUnhealthy(ctx context.Context, instanceID string, respectGracePeriod bool) error {
	_, err := c.asg.SetInstanceHealth(ctx, &autoscaling.SetInstanceHealthInput{
		InstanceId: aws.String(instanceID), HealthStatus: aws.String("Unhealthy"), ShouldRespectGracePeriod: aws.Bool(respectGracePeriod),
	})
	return named("autoscaling:SetInstanceHealth", err)
}
