package contract

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
)

func wayClauses() []clause {
	return []clause{
		{"DescribeNatGateways finds nothing for an unknown id in a filter", unknownNAT},
		{"DescribeVpcEndpoints finds nothing for an unknown id in a filter", unknownVPCEndpoint},
		{"DescribeVpcAttribute tells that DNS support is on", tellsDNSSupport},
		{"DescribeVpcAttribute refuses an unknown VPC", unknownVPC},
		{"DiscoverPollEndpoint tells two URLs", discoversPoll},
	}
}

func unknownNAT(ctx context.Context, c *clients) error {
	out, err := c.ec2.DescribeNatGateways(ctx, &ec2.DescribeNatGatewaysInput{Filter: filter("nat-gateway-id", "nat-00000000000000bad")})
	if err != nil {
		return err
	}
	return want("NAT gateways", len(out.NatGateways), 0)
}

func unknownVPCEndpoint(ctx context.Context, c *clients) error {
	out, err := c.ec2.DescribeVpcEndpoints(
		ctx,
		&ec2.DescribeVpcEndpointsInput{MaxResults: aws.Int32(1000), Filters: filter("vpc-endpoint-id", "vpce-00000000000000bad")},
	)
	if err != nil {
		return err
	}
	return want("endpoints", len(out.VpcEndpoints), 0)
}

func tellsDNSSupport(ctx context.Context, c *clients) error {
	nic, err := c.primary(ctx)
	if err != nil {
		return err
	}
	out, err := c.ec2.DescribeVpcAttribute(
		ctx,
		&ec2.DescribeVpcAttributeInput{VpcId: nic.VpcId, Attribute: types.VpcAttributeNameEnableDnsSupport},
	)
	if err != nil {
		return err
	}
	return errors.Join(want("VPC", deref(out.VpcId), deref(nic.VpcId)), want("DNS support", deref(deref(out.EnableDnsSupport).Value), true))
}

func unknownVPC(ctx context.Context, c *clients) error {
	_, err := c.ec2.DescribeVpcAttribute(
		ctx,
		&ec2.DescribeVpcAttributeInput{VpcId: aws.String("vpc-00000000000000bad"), Attribute: types.VpcAttributeNameEnableDnsSupport},
	)
	return wantCode(err, "InvalidVpcID.NotFound")
}

func discoversPoll(ctx context.Context, c *clients) error {
	const name = "contract-poll"
	if _, err := c.cluster(ctx, name); err != nil {
		return err
	}
	out, err := c.ecs.DiscoverPollEndpoint(ctx, &ecs.DiscoverPollEndpointInput{Cluster: aws.String(name)})
	if err != nil {
		return err
	}
	for _, at := range []string{deref(out.Endpoint), deref(out.TelemetryEndpoint)} {
		if u, err := url.Parse(at); err != nil || u.Host == "" {
			return fmt.Errorf("%q is no URL", at)
		}
	}
	return nil
}
