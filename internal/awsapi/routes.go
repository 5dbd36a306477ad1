package awsapi

import (
	"cmp"
	"context"
	"net/netip"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// RouteTable is a VPC route table.
type RouteTable struct {
	ID, VPC string
	Main    bool     // applies to all subnets of the VPC without their own table
	Subnets []string // subnets that are explicitly associated with this table
	Routes  []Route
	Lists   []string // prefix lists with a route; these routes are not in Routes
}

// Route is a route to a range of addresses.
type Route struct {
	To  netip.Prefix
	Via string // the target; empty for local routes within the VPC
	// Blackhole means that the target was deleted or detached.
	Blackhole bool
}

// TableOf returns the route table of a subnet: its own, or else the VPC's main table, or else nil.
func TableOf(tables []RouteTable, vpc, subnet string) *RouteTable {
	var main *RouteTable
	for i, t := range tables {
		switch {
		case slices.Contains(t.Subnets, subnet):
			return &tables[i]
		case t.Main && t.VPC == vpc:
			main = &tables[i]
		}
	}
	return main
}

// RouteTo returns the most specific route to an address, or nil if there is none or t is nil.
func (t *RouteTable) RouteTo(addr netip.Addr) (best *Route) {
	if t == nil {
		return nil
	}
	for i, r := range t.Routes {
		if r.To.Contains(addr) && (best == nil || r.To.Bits() > best.To.Bits()) {
			best = &t.Routes[i]
		}
	}
	return best
}

// RouteTables describes the route tables of VPCs.
func (c *Client) RouteTables(ctx context.Context, vpcs []string) ([]RouteTable, error) {
	return batched(vpcs, maxValues, func(batch []string) ([]RouteTable, error) {
		return paged("ec2:DescribeRouteTables", func(token *string) ([]RouteTable, *string, error) {
			out, err := c.ec2.DescribeRouteTables(ctx, &ec2.DescribeRouteTablesInput{
				Filters: among("vpc-id", batch), MaxResults: aws.Int32(maxRouteTables), NextToken: token,
			})
			if err != nil {
				return nil, nil, err
			}
			var page []RouteTable
			for _, t := range out.RouteTables {
				page = append(page, routeTable(t))
			}
			return page, out.NextToken, nil
		})
	})
}

// maxRouteTables is the maximum page size (EC2 API reference, DescribeRouteTables).
const maxRouteTables = 100

func routeTable(t types.RouteTable) RouteTable {
	out := RouteTable{ID: aws.ToString(t.RouteTableId), VPC: aws.ToString(t.VpcId)}
	for _, a := range t.Associations {
		out.Main = out.Main || aws.ToBool(a.Main)
		if subnet := aws.ToString(a.SubnetId); subnet != "" {
			out.Subnets = append(out.Subnets, subnet)
		}
	}
	for _, r := range t.Routes {
		to, err := netip.ParsePrefix(cmp.Or(aws.ToString(r.DestinationCidrBlock), aws.ToString(r.DestinationIpv6CidrBlock)))
		if err == nil {
			out.Routes = append(out.Routes, Route{to, via(r), r.State == types.RouteStateBlackhole})
		}
		if list := aws.ToString(r.DestinationPrefixListId); list != "" {
			out.Lists = append(out.Lists, list)
		}
	}
	return out
}

// via returns the target of a route. It prefers the network interface, because for an appliance EC2 returns the
// instance as well.
func via(r types.Route) string {
	gateway := aws.ToString(r.GatewayId)
	if gateway == "local" {
		gateway = ""
	}
	return cmp.Or(
		aws.ToString(r.NetworkInterfaceId),
		aws.ToString(r.InstanceId),
		gateway,
		aws.ToString(r.NatGatewayId),
		aws.ToString(r.TransitGatewayId),
		aws.ToString(r.VpcPeeringConnectionId),
		aws.ToString(r.EgressOnlyInternetGatewayId),
	)
}
