package reach

import (
	"cmp"
	"net/netip"
	"slices"
)

// answer is what one rule says to one peer.
type answer uint8

const (
	no answer = iota
	yes
	stale   // the rule names the peer through a peering or group that is gone
	unknown // the rule may admit the peer; something was not read
)

// admits says whether the rule, in a group of self, admits the peer at addr.
func (j *Judge) admits(r *Rule, self, peer *Endpoint, addr netip.Addr) (answer, Unread) {
	a, why := j.admitsPeer(&r.Peer, self, peer, addr)
	if r.Err != "" && a != no {
		return unknown, Unread{Reason: r.Err}
	}
	return a, why
}

func (j *Judge) admitsPeer(p *Peer, self, peer *Endpoint, addr netip.Addr) (answer, Unread) {
	switch {
	case p.CIDR.IsValid():
		if p.CIDR.Contains(addr) {
			return yes, Unread{}
		}
		return no, Unread{}
	case p.PrefixList != "":
		return j.listed(p.PrefixList, addr)
	case p.Group.ID != "":
		return j.carries(&p.Group, self, peer)
	}
	return unknown, Unread{Reason: "a rule without a readable peer"}
}

func (j *Judge) listed(id string, addr netip.Addr) (answer, Unread) {
	list, ok := j.lists[id]
	if !ok {
		return unknown, Unread{"ec2:GetManagedPrefixListEntries", id + " was not read"}
	}
	if slices.ContainsFunc(list.Entries, func(p netip.Prefix) bool { return p.Contains(addr) }) {
		return yes, Unread{}
	}
	if !list.Unread.isZero() {
		return unknown, list.Unread
	}
	return no, Unread{}
}

// carries decides a group reference: it matches interfaces that carry the group,
// and imports none of that group's rules.
func (j *Judge) carries(ref *GroupRef, self, peer *Endpoint) (answer, Unread) {
	if why := groupsUnread(peer); !why.isZero() {
		return unknown, why
	}
	carried := slices.Contains(peer.Groups, ref.ID)
	switch {
	case ref.deleted() && (carried || self.VPC != peer.VPC && (ref.VPC == "" || ref.VPC == peer.VPC)):
		return stale, Unread{}
	case !carried, farApart(self, peer), j.detour(self, peer) != "":
		return no, Unread{}
	case ref.Status == "" && self.VPC != peer.VPC:
		return unknown, Unread{Reason: "a reference to " + ref.ID + " across VPCs without a peering status"}
	}
	return ref.peering()
}

// deleted: "For a referenced security group in another VPC, the account ID ... is
// returned. If the referenced security group is deleted, this value is not
// returned" (EC2 API, UserIdGroupPair).
func (ref *GroupRef) deleted() bool {
	return ref.Owner == "" && (ref.Peering != "" || ref.Status != "")
}

// peering reads the status codes of a VPC peering connection: some are final, the
// others pass.
func (ref *GroupRef) peering() (answer, Unread) {
	switch ref.Status {
	case "", "active":
		return yes, Unread{}
	case "deleted", "deleting", "rejected", "expired", "failed":
		return stale, Unread{}
	}
	return unknown, Unread{Reason: "peering " + ref.Peering + " of " + ref.ID + " is " + ref.Status}
}

// farApart: a group reference does not reach into another region.
func farApart(a, b *Endpoint) bool {
	return a.Region != "" && b.Region != "" && a.Region != b.Region
}

// detour is the appliance on the way between two subnets, if any.
func (j *Judge) detour(a, b *Endpoint) string {
	if a.Subnet == b.Subnet {
		return ""
	}
	return cmp.Or(j.middleboxes[SubnetPair{a.Subnet, b.Subnet}], j.middleboxes[SubnetPair{b.Subnet, a.Subnet}])
}

// fault is what keeps packets from passing between two subnets, in either direction:
// the answers need a route as well.
func (j *Judge) fault(a, b *Endpoint) RouteFault {
	there, back := j.faults[SubnetPair{a.Subnet, b.Subnet}], j.faults[SubnetPair{b.Subnet, a.Subnet}]
	if there == (RouteFault{}) || back.Blackhole && !there.Blackhole {
		return back
	}
	return there
}

func (j *Judge) routeCover(g *leg) cover {
	if j.fault(g.self, g.peer).Blackhole {
		return cover{}
	}
	return cover{unknown: g.asked.set()}
}

func groupsUnread(e *Endpoint) Unread {
	if e.Unread.isZero() && len(e.Groups) == 0 && !e.ungrouped() {
		return Unread{"ec2:DescribeNetworkInterfaces", "the groups of " + e.Name + " are not known"}
	}
	return e.Unread
}

// cover is what some rules or entries say of a set of ports; the sets may overlap.
type cover struct{ open, stale, unknown Ports }

func (c cover) with(a answer, p Ports) cover {
	switch a {
	case yes:
		c.open = c.open.Union(p)
	case stale:
		c.stale = c.stale.Union(p)
	case unknown:
		c.unknown = c.unknown.Union(p)
	}
	return c
}

func (c cover) join(d cover) cover {
	return cover{c.open.Union(d.open), c.stale.Union(d.stale), c.unknown.Union(d.unknown)}
}

// share parts the asked ports into open, unknown and missing: a port that one rule
// opens is open, whatever is not known about the others.
func (c cover) share(asked Ports) (open, notKnown, missing Ports) {
	open = asked.Intersect(c.open)
	rest := asked.Subtract(c.open)
	return open, rest.Intersect(c.unknown), rest.Subtract(c.unknown)
}
