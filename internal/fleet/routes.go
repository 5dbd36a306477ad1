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
		routes := routesOf(tables, a)
		for to, b := range subnets {
			if box := next(routes, b.Addrs[0]); box != "" && from != to && a.VPC == b.VPC {
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

// routesOf are those of the endpoint's subnet: of the table that it names, else of
// the VPC's main one.
func routesOf(tables []awsapi.RouteTable, e reach.Endpoint) []awsapi.Route {
	var main []awsapi.Route
	for _, t := range tables {
		switch {
		case slices.Contains(t.Subnets, e.Subnet):
			return t.Routes
		case t.Main && t.VPC == e.VPC:
			main = t.Routes
		}
	}
	return main
}

// next is the target of the most specific route, empty for the VPC itself.
func next(routes []awsapi.Route, addr netip.Addr) string {
	best := awsapi.Route{To: netip.PrefixFrom(addr, 0)}
	for _, r := range routes {
		if r.To.Contains(addr) && r.To.Bits() > best.To.Bits() {
			best = r
		}
	}
	return best.Via
}
