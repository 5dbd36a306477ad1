package reach

import (
	"cmp"
	"net/netip"
	"slices"
)

// answer is the result of matching one rule against one peer.
type answer uint8

const (
	no answer = iota
	yes
	stale   // the rule matches the peer through a deleted peering or group
	unknown // the rule may match the peer; some data could not be read
)

// admits reports whether the rule, in a group of self, allows the peer at addr.
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
	return unknown, Unread{Reason: "the peer of the rule is unreadable"}
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

// carries evaluates a reference to a group. It matches interfaces that have the group. It does not include the rules of
// that group.
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
		return unknown, Unread{Reason: "a reference to " + ref.ID + " in another VPC has no peering status"}
	}
	return ref.peering()
}

// deleted reports whether the referenced group was deleted: "For a referenced security group in another VPC, the
// account ID ... is returned. If the referenced security group is deleted, this value is not returned" (EC2 API,
// UserIdGroupPair).
func (ref *GroupRef) deleted() bool {
	return ref.Owner == "" && (ref.Peering != "" || ref.Status != "")
}

// peering evaluates the status code of a VPC peering connection. Some codes are permanent, others are transient.
func (ref *GroupRef) peering() (answer, Unread) {
	switch ref.Status {
	case "", "active":
		return yes, Unread{}
	case "deleted", "deleting", "rejected", "expired", "failed":
		return stale, Unread{}
	}
	return unknown, Unread{Reason: "peering " + ref.Peering + " of " + ref.ID + " is " + ref.Status}
}

// farApart reports whether the endpoints are in different regions. A group reference does not work across regions.
func farApart(a, b *Endpoint) bool {
	return a.Region != "" && b.Region != "" && a.Region != b.Region
}

// detour returns the appliance on the route between two subnets, or "".
func (j *Judge) detour(a, b *Endpoint) string {
	if a.Subnet == b.Subnet {
		return ""
	}
	return cmp.Or(j.middleboxes[SubnetPair{a.Subnet, b.Subnet}], j.middleboxes[SubnetPair{b.Subnet, a.Subnet}])
}

// fault returns the routing problem between two subnets. It considers both directions, because the reply needs a route
// as well.
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

// cover holds the results of several rules or entries for a set of ports. The three sets may overlap.
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

// share divides the requested ports into open, unknown and missing ports. A port that any rule opens is open, even if
// other rules are unknown.
func (c cover) share(asked Ports) (open, notKnown, missing Ports) {
	open = asked.Intersect(c.open)
	rest := asked.Subtract(c.open)
	return open, rest.Intersect(c.unknown), rest.Subtract(c.unknown)
}
