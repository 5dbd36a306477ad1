package reach

import (
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
	s := newFixSet()
	for _, m := range matrices {
		for need := range m.Needs {
			m.collect(indexes(len(m.From)), indexes(len(m.To)), need, skip, s)
		}
	}
	return s.sorted()
}

// Openings returns the rules for one need in one block.
func (m *Matrix) Openings(b Block, need int) []Opening {
	s := newFixSet()
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
func (m *Matrix) collect(from, to []int, need int, skip func(Need, Outcome) bool, out *fixSet) {
	rows, cols := byNumber(from, m.row), byNumber(to, m.col)
	c := collector{m: m, need: need, key: m.Needs[need].String(), out: out}
	for _, row := range rows {
		for _, col := range cols {
			at := int(row.number)*len(m.cols) + int(col.number)
			if g := m.gaps[m.gapCells[need][at]]; len(g.egress)+len(g.ingress) == 0 || skip != nil &&
				skip(m.Needs[need], m.outcomes[m.cells[need][at]]) {
				continue
			}
			c.pair(row, col, at)
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
	m    *Matrix
	need int
	key  string // of the requirement
	out  *fixSet
}

// pair adds the rules between the members of two classes.
func (c *collector) pair(row, col members, at int) {
	m, need := c.m, &c.m.Needs[c.need]
	from, to := &m.classes[m.rows[row.number]], &m.classes[m.cols[col.number]]
	src, dst := from.rep, to.rep
	l, ok := connect(src, dst)
	if !ok {
		return
	}
	if _, other := m.judge.otherPair(src, dst, need); other {
		return
	}
	id := m.gapCells[c.need][at]
	g, v4 := m.gaps[id], l.to.Is4()
	if len(g.ingress) > 0 {
		ask := leg{DestinationIngress, dst, src, l.from, Ingress, need.Protocol, need.Ports}
		f := Fix{m.judge.target(&ask), Ingress, need.Protocol, g.ingress, Peer{}, dst.Region}
		for _, p := range c.peers(ask, m.From, row.all, v4) {
			f.Peer = p.Peer
			o := c.add(f, p.all, col.all)
			c.units(o, ask, unitKey{guard: to.guard, v4: v4, gap: id}, m.From, p.all, col.all)
		}
	}
	if len(g.egress) > 0 {
		ask := leg{SourceEgress, src, dst, l.to, Egress, need.Protocol, need.Ports}
		f := Fix{m.judge.target(&ask), Egress, need.Protocol, g.egress, Peer{}, src.Region}
		for _, p := range c.peers(ask, m.To, col.all, v4) {
			f.Peer = p.Peer
			o := c.add(f, row.all, p.all)
			c.units(o, ask, unitKey{guard: from.guard, v4: v4, gap: id}, m.To, p.all, row.all)
		}
	}
}

// named holds the endpoints for which a rule names the same peer.
type named struct {
	Peer
	all []int
}

// peers groups endpoints by the peer that a rule for them names.
func (c *collector) peers(ask leg, endpoints []Endpoint, which []int, v4 bool) (out []named) {
	at := map[Peer]int{}
	for _, i := range which {
		ask.peer, ask.addr = &endpoints[i], firstOf(&endpoints[i], v4)
		peer := c.m.judge.fixPeer(&ask)
		if len(which) == 1 {
			return []named{{peer, which}}
		}
		n, ok := at[peer]
		if !ok {
			n = len(out)
			at[peer] = n
			out = append(out, named{Peer: peer})
		}
		out[n].all = append(out[n].all, i)
	}
	return out
}

// add adds the rule for the traffic from each endpoint in from to each one in to. It returns nil if no endpoint sends to another one.
func (c *collector) add(f Fix, from, to []int) *opening {
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
		return nil
	}
	o := c.out.opening(f)
	o.needs[c.key] = m.Needs[c.need]
	o.pairs += pairs
	for _, name := range sources {
		o.from[name] = true
	}
	for at, k := range to {
		if targets[at] {
			o.to[m.To[k].Name] = true
		}
	}
	return o
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
