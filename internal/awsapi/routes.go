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

// RouteTable is where the traffic of some subnets goes.
type RouteTable struct {
	ID, VPC string
	Main    bool     // of the subnets that no other table of the VPC names
	Subnets []string // that name it
	Routes  []Route
	Lists   []string // prefix lists that have a route, which Routes lacks
}

// Route is one route to addresses.
type Route struct {
	To  netip.Prefix
	Via string // the target; empty for the VPC itself
	// Blackhole: the target is gone, or detached.
	Blackhole bool
}

// TableOf is the table of a subnet: its own, else the VPC's main one, else nil.
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

// RouteTo is the most specific route to an address, or nil; no table has none.
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

// maxRouteTables is the most that a page has (EC2 API reference,
// DescribeRouteTables).
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

// via prefers the interface: EC2 also reports the instance of an appliance.
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
