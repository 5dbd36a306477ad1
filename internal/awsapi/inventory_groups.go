package awsapi

import (
	"context"
	"slices"
	"unique"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"muster/internal/fleet/inventory"
)

// interned returns the text that p points to. Equal texts share their memory, because attributes and tasks of a large
// cluster have few distinct values.
func interned(p *string) string {
	if p == nil {
		return ""
	}
	return unique.Make(*p).Value()
}

// Launches describes EC2 instances by id, 1,000 per call. It omits those that no longer exist.
func (c *Client) Launches(ctx context.Context, ids []string) ([]inventory.Launch, error) {
	return batched(ids, maxIDs, func(batch []string) ([]inventory.Launch, error) {
		return existing(batch, "InvalidInstanceID.NotFound", func(ids []string) ([]inventory.Launch, error) {
			return c.launches(ctx, ids)
		})
	})
}

func (c *Client) launches(ctx context.Context, ids []string) ([]inventory.Launch, error) {
	return paged("ec2:DescribeInstances", func(token *string) ([]inventory.Launch, *string, error) {
		out, err := c.ec2.DescribeInstances(ctx, &ec2.DescribeInstancesInput{InstanceIds: ids, NextToken: token})
		if err != nil {
			return nil, nil, err
		}
		var page []inventory.Launch
		for _, r := range out.Reservations {
			for _, i := range r.Instances {
				one := inventory.Launch{
					ID:       aws.ToString(i.InstanceId),
					Launched: aws.ToTime(i.LaunchTime).UTC(),
					Type:     string(i.InstanceType),
				}
				if i.Placement != nil {
					one.Zone = interned(i.Placement.AvailabilityZone)
				}
				if i.State != nil {
					one.State = string(i.State.Name)
				}
				for _, tag := range i.Tags {
					if aws.ToString(tag.Key) == "aws:autoscaling:groupName" {
						one.Group = interned(tag.Value)
					}
				}
				page = append(page, one)
			}
		}
		return page, out.NextToken, nil
	})
}

// maxGroups is the number of groups per call by name (API reference, DescribeAutoScalingGroups: 50, or up to 100 with
// MaxRecords).
const maxGroups = 100

// GroupsNamed describes Auto Scaling groups by name. It omits those that do not exist.
func (c *Client) GroupsNamed(ctx context.Context, names []string) ([]inventory.Group, error) {
	return batched(names, maxGroups, func(batch []string) ([]inventory.Group, error) {
		return c.scalingGroups(ctx, autoscaling.DescribeAutoScalingGroupsInput{AutoScalingGroupNames: batch})
	})
}

// GroupsTagged describes the Auto Scaling groups that have a tag with this value.
func (c *Client) GroupsTagged(ctx context.Context, key, value string) ([]inventory.Group, error) {
	return c.scalingGroups(ctx, autoscaling.DescribeAutoScalingGroupsInput{
		Filters: []types.Filter{{Name: aws.String("tag:" + key), Values: []string{value}}},
	})
}

func (c *Client) scalingGroups(ctx context.Context, in autoscaling.DescribeAutoScalingGroupsInput) ([]inventory.Group, error) {
	in.MaxRecords = aws.Int32(maxGroups)
	return paged("autoscaling:DescribeAutoScalingGroups", func(token *string) ([]inventory.Group, *string, error) {
		in.NextToken = token
		out, err := c.asg.DescribeAutoScalingGroups(ctx, &in)
		if err != nil {
			return nil, nil, err
		}
		var page []inventory.Group
		for _, g := range out.AutoScalingGroups {
			page = append(page, scalingGroup(g))
		}
		return page, out.NextToken, nil
	})
}

