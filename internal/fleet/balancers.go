package fleet

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"muster/internal/awsapi"
	"muster/internal/base/balancer"
	"muster/internal/base/nearest"
	"muster/reach"
)

// requester is the RequesterId of the network interfaces that Elastic Load Balancing manages
// (DescribeNetworkInterfaces). Network Load Balancers are recognized by the type of their interfaces instead.
const requester = "amazon-elb"

// findBalancers finds the nodes of the load balancers, by the descriptions of network interfaces or by address. A load
// balancer that is not found becomes an endpoint without addresses, so that its verdict is UNKNOWN.
func (f *Fleet) findBalancers(ctx context.Context, api Interfaces, region string, refs []balancer.Ref) {
	var nodes []member
	var named []balancer.Ref
	for _, ref := range refs {
		switch {
		case ref.Addr.IsValid():
			nodes = append(nodes, byHand(ref.Addr)...)
		case ref.Region != "" && ref.Region != region:
			nodes = append(nodes, f.absent(ref, fmt.Sprintf("load balancer %s is in %s, but the peers are in %s", ref.Name, ref.Region, region)))
		default:
			named = append(named, ref)
		}
	}
	f.Kinds = map[string]balancer.Kind{}
	f.locate(ctx, api, region, nodes)
	f.locateNamed(ctx, api, region, named)
	f.Balancers, f.Endpoints, f.at = f.Endpoints, nil, nil
}

func (f *Fleet) absent(ref balancer.Ref, why string) member {
	f.note("%s", why)
	return member{name: ref.Name, unread: why}
}

func (f *Fleet) locateNamed(ctx context.Context, api Interfaces, region string, refs []balancer.Ref) {
	if len(refs) == 0 {
		return
	}
	var patterns []string
	for _, ref := range refs {
		patterns = append(patterns, ref.Descriptions()...)
	}
	found, err := api.InterfacesDescribed(ctx, patterns)
	for _, ref := range refs {
		nodes := f.nodesOf(ref, found)
		for _, node := range nodes {
			f.addNode(ref, node, len(nodes), region)
		}
		switch {
		case len(nodes) == 0 && err != nil:
			f.add(unknown(member{name: ref.Name}, f.unread(err)), false)
		case len(nodes) == 0:
			why := f.notFound(ctx, api, region, ref)
			f.add(unknown(f.absent(ref, why), f.missing(why)), false)
		case err != nil:
			f.note("nodes of load balancer %s may be missing: %v", ref.Name, err)
		}
	}
}

// nodesOf returns the network interfaces of the load balancer. Any user can give an interface the description of a load
// balancer, but only Elastic Load Balancing can be its requester.
func (f *Fleet) nodesOf(ref balancer.Ref, found []awsapi.Interface) (nodes []awsapi.Interface) {
	for _, i := range found {
		described, ok := balancer.Described(i.Description)
		switch {
		case !ok || !ref.Is(described):
		case ref.Account != "" && i.Account != "" && i.Account != ref.Account:
		case i.Requester != requester && !strings.HasSuffix(i.Type, "load_balancer"):
			f.note("%s is left out: its description is %q, but Elastic Load Balancing does not manage it", i.ID, i.Description)
		default:
			nodes = append(nodes, i)
		}
	}
	slices.SortFunc(nodes, func(a, b awsapi.Interface) int { return strings.Compare(a.ID, b.ID) })
	return nodes
}

// addNode adds a node of a load balancer.
func (f *Fleet) addNode(ref balancer.Ref, node awsapi.Interface, nodes int, region string) {
	name := ref.Name
	if nodes > 1 {
		name += " " + node.ID
	}
	l := lookup{fleet: f}
	e := l.onInterface(member{name: name}, node)
	e.Region = region
	f.add(e, false)
}

// notFound returns a message that there is no such load balancer. It lists similar names.
func (f *Fleet) notFound(ctx context.Context, api Interfaces, region string, ref balancer.Ref) string {
	why := fmt.Sprintf("no network interface of a load balancer %s in %s", ref.Name, region)
	all, err := api.InterfacesDescribed(ctx, []string{balancer.Any})
	if err != nil {
		return why
	}
	var names []string
	for _, i := range all {
		if described, ok := balancer.Described(i.Description); ok && !slices.Contains(names, described.Name) {
			names = append(names, described.Name)
		}
	}
	slices.Sort(names)
	if slices.Contains(names, ref.Name) {
		return why + fmt.Sprintf(" is as %s says: another kind or ID has this name", ref.Text)
	}
	return strings.TrimSuffix(why+"; "+nearest.Hint(ref.Name, names, ""), "; ")
}

// compareVPCs adds a note about a load balancer outside the VPCs of the peers. Such a load balancer can have targets
// only by address ("Target type", user guide for Application Load Balancers).
func (f *Fleet) compareVPCs() {
	var vpcs []string
	for _, e := range f.Endpoints {
		if e.VPC != "" && !slices.Contains(vpcs, e.VPC) {
			vpcs = append(vpcs, e.VPC)
		}
	}
	slices.Sort(vpcs)
	for _, b := range f.Balancers {
		if b.VPC != "" && len(vpcs) > 0 && !slices.Contains(vpcs, b.VPC) {
			f.note("load balancer %s is in %s, but the peers are in %s: it can only have targets of type ip there", b.Name, b.VPC,
				strings.Join(vpcs, ", "))
		}
	}
}

// missing records a reason for an UNKNOWN verdict that does not come from a failed call.
func (f *Fleet) missing(reason string) reach.Unread {
	u := reach.Unread{Reason: reason}
	f.miss(u)
	return u
}
