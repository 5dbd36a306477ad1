package contract

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	asgtypes "github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// fleetClauses returns the clauses about the behavior that muster fleet relies on.
func fleetClauses() []clause {
	return []clause{
		{"ListServices returns an empty list for a cluster without services", listsNoServices},
		{"ListServices rejects an unknown cluster", listsServicesOfUnknownCluster},
		{"DescribeServices returns failure MISSING for an unknown service", unknownService},
		{"DescribeServices rejects more than ten services", tooManyServices},
		{"RegisterContainerInstance keeps resources and versions", keepsResources},
		{"DescribeInstances returns launch time, type and zone", describesLaunch},
		{"DescribeAutoScalingGroups finds groups by the value of a tag", findsGroupByTag},
		{"DescribeAutoScalingGroups returns sizes and zones", describesSizes},
		{"DescribeScheduledActions returns what was put", describesScheduled},
		{"DescribeScalingActivities returns activities of a group", describesActivities},
		{"DescribeScalingActivities rejects an unknown group", unknownActivities},
	}
}

func listsNoServices(ctx context.Context, c *clients) error {
	const name = "contract-no-services"
	if _, err := c.cluster(ctx, name); err != nil {
		return err
	}
	out, err := c.ecs.ListServices(ctx, &ecs.ListServicesInput{Cluster: aws.String(name), MaxResults: aws.Int32(100)})
	if err != nil {
		return err
	}
	return errors.Join(want("services", len(out.ServiceArns), 0), want("token", deref(out.NextToken), ""))
}

func listsServicesOfUnknownCluster(ctx context.Context, c *clients) error {
	_, err := c.ecs.ListServices(ctx, &ecs.ListServicesInput{Cluster: aws.String(nowhere)})
	return wantCode(err, "ClusterNotFoundException")
}

func unknownService(ctx context.Context, c *clients) error {
	const name = "contract-unknown-service"
	if _, err := c.cluster(ctx, name); err != nil {
		return err
	}
	out, err := c.ecs.DescribeServices(ctx, &ecs.DescribeServicesInput{Cluster: aws.String(name), Services: []string{"no-such-service"}})
	if err != nil {
		return err
	}
	return errors.Join(want("services", len(out.Services), 0), missing(out.Failures, "no-such-service"))
}

func tooManyServices(ctx context.Context, c *clients) error {
	const name = "contract-many-services"
	if _, err := c.cluster(ctx, name); err != nil {
		return err
	}
	var services []string
	for n := range 11 {
		services = append(services, fmt.Sprintf("service-%d", n))
	}
	_, err := c.ecs.DescribeServices(ctx, &ecs.DescribeServicesInput{Cluster: aws.String(name), Services: services})
	return wantCode(err, "InvalidParameterException")
}

func keepsResources(ctx context.Context, c *clients) error {
	const name = "contract-resources"
	if _, err := c.cluster(ctx, name); err != nil {
		return err
	}
	out, err := c.ecs.RegisterContainerInstance(ctx, &ecs.RegisterContainerInstanceInput{
		Cluster: aws.String(name), InstanceIdentityDocument: &c.IdentityDocument,
		VersionInfo: &types.VersionInfo{AgentVersion: aws.String("1.105.1"), DockerVersion: aws.String("DockerVersion: 25.0.8")},
		TotalResources: []types.Resource{{Name: aws.String("CPU"), Type: aws.String("INTEGER"), IntegerValue: 2048},
			{Name: aws.String("PORTS"), Type: aws.String("STRINGSET"), StringSetValue: []string{"22", "51678"}}},
	})
	if err != nil {
		return err
	}
	got, err := c.describe(ctx, name, deref(out.ContainerInstance.ContainerInstanceArn))
	if err != nil {
		return err
	}
	cpu := func(all []types.Resource) int32 {
		for _, r := range all {
			if deref(r.Name) == "CPU" {
				return r.IntegerValue
			}
		}
		return 0
	}
	return errors.Join(
		want("registered CPU", cpu(got.RegisteredResources), 2048),
		want("remaining CPU", cpu(got.RemainingResources), 2048),
		want("agent version", deref(deref(got.VersionInfo).AgentVersion), "1.105.1"))
}