func scalingGroup(g types.AutoScalingGroup) inventory.Group {
	out := inventory.Group{
		Name: aws.ToString(g.AutoScalingGroupName), Status: aws.ToString(g.Status), Zones: g.AvailabilityZones,
		Min: int(aws.ToInt32(g.MinSize)), Max: int(aws.ToInt32(g.MaxSize)), Desired: int(aws.ToInt32(g.DesiredCapacity)),
		Tags: map[string]string{},
	}
	for _, i := range g.Instances {
		out.Members = append(out.Members, inventory.Member{
			ID: aws.ToString(i.InstanceId), Zone: interned(i.AvailabilityZone), Type: interned(i.InstanceType),
			Lifecycle: string(i.LifecycleState), Health: interned(i.HealthStatus),
		})
	}
	if w := g.WarmPoolConfiguration; w != nil {
		out.WarmPool = &inventory.WarmPool{
			State: string(w.PoolState),
			Size:  int(aws.ToInt32(g.WarmPoolSize)),
			Min:   int(aws.ToInt32(w.MinSize)),
		}
	}
	for _, p := range g.SuspendedProcesses {
		out.Suspended = append(out.Suspended, aws.ToString(p.ProcessName))
	}
	slices.Sort(out.Suspended)
	for _, tag := range g.Tags {
		out.Tags[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
	}
	return out
}

// maxScheduled is the maximum number of scheduled actions per page (API reference, DescribeScheduledActions).
const maxScheduled = 100

// ScheduledActions reads the scheduled actions of one group, or of all groups of the region if group is empty. It reads
// a limited number of pages. more is true if there are further pages.
func (c *Client) ScheduledActions(ctx context.Context, group string, upTo int) (all []inventory.ScheduledAction, more bool, err error) {
	in := autoscaling.DescribeScheduledActionsInput{MaxRecords: aws.Int32(maxScheduled)}
	if group != "" {
		in.AutoScalingGroupName = aws.String(group)
	}
	for range upTo {
		out, err := c.asg.DescribeScheduledActions(ctx, &in)
		if err != nil {
			return all, true, named("autoscaling:DescribeScheduledActions", err)
		}
		for _, a := range out.ScheduledUpdateGroupActions {
			all = append(all, scheduledAction(a))
		}
		if in.NextToken = out.NextToken; aws.ToString(in.NextToken) == "" {
			return all, false, nil
		}
	}
	return all, true, nil
}

func scheduledAction(a types.ScheduledUpdateGroupAction) inventory.ScheduledAction {
	return inventory.ScheduledAction{
		Group: aws.ToString(a.AutoScalingGroupName), Name: aws.ToString(a.ScheduledActionName),
		Start: aws.ToTime(a.StartTime).UTC(), End: aws.ToTime(a.EndTime).UTC(),
		Recurrence: aws.ToString(a.Recurrence), TimeZone: aws.ToString(a.TimeZone),
		Min: size(a.MinSize), Max: size(a.MaxSize), Desired: size(a.DesiredCapacity),
	}
}

func size(n *int32) *int {
	if n == nil {
		return nil
	}
	out := int(*n)
	return &out
}

// Activities reads the latest scaling activities of a group, newest first.
func (c *Client) Activities(ctx context.Context, group string) ([]inventory.Activity, error) {
	out, err := c.asg.DescribeScalingActivities(ctx, &autoscaling.DescribeScalingActivitiesInput{
		AutoScalingGroupName: aws.String(group), MaxRecords: aws.Int32(inventory.MaxActivities),
	})
	if err != nil {
		return nil, named("autoscaling:DescribeScalingActivities", err)
	}
	var all []inventory.Activity
	for _, a := range out.Activities {
		all = append(all, inventory.Activity{
			Group: group, Status: string(a.StatusCode), Start: aws.ToTime(a.StartTime).UTC(),
			Description: aws.ToString(a.Description), Cause: aws.ToString(a.Cause), Message: aws.ToString(a.StatusMessage),
		})
	}
	slices.SortStableFunc(all, func(a, b inventory.Activity) int { return b.Start.Compare(a.Start) })
	return all, nil
}
