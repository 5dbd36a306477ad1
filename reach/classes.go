package reach

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Endpoints are in the same class if no security group rule, ACL entry or prefix list that is relevant for the needs
// distinguishes them. This must hold in both roles: as the endpoint whose rules apply (same groups, subnet and
// location) and as the peer that rules refer to (inside the same CIDRs, same referenced groups).
//
// Rules distinguish addresses only by the CIDRs that occur in them. The bounds of all CIDRs divide the address space
// into intervals called atoms, and an address is represented by the number of its atom.

// interner assigns consecutive numbers to distinct keys, starting at 0.
type interner[K comparable] map[K]int32

func (in interner[K]) id(k K) int32 {
	n, ok := in[k]
	if !ok {
		n = int32(len(in))
		in[k] = n
	}
	return n
}

// placeKey is the location of an endpoint. Apart from the groups themselves, it decides whether a rule that references
// a group matches.
type placeKey struct{ vpc, region, subnet string }

// seatKey is a security group of an endpoint in a given location. All rules of a seat treat a given nameKey in the same
// way.
type seatKey struct {
	group string
	placeKey
}

// nameKey contains everything by which rules can match an endpoint as a peer, for one of its addresses.
type nameKey struct {
	v4     bool
	atom   int32
	groups string // the endpoint's groups that some rule references
	placeKey
	unread Unread
}

// classKey identifies a class. It covers both address families.
type classKey struct {
	guard    int32 // number of the list of seats
	name4    int32 // -1 if the endpoint has no address of this family
	name6    int32
	v6First  bool
	subnet   string
	anywhere bool // the endpoint may be in any subnet
	dialFrom Range
	others   string // the host's other interfaces, which affect hints and fixes
}

// class is the data that the solver needs for one class. rep is one of its members and represents all of them.
type class struct {
	rep   *Endpoint
	guard int32
	names [2]int32 // v4, v6
	acl   int32
}

type classifier struct {
	judge      *Judge
	borders    []netip.Addr
	referenced map[string]bool
	seats      interner[seatKey]
	guards     interner[string]
	names      interner[nameKey]
	subnets    interner[string]
	classes    interner[classKey]
	guardSeats [][]int32 // seats by guard number; nil if the groups are unknown
	all        []class
}

// newClassifier returns an error only if Validate rejects one of the needs.
func newClassifier(j *Judge, needs []Need) (*classifier, error) {
	for _, n := range needs {
		if err := n.Validate(); err != nil {
			return nil, fmt.Errorf("evaluating ports: %w", err)
		}
	}
	c := &classifier{
		judge: j, referenced: map[string]bool{},
		seats: interner[seatKey]{}, guards: interner[string]{}, names: interner[nameKey]{},
		subnets: interner[string]{}, classes: interner[classKey]{},
	}
	c.learn(needs)
	return c, nil
}

// learn collects the CIDRs and referenced groups by which rules can distinguish endpoints.
func (c *classifier) learn(needs []Need) {
	prefixes := map[netip.Prefix]bool{}
	for _, g := range c.judge.groups {
		for i := range g.Rules {
			if r := &g.Rules[i]; r.bearsAny(needs) {
				prefixes[r.Peer.CIDR] = true
				c.referenced[r.Peer.Group.ID] = true
			}
		}
	}
	for _, l := range c.judge.lists {
		for _, p := range l.Entries {
			prefixes[p] = true
		}
	}
	for _, a := range c.judge.acls {
		for _, e := range a.Entries {
			prefixes[e.CIDR] = true
		}
	}
	for p := range prefixes {
		if p.IsValid() {
			c.borders = append(c.borders, p.Addr(), lastOf(p).Next())
		}
	}
	slices.SortFunc(c.borders, netip.Addr.Compare)
	c.borders = slices.Compact(c.borders)
}

func (r *Rule) bearsAny(needs []Need) bool {
	return slices.ContainsFunc(needs, func(n Need) bool { return r.bears(r.Direction, &n) })
}

