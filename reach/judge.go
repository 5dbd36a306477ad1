package reach

import (
	"cmp"
	"net/netip"
	"slices"
)

// Judge answers for one World, which must not change afterwards. It is safe for
// concurrent use.
type Judge struct {
	groups      map[string]*Group
	lists       map[string]*PrefixList
	acls        map[string]*ACL // by subnet
	middleboxes map[SubnetPair]string
	faults      map[SubnetPair]RouteFault
}

// NewJudge indexes the world. A group or prefix list given twice (a page read
// twice) counts once, with what both copies hold.
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

// link is one ordered pair with the addresses that one dials the other with.
type link struct {
	src, dst *Endpoint
	from, to netip.Addr
}

// connect picks the addresses: the destination's first whose family the source
// has too. ok is false where there is no such pair.
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

// leg is the question asked at one hop: whose rules, about which peer, for which ports.
type leg struct {
	hop        Hop
	self, peer *Endpoint
	addr       netip.Addr // of the peer
	dir        Direction
	protocol   Protocol
	asked      Range
}

// maxLegs is the number of questions that a connection raises at most.
const maxLegs = 7

// legs are the hops of a connection in the order in which a packet and its answer
// pass them, appended to room. ACLs guard subnets, so they are asked only between
// two; they keep no state, so they are asked about the answer as well.
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

// need is what the rules are compared with at this hop.
func (g *leg) need() *Need { return &Need{Protocol: g.protocol, Ports: g.asked} }

// cover is what the hop's rules or entries leave open.
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

// bearing are the rules that speak of the need.
func (g *Group) bearing(d Direction, n *Need) []*Rule {
	var out []*Rule
	for i := range g.Rules {
		if r := &g.Rules[i]; r.bears(d, n) {
			out = append(out, r)
		}
	}
	return out
}

// rulesCover stops at the first rule that opens all that is asked: nothing that
// follows could change the outcome.
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