func describesLaunch(ctx context.Context, c *clients) error {
	out, err := c.ec2.DescribeInstances(ctx, &ec2.DescribeInstancesInput{InstanceIds: []string{c.InstanceID}})
	if err != nil {
		return err
	}
	if len(out.Reservations) != 1 || len(out.Reservations[0].Instances) != 1 {
		return fmt.Errorf("got %d reservations, want one instance", len(out.Reservations))
	}
	i := out.Reservations[0].Instances[0]
	return errors.Join(
		want("launched within the hour", time.Since(deref(i.LaunchTime)).Abs() < time.Hour, true),
		want("type", i.InstanceType != "", true),
		want("zone", strings.HasPrefix(deref(deref(i.Placement).AvailabilityZone), c.Config.Region), true))
}

func (c *clients) tagged(ctx context.Context, value string) ([]asgtypes.AutoScalingGroup, error) {
	out, err := c.asg.DescribeAutoScalingGroups(ctx, &autoscaling.DescribeAutoScalingGroupsInput{
		Filters: []asgtypes.Filter{{Name: aws.String("tag:" + c.TagKey), Values: []string{value}}}, MaxRecords: aws.Int32(100),
	})
	if err != nil {
		return nil, err
	}
	return out.AutoScalingGroups, nil
}

func findsGroupByTag(ctx context.Context, c *clients) error {
	found, err := c.tagged(ctx, c.TagValue)
	if err != nil {
		return err
	}
	others, err := c.tagged(ctx, "contract-no-such-value")
	if err != nil {
		return err
	}
	return errors.Join(want("groups", len(found), 1), want("groups with another value", len(others), 0))
}

func describesSizes(ctx context.Context, c *clients) error {
	got, err := c.groups(ctx, c.Group)
	if err != nil || len(got) != 1 {
		return fmt.Errorf("got %d groups: %w", len(got), err)
	}
	g := got[0]
	return errors.Join(
		want("min", deref(g.MinSize), 1), want("max", deref(g.MaxSize), 1), want("desired", deref(g.DesiredCapacity), 1),
		want("zones", len(g.AvailabilityZones), 1), want("type of the instance", deref(g.Instances[0].InstanceType) != "", true))
}

func describesScheduled(ctx context.Context, c *clients) error {
	start := time.Now().UTC().Truncate(time.Minute).Add(48 * time.Hour)
	_, err := c.asg.PutScheduledUpdateGroupAction(ctx, &autoscaling.PutScheduledUpdateGroupActionInput{
		AutoScalingGroupName: &c.Group, ScheduledActionName: aws.String("contract"), Recurrence: aws.String("0 6 * * 1-5"),
		TimeZone: aws.String("Europe/Berlin"), StartTime: &start, DesiredCapacity: aws.Int32(1),
	})
	if err != nil {
		return err
	}
	out, err := c.asg.DescribeScheduledActions(ctx, &autoscaling.DescribeScheduledActionsInput{AutoScalingGroupName: &c.Group})
	if err != nil {
		return err
	}
	if len(out.ScheduledUpdateGroupActions) != 1 {
		return fmt.Errorf("got %d actions, want 1", len(out.ScheduledUpdateGroupActions))
	}
	a := out.ScheduledUpdateGroupActions[0]
	return errors.Join(
		want("group", deref(a.AutoScalingGroupName), c.Group), want("name", deref(a.ScheduledActionName), "contract"),
		want("recurrence", deref(a.Recurrence), "0 6 * * 1-5"), want("start", deref(a.StartTime).Equal(start), true),
		want("desired", deref(a.DesiredCapacity), 1), want("no maximum", a.MaxSize == nil, true),
		want("time zone", deref(a.TimeZone), "Europe/Berlin"))
}

func describesActivities(ctx context.Context, c *clients) error {
	_, err := c.asg.DescribeScalingActivities(
		ctx,
		&autoscaling.DescribeScalingActivitiesInput{AutoScalingGroupName: &c.Group, MaxRecords: aws.Int32(100)},
	)
	return err
}

func unknownActivities(ctx context.Context, c *clients) error {
	_, err := c.asg.DescribeScalingActivities(
		ctx,
		&autoscaling.DescribeScalingActivitiesInput{AutoScalingGroupName: aws.String("contract-no-such-group")},
	)
	return wantCode(err, "ValidationError")
}
