package contract

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

func instanceClauses() []clause {
	return []clause{
		{"EC2 DescribeTags finds a tag by instance and key", findsTag},
		{"EC2 DescribeTags finds nothing for another key", findsNoTag},
		{"DescribeInstances returns state, tags and addresses", describesInstance},
		{"DescribeInstances rejects an unknown id", unknownEC2Instance},
	}
}

func (c *clients) tags(ctx context.Context, key string) ([]types.TagDescription, error) {
	out, err := c.ec2.DescribeTags(ctx, &ec2.DescribeTagsInput{Filters: []types.Filter{
		{Name: aws.String("resource-id"), Values: []string{c.InstanceID}},
		{Name: aws.String("key"), Values: []string{key}},
	}})
	if err != nil {
		return nil, err
	}
	return out.Tags, nil
}

func findsTag(ctx context.Context, c *clients) error {
	tags, err := c.tags(ctx, c.TagKey)
	if err != nil {
		return err
	}
	if len(tags) != 1 {
		return fmt.Errorf("got %d tags, want 1", len(tags))
	}
	return errors.Join(
		want("key", deref(tags[0].Key), c.TagKey),
		want("value", deref(tags[0].Value), c.TagValue),
		want("resource", deref(tags[0].ResourceId), c.InstanceID),
		want("type", tags[0].ResourceType, types.ResourceTypeInstance))
}

func findsNoTag(ctx context.Context, c *clients) error {
	tags, err := c.tags(ctx, "contract-no-such-key")
	return errors.Join(err, want("tags", len(tags), 0))
}

func describesInstance(ctx context.Context, c *clients) error {
	out, err := c.ec2.DescribeInstances(ctx, &ec2.DescribeInstancesInput{InstanceIds: []string{c.InstanceID}})
	if err != nil {
		return err
	}
	if len(out.Reservations) != 1 || len(out.Reservations[0].Instances) != 1 {
		return fmt.Errorf("got %d reservations, want 1 with 1 instance", len(out.Reservations))
	}
	i := out.Reservations[0].Instances[0]
	tags := map[string]string{}
	for _, t := range i.Tags {
		tags[deref(t.Key)] = deref(t.Value)
	}
	return errors.Join(
		want("id", deref(i.InstanceId), c.InstanceID),
		want("state", deref(i.State).Name, types.InstanceStateNameRunning),
		want("tag", tags[c.TagKey], c.TagValue),
		want("private address", deref(i.PrivateIpAddress) != "", true),
		want("VPC", deref(i.VpcId) != "", true))
}

func unknownEC2Instance(ctx context.Context, c *clients) error {
	_, err := c.ec2.DescribeInstances(ctx, &ec2.DescribeInstancesInput{InstanceIds: []string{"i-00000000000000bad"}})
	return wantCode(err, "InvalidInstanceID.NotFound")
}