// lastOf returns the highest address in the prefix.
func lastOf(p netip.Prefix) netip.Addr {
	bytes := p.Addr().AsSlice()
	for bit := p.Bits(); bit < len(bytes)*8; bit++ {
		bytes[bit/8] |= 0x80 >> (bit % 8)
	}
	last, _ := netip.AddrFromSlice(bytes)
	return last
}

// atom returns the number of bounds that are at or below the address. Both address families share one sequence, because
// no address lies between the last IPv4 address and the first IPv6 address.
func (c *classifier) atom(a netip.Addr) int32 {
	n, exact := slices.BinarySearchFunc(c.borders, a, netip.Addr.Compare)
	if exact {
		n++
	}
	return int32(n)
}

// classify returns the number of the endpoint's class.
func (c *classifier) classify(e *Endpoint) int32 {
	guard := c.guard(e)
	key := classKey{
		guard:    guard,
		name4:    c.name(e, true),
		name6:    c.name(e, false),
		subnet:   e.Subnet,
		anywhere: e.subnetless(),
		dialFrom: e.ephemeral(),
		others:   c.others(e),
	}
	key.v6First = len(e.Addrs) > 0 && e.Addrs[0].Unmap().Is6()
	id := c.classes.id(key)
	if int(id) == len(c.all) {
		c.all = append(c.all, class{rep: e, guard: guard, names: [2]int32{key.name4, key.name6}, acl: c.subnets.id(e.Subnet)})
	}
	return id
}

func (c *classifier) others(e *Endpoint) string {
	var text strings.Builder
	for _, o := range e.moved()[1:] {
		fmt.Fprint(&text, o.Groups, o.Subnet, o.VPC)
		for _, a := range o.Addrs {
			fmt.Fprint(&text, " ", c.atom(a.Unmap().WithZone("")))
		}
	}
	return text.String()
}

func (c *classifier) place(e *Endpoint) placeKey {
	p := placeKey{vpc: e.VPC, region: e.Region}
	if len(c.judge.middleboxes) > 0 {
		p.subnet = e.Subnet
	}
	return p
}

func (c *classifier) guard(e *Endpoint) int32 {
	var seats []int32
	var text strings.Builder
	if groupsUnread(e).isZero() {
		place := c.place(e)
		for _, g := range distinct(e.Groups) {
			seats = append(seats, c.seats.id(seatKey{g, place}))
		}
		slices.Sort(seats)
		for _, s := range seats {
			text.WriteString(strconv.Itoa(int(s)) + " ")
		}
		if e.ungrouped() {
			text.WriteString("none")
		}
	}
	id := c.guards.id(text.String())
	if int(id) == len(c.guardSeats) {
		c.guardSeats = append(c.guardSeats, seats)
	}
	return id
}

// name returns the number of the nameKey for the endpoint's first address of the family, or -1 if it has none.
func (c *classifier) name(e *Endpoint, v4 bool) int32 {
	for _, a := range e.Addrs {
		if a = a.Unmap().WithZone(""); a.Is4() == v4 {
			return c.names.id(nameKey{v4, c.atom(a), c.carried(e), c.place(e), groupsUnreadKey(e)})
		}
	}
	return -1
}

func (c *classifier) carried(e *Endpoint) string {
	var groups []string
	for _, g := range e.Groups {
		if c.referenced[g] {
			groups = append(groups, g)
		}
	}
	slices.Sort(groups)
	return strings.Join(slices.Compact(groups), " ")
}

// groupsUnreadKey omits the endpoint's name from the reason. With the name, every such endpoint would be a class of its
// own.
func groupsUnreadKey(e *Endpoint) Unread {
	if e.Unread.isZero() && len(e.Groups) == 0 && !e.ungrouped() {
		return Unread{Action: "ec2:DescribeNetworkInterfaces"}
	}
	return e.Unread
}
