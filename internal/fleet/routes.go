package fleet

import (
	"context"
	"maps"
	"net/netip"
	"slices"

	"muster/internal/awsapi"
	"muster/reach"
)

// Routes tells where the traffic of subnets goes.
type Routes interface {
	RouteTables(ctx context.Context, vpcs []string) ([]awsapi.RouteTable, error)
}

// readRoutes finds the appliances between the subnets of a VPC, which group
// references do not survive ("middlebox routing", VPC guide). Only where there are
// such references, and several subnets, is anything asked. The route between two
// subnets is the same for all of their addresses: one that is more specific than
// the VPC's own must hold the whole of a subnet.
func (f *Fleet) readRoutes(ctx context.Context, api Routes) {
	vpcs, subnets := map[string]bool{}, map[string]reach.Endpoint{}
	for _, e := range f.all() {
		if e.Subnet != "" && len(e.Addrs) > 0 {
			vpcs[e.VPC], subnets[e.Subnet] = true, e
		}
	}
	if len(subnets) < 2 || !f.refersToGroups() {
		return
	}
	tables, err := api.RouteTables(ctx, slices.Sorted(maps.Keys(vpcs)))
	if err != nil {
		f.note("whether an appliance stands between subnets, which references to groups do not survive, is not known: %v", err)
	}
	f.World.Middleboxes = map[reach.SubnetPair]string{}
	for from, a := range subnets {
		table := awsapi.TableOf(tables, a.VPC, from)
		for to, b := range subnets {
			if box := next(table, b.Addrs[0]); box != "" && from != to && a.VPC == b.VPC {
				f.World.Middleboxes[reach.SubnetPair{From: from, To: to}] = box
			}
		}
	}
}

func (f *Fleet) refersToGroups() bool {
	return slices.ContainsFunc(f.World.Groups, func(g reach.Group) bool {
		return slices.ContainsFunc(g.Rules, func(r reach.Rule) bool { return r.Peer.Group.ID != "" })
	})
}

// next is where the table sends what is for the address, empty for the VPC itself. A
// default route is never the one between subnets.
func next(table *awsapi.RouteTable, addr netip.Addr) string {
	if r := table.RouteTo(addr); r != nil && r.To.Bits() > 0 {
		return r.Via
	}
	return ""
}
