package awsapi

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// NATGateway is a NAT gateway.
type NATGateway struct {
	ID, Subnet string
	State      string // pending, available, failed, deleting, deleted
	Failure    string
}

// NATGateway describes a NAT gateway. It returns nil if the gateway does not exist.
func (c *Client) NATGateway(ctx context.Context, id string) (*NATGateway, error) {
	out, err := c.ec2.DescribeNatGateways(ctx, &ec2.DescribeNatGatewaysInput{Filter: among("nat-gateway-id", []string{id})})
	if err != nil || len(out.NatGateways) == 0 {
		return nil, named("ec2:DescribeNatGateways", err)
	}
	g := out.NatGateways[0]
	return &NATGateway{ID: id, Subnet: aws.ToString(g.SubnetId), State: string(g.State), Failure: aws.ToString(g.FailureMessage)}, nil
}

// VPCEndpoint is an interface endpoint of a VPC.
type VPCEndpoint struct {
	ID         string
	Service    string // com.amazonaws.eu-west-1.ecs
	State      string // available, pendingAcceptance, rejected, failed, ...
	PrivateDNS bool
}

// VPCEndpoints describes the interface endpoints of a VPC.
func (c *Client) VPCEndpoints(ctx context.Context, vpc string) ([]VPCEndpoint, error) {
	return paged("ec2:DescribeVpcEndpoints", func(token *string) ([]VPCEndpoint, *string, error) {
		out, err := c.ec2.DescribeVpcEndpoints(ctx, &ec2.DescribeVpcEndpointsInput{
			Filters: among("vpc-id", []string{vpc}), MaxResults: aws.Int32(pageSize), NextToken: token,
		})
		if err != nil {
			return nil, nil, err
		}
		var page []VPCEndpoint
		for _, e := range out.VpcEndpoints {
			if e.VpcEndpointType == types.VpcEndpointTypeInterface {
				page = append(
					page,
					VPCEndpoint{
						aws.ToString(e.VpcEndpointId),
						aws.ToString(e.ServiceName),
						string(e.State),
						aws.ToBool(e.PrivateDnsEnabled),
					},
				)
			}
		}
		return page, out.NextToken, nil
	})
}

// DNSSupport reports whether DNS support is enabled for the VPC.
func (c *Client) DNSSupport(ctx context.Context, vpc string) (bool, error) {
	out, err := c.ec2.DescribeVpcAttribute(ctx, &ec2.DescribeVpcAttributeInput{
		VpcId: aws.String(vpc), Attribute: types.VpcAttributeNameEnableDnsSupport,
	})
	if err != nil {
		return false, named("ec2:DescribeVpcAttribute", err)
	}
	return out.EnableDnsSupport == nil || aws.ToBool(out.EnableDnsSupport.Value), nil
}
