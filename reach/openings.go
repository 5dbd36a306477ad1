package reach

import (
	"cmp"
	"iter"
	"slices"
	"strings"
)

// Opening is one rule to add, and the traffic that it allows. Together, all openings of a matrix open everything that
// rules can open, and no port that is not required.
type Opening struct {
	Fix
	From, To []string // names of the endpoints whose traffic the rule allows
	Pairs    int
	Needs    []Need // the needs that lack these ports
}

// gap holds the ports that are missing at the two security group hops of a pair.
type gap struct{ egress, ingress Ports }

func gapOf(legs []leg, covers []cover) (out gap) {
	for i := range legs {
		switch legs[i].hop {
		case SourceEgress:
			_, _, out.egress = covers[i].share(legs[i].asked.set())
		case DestinationIngress:
			_, _, out.ingress = covers[i].share(legs[i].asked.set())
		}
	}
	return out
}

func (m *Matrix) gapID(g gap) uint32 {
	key := packed(g.egress, g.ingress)
	id, ok := m.gapIDs[key]
	if !ok {
		id = uint32(len(m.gaps))
		m.gaps = append(m.gaps, g)
		m.gapIDs[key] = id
	}
	return id
}

// Openings returns the rules that open the missing ports in the matrices, without duplicates and sorted by the number
// of ports, fewest first. It ignores outcomes for which skip returns true.
func Openings(skip func(Need, Outcome) bool, matrices ...*Matrix) []Opening {
	s := fixSet{}
	for _, m := range matrices {
		for need := range m.Needs {
			m.collect(indexes(len(m.From)), indexes(len(m.To)), need, skip, s)
		}
	}
	return s.sorted()
}

// Openings returns the rules for one need in one block.
func (m *Matrix) Openings(b Block, need int) []Opening {
	s := fixSet{}
	m.collect(b.From, b.To, need, nil, s)
	return s.sorted()
}

func indexes(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

// collect iterates over pairs of classes, because all members of a class have the same missing ports and the same group
// to extend. The peer in the new rule can still differ between members: no existing rule distinguishes them, but their
// groups or addresses do.
func (m *Matrix) collect(from, to []int, need int, skip func(Need, Outcome) bool, out fixSet) {
	rows, cols := byNumber(from, m.row), byNumber(to, m.col)
	c := collector{m: m, need: need, key: m.Needs[need].String(), out: out}
	for _, row := range rows {
		for _, col := range cols {
			at := int(row.number)*len(m.cols) + int(col.number)
			g := m.gaps[m.gapCells[need][at]]
			if len(g.egress)+len(g.ingress) == 0 || skip != nil && skip(m.Needs[need], m.outcomes[m.cells[need][at]]) {
				continue
			}
			c.pair(row, col, g)
		}
	}
}

type members struct {
	number int32
	all    []int
}

// byNumber groups endpoints by their row or column.
func byNumber(all []int, number []int32) []members {
	at := map[int32]int{}
	var out []members
	for _, i := range all {
		n, ok := at[number[i]]
		if !ok {
			n = len(out)
			at[number[i]] = n
			out = append(out, members{number: number[i]})
		}
		out[n].all = append(out[n].all, i)
	}
	return out
}

type collector struct {
	m     *Matrix
	need  int
	key   string // of the requirement
	out   fixSet
	units int
}

// maxUnits limits the memory that prune needs. Only fleets in which rules would list hundreds of peers by address
// exceed it. In that case some openings may be redundant.
const maxUnits = 20_000

// pair adds the rules between the members of two classes.
func (c *collector) pair(row, col members, g gap) {
	m, need := c.m, &c.m.Needs[c.need]
	src, dst := m.classes[m.rows[row.number]].rep, m.classes[m.cols[col.number]].rep
	l, ok := connect(src, dst)
	if !ok {
		return
	}
	if _, other := m.judge.otherPair(src, dst, need); other {
		return
	}
	v4 := l.to.Is4()
	if len(g.ingress) > 0 {
		ask := leg{DestinationIngress, dst, src, l.from, Ingress, need.Protocol, need.Ports}
		for peer, named := range c.peers(ask, m.From, row.all, v4) {
			c.add(&ask, Fix{m.judge.target(&ask), Ingress, need.Protocol, g.ingress, peer, dst.Region}, named, named.all, col.all)
		}
	}
	if len(g.egress) > 0 {
		ask := leg{SourceEgress, src, dst, l.to, Egress, need.Protocol, need.Ports}
		for peer, named := range c.peers(ask, m.To, col.all, v4) {
			c.add(&ask, Fix{m.judge.target(&ask), Egress, need.Protocol, g.egress, peer, src.Region}, named, row.all, named.all)
		}
	}
}

// named holds endpoints for which the same peer is used in a rule, and for each of them every peer that could be used
// instead.
type named struct {
	all  []int
	ways [][]Peer
}

func (c *collector) peers(ask leg, endpoints []Endpoint, which []int, v4 bool) map[Peer]named {
	out := map[Peer]named{}
	for _, i := range which {
		e := &endpoints[i]
		ask.peer, ask.addr = e, firstOf(e, v4)
		peer := c.m.judge.fixPeer(&ask)
		n := out[peer]
		n.all = append(n.all, i)
		if c.units += 1; c.units <= maxUnits {
			n.ways = append(n.ways, c.m.judge.ways(&ask))
		}
		out[peer] = n
	}
	return out
}

func (c *collector) add(ask *leg, f Fix, n named, from, to []int) {
	m := c.m
	pairs, targets := 0, make([]bool, len(to))
	var sources []string
	for _, i := range from {
		before := pairs
		for at, k := range to {
			if !m.self(i, k) {
				pairs++
				targets[at] = true
			}
		}
		if pairs > before {
			sources = append(sources, m.From[i].Name)
		}
	}
	if pairs == 0 {
		return
	}
	o, ok := c.out[f.key()]
	if !ok {
		o = &opening{fix: f, from: map[string]bool{}, to: map[string]bool{}, needs: map[string]Need{}}
		c.out[f.key()] = o
	}
	o.fix.Ports = o.fix.Ports.Union(f.Ports)
	o.needs[c.key] = m.Needs[c.need]
	o.lasting = o.lasting || len(n.ways) < len(n.all)
	for _, ways := range n.ways {
		o.units = append(o.units, unit{ask.self.Groups, ways, f.Ports})
	}
	o.pairs += pairs
	for _, name := range sources {
		o.from[name] = true
	}
	for at, k := range to {
		if targets[at] {
			o.to[m.To[k].Name] = true
		}
	}
}

// fixSet holds openings by everything that identifies their rule except the ports.
type fixSet map[fixKey]*opening

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
	units    []unit
	lasting  bool // units is incomplete, so prune must keep the opening
}

