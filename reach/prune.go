package reach

import (
	"cmp"
	"slices"
	"strings"
)

// fixSet holds openings, and the traffic that they must allow together.
type fixSet struct {
	openings map[fixKey]*opening
	units    []unit
	seen     map[unitKey]bool
}

func newFixSet() *fixSet {
	return &fixSet{openings: map[fixKey]*opening{}, seen: map[unitKey]bool{}}
}

// fixKey is everything that identifies an opening's rules except the ports.
type fixKey struct {
	group     string
	direction Direction
	protocol  Protocol
	peer      Peer
	region    string
}

func (f Fix) key() fixKey { return fixKey{f.Group, f.Direction, f.Protocol, f.Peer, f.Region} }

type opening struct {
	fix      Fix
	from, to map[string]bool
	pairs    int
	needs    map[string]Need
	units    []int // the units that this opening can allow
	lasting  bool  // units are incomplete, so prune must keep the opening
}

// opening returns the opening for the rule, and adds the rule's ports to it.
func (s *fixSet) opening(f Fix) *opening {
	o, ok := s.openings[f.key()]
	if !ok {
		o = &opening{fix: f, from: map[string]bool{}, to: map[string]bool{}, needs: map[string]Need{}}
		s.openings[f.key()] = o
	}
	o.fix.Ports = o.fix.Ports.Union(f.Ports)
	return o
}

// unit is traffic for which any of several rules is sufficient: one in any of the groups, with any of the peers in ways.
type unit struct {
	key    fixKey // without group and peer
	groups []string
	ways   []Peer
	ports  Ports
}

// unitKey identifies a unit. Guard stands for the groups and the place of the endpoint whose rules apply.
type unitKey struct {
	matrix *Matrix
	guard  int32
	peer   int
	v4     bool
	need   int
	gap    uint32
	dir    Direction
}

// maxUnits limits the memory of prune. If a fleet exceeds it, some openings may be redundant.
const maxUnits = 100_000

// units adds the traffic between the endpoint of ask and its peers. Peers without a pair among others need no rule.
func (c *collector) units(o *opening, ask leg, key unitKey, endpoints []Endpoint, peers, others []int) {
	if o == nil {
		return
	}
	key.matrix, key.need, key.dir = c.m, c.need, ask.dir
	gap := c.m.gaps[key.gap].egress
	if ask.dir == Ingress {
		gap = c.m.gaps[key.gap].ingress
	}
	for _, key.peer = range peers {
		if c.out.seen[key] || !c.paired(ask.dir, key.peer, others) {
			continue
		}
		if len(c.out.units) == maxUnits {
			o.lasting = true
			continue
		}
		c.out.seen[key] = true
		ask.peer, ask.addr = &endpoints[key.peer], firstOf(&endpoints[key.peer], key.v4)
		c.out.units = append(c.out.units, unit{o.fix.key(), ask.self.Groups, c.m.judge.ways(&ask), gap})
	}
}

// paired reports whether the peer has a pair with any of the others.
func (c *collector) paired(dir Direction, peer int, others []int) bool {
	return slices.ContainsFunc(others, func(other int) bool {
		if dir == Ingress {
			return !c.m.self(peer, other)
		}
		return !c.m.self(other, peer)
	})
}

// prune removes the rules whose traffic others allow too. It tries openings for a single address first. What it keeps
// is necessary: later removals leave fewer rules that could replace it.
func (s *fixSet) prune() {
	for i := range s.units {
		for _, o := range s.matching(&s.units[i]) {
			o.units = append(o.units, i)
		}
	}
	for _, key := range s.order() {
		o := s.openings[key]
		if o.lasting {
			continue
		}
		var necessary Ports
		for _, i := range o.units {
			necessary = necessary.Union(s.only(o, &s.units[i]))
		}
		o.fix.Ports = slices.DeleteFunc(slices.Clone(o.fix.Ports), func(r Range) bool { return len(necessary.Intersect(r.set())) == 0 })
		if len(o.fix.Ports) == 0 {
			delete(s.openings, key)
		}
	}
}

// only returns the ports of the unit that no opening but o allows.
func (s *fixSet) only(o *opening, u *unit) Ports {
	rest := u.ports
	for _, other := range s.matching(u) {
		if other != o {
			rest = rest.Subtract(other.fix.Ports)
		}
	}
	return rest
}

// matching returns the openings that allow some of the unit's traffic.
func (s *fixSet) matching(u *unit) (out []*opening) {
	key := u.key
	for _, key.group = range distinct(u.groups) {
		for _, key.peer = range u.ways {
			if o := s.openings[key]; o != nil {
				out = append(out, o)
			}
		}
	}
	return out
}

// order returns the keys in the order in which prune tries them: single addresses first, then by the number of pairs,
// fewest first.
func (s *fixSet) order() []fixKey {
	keys := make([]fixKey, 0, len(s.openings))
	for key := range s.openings {
		keys = append(keys, key)
	}
	isGroup := func(k fixKey) int { return min(len(k.peer.Group.ID), 1) }
	slices.SortFunc(keys, func(a, b fixKey) int {
		return cmp.Or(isGroup(a)-isGroup(b), s.openings[a].pairs-s.openings[b].pairs, strings.Compare(a.group, b.group),
			int(a.direction)-int(b.direction), int(a.protocol)-int(b.protocol), strings.Compare(a.peer.String(), b.peer.String()),
			strings.Compare(a.region, b.region))
	})
	return keys
}

func (s *fixSet) sorted() []Opening {
	out := make([]Opening, 0, len(s.openings))
	s.prune()
	for _, o := range s.openings {
		out = append(out, Opening{Fix: o.fix, From: sortedKeys(o.from), To: sortedKeys(o.to), Pairs: o.pairs, Needs: sortedNeeds(o.needs)})
	}
	slices.SortFunc(out, func(a, b Opening) int {
		return cmp.Or(a.Ports.Count()-b.Ports.Count(), strings.Compare(a.Group, b.Group), int(a.Direction)-int(b.Direction),
			int(a.Protocol)-int(b.Protocol), strings.Compare(a.Peer.String(), b.Peer.String()), strings.Compare(a.Region, b.Region))
	})
	return out
}
