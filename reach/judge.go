package reach

import (
	"cmp"
	"net/netip"
	"slices"
)

// Judge evaluates connections in one World, which must not change afterwards. It is safe for concurrent use.
type Judge struct {
	groups      map[string]*Group
	lists       map[string]*PrefixList
	acls        map[string]*ACL // by subnet
	middleboxes map[SubnetPair]string
	faults      map[SubnetPair]RouteFault
}

// NewJudge indexes the world. If a group or prefix list occurs twice, for example because a page was read twice, the
// contents are merged.
func NewJudge(w World) *Judge {
	j := &Judge{map[string]*Group{}, map[string]*PrefixList{}, map[string]*ACL{}, w.Middleboxes, w.RouteFaults}
	for _, g := range w.Groups {
		j.addGroup(g)
	}
	for _, l := range w.PrefixLists {
		if old, ok := j.lists[l.ID]; ok {
			l.Entries = slices.Concat(old.Entries, l.Entries)
			l.Unread = cmp.Or(old.Unread, l.Unread)
		}
		j.lists[l.ID] = &l
	}
	for _, a := range w.ACLs {
		a.Entries = slices.Clone(a.Entries)
		slices.SortStableFunc(a.Entries, func(x, y ACLEntry) int { return x.Number - y.Number })
		for _, subnet := range a.Subnets {
			j.acls[subnet] = &a
		}
	}
	return j
}

func (j *Judge) addGroup(g Group) {
	if old, ok := j.groups[g.ID]; ok {
		g.Rules = slices.Concat(old.Rules, g.Rules)
		g.Notes = slices.Concat(old.Notes, g.Notes)
		g.Unread = cmp.Or(old.Unread, g.Unread)
	}
	g.Rules = mergeDuplicates(g.Rules)
	j.groups[g.ID] = &g
}

func (j *Judge) group(id string) (*Group, Unread) {
	g, ok := j.groups[id]
	if !ok {
		return nil, Unread{"ec2:DescribeSecurityGroups", id + " was not read"}
	}
	return g, g.Unread
}

// link is an ordered pair of endpoints with the addresses that they use for the connection.
type link struct {
	src, dst *Endpoint
	from, to netip.Addr
}

// connect picks the addresses: the first address of the destination whose family the source also has. ok is false if
// there is none.
func connect(src, dst *Endpoint) (l link, ok bool) {
	for _, to := range dst.Addrs {
		to = to.Unmap().WithZone("")
		for _, from := range src.Addrs {
			from = from.Unmap().WithZone("")
			if from.Is4() == to.Is4() {
				return link{src, dst, from, to}, true
			}
		}
	}
	return link{src: src, dst: dst}, false
}

// leg is one hop to evaluate: whose rules apply, for which peer, and for which ports.
type leg struct {
	hop        Hop
	self, peer *Endpoint
	addr       netip.Addr // of the peer
	dir        Direction
	protocol   Protocol
	asked      Range
}

// maxLegs is the maximum number of legs of a connection.
const maxLegs = 7

// legs appends the hops of a connection to room, in the order in which a packet and its reply pass them. ACLs apply
// only between subnets, so they are omitted if both endpoints are in the same subnet. They are stateless, so they are
// evaluated for the reply as well.
func (j *Judge) legs(l *link, n *Need, room []leg) []leg {
	egress := leg{SourceEgress, l.src, l.dst, l.to, Egress, n.Protocol, n.Ports}
	ingress := leg{DestinationIngress, l.dst, l.src, l.from, Ingress, n.Protocol, n.Ports}
	if l.src.Subnet == l.dst.Subnet && l.src.Subnet != "" {
		return append(room, egress, ingress)
	}
	reply := n.Reply
	if reply == (Range{}) {
		reply = l.src.ephemeral()
	}
	room = append(room, egress)
	if j.fault(l.src, l.dst) != (RouteFault{}) {
		room = append(room, leg{RouteHop, l.src, l.dst, l.to, Egress, n.Protocol, n.Ports})
	}
	return append(room,
		leg{SourceACL, l.src, l.dst, l.to, Egress, n.Protocol, n.Ports},
		leg{DestinationACL, l.dst, l.src, l.from, Ingress, n.Protocol, n.Ports},
		ingress,
		leg{ReturnPath, l.dst, l.src, l.from, Egress, n.Protocol, reply},
		leg{ReturnPath, l.src, l.dst, l.to, Ingress, n.Protocol, reply},
	)
}

func (g *leg) isGroup() bool { return g.hop == SourceEgress || g.hop == DestinationIngress }

// need returns the ports to compare with the rules at this hop.
func (g *leg) need() *Need { return &Need{Protocol: g.protocol, Ports: g.asked} }

// cover returns the ports that the rules or entries at this hop open, and those that are unknown.
func (j *Judge) cover(g *leg) cover {
	switch {
	case g.hop == RouteHop:
		return j.routeCover(g)
	case !g.isGroup():
		return j.aclCover(g, nil)
	case g.self.ungrouped():
		return cover{open: g.asked.set()}
	}
	if why := groupsUnread(g.self); !why.isZero() {
		return cover{unknown: g.asked.set()}
	}
	var c cover
	for _, id := range g.self.Groups {
		c = c.join(j.groupCover(id, g))
	}
	return c
}

func (j *Judge) groupCover(id string, g *leg) cover {
	group, why := j.group(id)
	var c cover
	if !why.isZero() {
		c.unknown = g.asked.set()
	}
	if group == nil {
		return c
	}
	return c.join(j.rulesCover(group.bearing(g.dir, g.need()), g))
}

// bearing returns the rules that match any port of the need.
func (g *Group) bearing(d Direction, n *Need) []*Rule {
	var out []*Rule
	for i := range g.Rules {
		if r := &g.Rules[i]; r.bears(d, n) {
			out = append(out, r)
		}
	}
	return out
}

// rulesCover stops at the first rule that opens all ports, because later rules cannot change the result.
func (j *Judge) rulesCover(rules []*Rule, g *leg) cover {
	var c cover
	for _, r := range rules {
		a, _ := j.admits(r, g.self, g.peer, g.addr)
		if a == yes && r.Ports.contains(g.asked) {
			return cover{open: g.asked.set()}
		}
		if a != no {
			c = c.with(a, r.Ports.set().Intersect(g.asked.set()))
		}
	}
	return c
}