// unit is one part of the traffic that an opening allows. A single rule is sufficient for it: in any of the groups,
// with any of the peers in ways.
type unit struct {
	groups []string
	ways   []Peer
	ports  Ports
}

// prune removes openings whose traffic is also allowed by others. It tries openings for a single address first.
func (s fixSet) prune() {
	for _, key := range s.order() {
		o := s[key]
		if o.lasting {
			continue
		}
		delete(s, key)
		if slices.ContainsFunc(o.units, func(u unit) bool { return !s.opens(key, u) }) {
			s[key] = o
			continue
		}
		for _, u := range o.units { // keep the openings that replace o
			for other := range s.matching(key, u) {
				other.units = append(other.units, u)
			}
		}
	}
}

// matching iterates over the openings that allow some of the unit's traffic.
func (s fixSet) matching(key fixKey, u unit) iter.Seq[*opening] {
	return func(yield func(*opening) bool) {
		for _, key.group = range u.groups {
			for _, key.peer = range u.ways {
				if o := s[key]; o != nil && !yield(o) {
					return
				}
			}
		}
	}
}

// order returns the keys in the order in which prune tries them: single addresses first, then by the number of pairs,
// fewest first.
func (s fixSet) order() []fixKey {
	keys := make([]fixKey, 0, len(s))
	for key := range s {
		keys = append(keys, key)
	}
	isGroup := func(k fixKey) int { return min(len(k.peer.Group.ID), 1) }
	slices.SortFunc(keys, func(a, b fixKey) int {
		return cmp.Or(isGroup(a)-isGroup(b), s[a].pairs-s[b].pairs, strings.Compare(a.group, b.group), int(a.direction)-int(b.direction),
			int(a.protocol)-int(b.protocol), strings.Compare(a.peer.String(), b.peer.String()), strings.Compare(a.region, b.region))
	})
	return keys
}

func (s fixSet) opens(key fixKey, u unit) bool {
	var open Ports
	for o := range s.matching(key, u) {
		open = open.Union(o.fix.Ports)
	}
	return open.Covers(u.ports)
}

func (s fixSet) sorted() []Opening {
	out := make([]Opening, 0, len(s))
	s.prune()
	for _, o := range s {
		out = append(out, Opening{Fix: o.fix, From: sortedKeys(o.from), To: sortedKeys(o.to), Pairs: o.pairs, Needs: sortedNeeds(o.needs)})
	}
	slices.SortFunc(out, func(a, b Opening) int {
		return cmp.Or(a.Ports.Count()-b.Ports.Count(), strings.Compare(a.Group, b.Group), int(a.Direction)-int(b.Direction),
			int(a.Protocol)-int(b.Protocol), strings.Compare(a.Peer.String(), b.Peer.String()), strings.Compare(a.Region, b.Region))
	})
	return out
}

func sortedKeys(set map[string]bool) []string {
	out := make([]string, 0, len(set))
	for k := range set {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

func sortedNeeds(set map[string]Need) []Need {
	out := make([]Need, 0, len(set))
	for _, n := range set {
		out = append(out, n)
	}
	slices.SortFunc(out, func(a, b Need) int { return strings.Compare(a.String(), b.String()) })
	return out
}
