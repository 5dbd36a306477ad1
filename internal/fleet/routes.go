package fleet

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"muster/internal/awsapi"
	"muster/reach"
)

// Routes returns the route tables of VPCs.
type Routes interface {
	RouteTables(ctx context.Context, vpcs []string) ([]awsapi.RouteTable, error)
}

// readRoutes reads the routes between subnets. It makes no call for a single subnet, or if all subnets are in one VPC
// and no rule refers to a group. It finds blackhole routes, VPCs without a route between them, and appliances between
// the subnets of a VPC, through which group references do not work ("middlebox routing", VPC guide). The route between
// two subnets of a VPC is the same for all of their addresses, because a route that is more specific than the VPC's own
// must cover a whole subnet.
func (f *Fleet) readRoutes(ctx context.Context, api Routes) {
	vpcs, subnets := map[string]bool{}, map[string]reach.Endpoint{}
	for _, e := range f.all() {
		if e.Subnet != "" && len(e.Addrs) > 0 {
			vpcs[e.VPC], subnets[e.Subnet] = true, e
		}
	}
	if len(subnets) < 2 || len(vpcs) < 2 && !f.refersToGroups() {
		return
	}
	tables, err := api.RouteTables(ctx, slices.Sorted(maps.Keys(vpcs)))
	if err != nil {
		f.note("could not check the routes between subnets: %v. Group references do not work through an appliance", err)
	}
	f.World.Middleboxes, f.World.RouteFaults = map[reach.SubnetPair]string{}, map[reach.SubnetPair]reach.RouteFault{}
	for from, a := range subnets {
		table := awsapi.TableOf(tables, a.VPC, from)
		if table == nil {
			continue
		}
		if len(vpcs) > 1 && len(table.Lists) > 0 {
			f.note("routes of %s to prefix lists were not evaluated: %s", table.ID, strings.Join(table.Lists, ", "))
		}
		for to, b := range subnets {
			if from != to {
				f.route(table, reach.SubnetPair{From: from, To: to}, a, b)
			}
		}
	}
}

// route records what the route table says about the traffic from one subnet to another.
func (f *Fleet) route(table *awsapi.RouteTable, pair reach.SubnetPair, a, b reach.Endpoint) {
	best := table.RouteTo(b.Addrs[0])
	switch {
	case best != nil && best.Blackhole && (a.VPC != b.VPC || best.To.Bits() > 0):
		f.World.RouteFaults[pair] = reach.RouteFault{Blackhole: true,
			Text: fmt.Sprintf("the route of %s to %s (%s) is a blackhole", table.ID, best.To, cmp.Or(best.Via, "no target"))}
	case a.VPC != b.VPC && (best == nil || strings.HasPrefix(best.Via, "igw-") || strings.HasPrefix(best.Via, "eigw-")):
		f.World.RouteFaults[pair] = reach.RouteFault{
			Text: fmt.Sprintf("%s has no route from %s to %s in %s", table.ID, pair.From, b.Addrs[0], b.VPC),
		}
	case a.VPC == b.VPC:
		if box := next(table, b.Addrs[0]); box != "" {
			f.World.Middleboxes[pair] = box
		}
	}
}

func (f *Fleet) refersToGroups() bool {
	return slices.ContainsFunc(f.World.Groups, func(g reach.Group) bool {
		return slices.ContainsFunc(g.Rules, func(r reach.Rule) bool { return r.Peer.Group.ID != "" })
	})
}

// next returns the target of the table's route for the address, or "" for the VPC itself. It ignores the default route,
// which never applies between subnets.
func next(table *awsapi.RouteTable, addr netip.Addr) string {
	if r := table.RouteTo(addr); r != nil && r.To.Bits() > 0 {
		return r.Via
	}
	return ""
}
