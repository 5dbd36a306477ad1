package reach

import "encoding/binary"

// solver evaluates one need between classes. Covers and outcomes are interned, so a pair of classes takes only a few
// lookups. Each rule is evaluated once per seat and name, regardless of the number of endpoints. See classes.go for
// these terms.
type solver struct {
	*classifier
	need     *Need
	matrix   *Matrix
	covers   []cover
	coverIDs interner[string]
	joins    map[[2]int32]int32
	seatTab  [2][][]int32 // by direction, seat and name: number of the cover + 1, or 0 if not yet computed
	guardTab [2][][]int32 // the same by guard, for the union of its seats
	bearing  [2][][]*Rule // by direction and seat
	groups   []string     // by seat
	aclTab   map[aclKey]int32
	outTab   map[pairKey]cellIDs
}

// cellIDs holds the numbers of a cell's outcome and of its gap.
type cellIDs struct{ outcome, gap uint32 }

type aclKey struct {
	acl, name int32
	dir       Direction
	asked     Range
	peerless  bool // the peer's subnet is unknown
}

// pairKey contains everything that determines an outcome. It includes the reply range, because the same cover can open
// all of one range but only a part of another.
type pairKey struct {
	covers [maxLegs]int32
	reply  Range
}

func newSolver(c *classifier, n *Need, m *Matrix) *solver {
	s := &solver{
		classifier: c, need: n, matrix: m, coverIDs: interner[string]{}, joins: map[[2]int32]int32{},
		aclTab: map[aclKey]int32{}, outTab: map[pairKey]cellIDs{}, groups: make([]string, len(c.seats)),
	}
	for key, seat := range c.seats {
		s.groups[seat] = key.group
	}
	for d := range s.seatTab {
		s.seatTab[d] = make([][]int32, len(c.seats))
		s.bearing[d] = make([][]*Rule, len(c.seats))
		s.guardTab[d] = make([][]int32, len(c.guardSeats))
	}
	return s
}

// outcome returns the outcome of the need from one class to another.
func (s *solver) outcome(from, to *class) cellIDs {
	l, ok := connect(from.rep, to.rep)
	if !ok {
		return cellIDs{s.matrix.outcomeID(unconnected(from.rep, to.rep, s.need)), s.matrix.gapID(gap{})}
	}
	var room [maxLegs]leg
	legs := s.judge.legs(&l, s.need, room[:0])
	key := pairKey{reply: legs[len(legs)-1].asked}
	for i := range key.covers {
		key.covers[i] = -1
	}
	for i := range legs {
		self, peer := from, to
		if legs[i].self != from.rep {
			self, peer = to, from
		}
		key.covers[i] = s.coverID(&legs[i], self, peer.name(&legs[i]))
	}
	id, ok := s.outTab[key]
	if !ok {
		id = s.decide(legs, key)
		s.outTab[key] = id
	}
	return id
}

func (c *class) name(g *leg) int32 {
	if g.addr.Is4() {
		return c.names[0]
	}
	return c.names[1]
}

func (s *solver) decide(legs []leg, key pairKey) cellIDs {
	covers := make([]cover, len(legs))
	for i := range legs {
		covers[i] = s.covers[key.covers[i]]
	}
	return cellIDs{s.matrix.outcomeID(decide(s.need, legs, covers)), s.matrix.gapID(gapOf(legs, covers))}
}

func (s *solver) coverID(g *leg, self *class, name int32) int32 {
	if g.isGroup() {
		return s.guardCover(g, self.guard, name)
	}
	if g.hop == RouteHop {
		return s.intern(s.judge.routeCover(g))
	}
	key := aclKey{self.acl, name, g.dir, g.asked, g.peer.subnetless()}
	id, ok := s.aclTab[key]
	if !ok {
		id = s.intern(s.judge.aclCover(g, nil))
		s.aclTab[key] = id
	}
	return id
}

func (s *solver) guardCover(g *leg, guard, name int32) int32 {
	at := s.slot(s.guardTab[g.dir], guard, name)
	if *at == 0 {
		*at = s.unionOf(g, s.guardSeats[guard], name) + 1
	}
	return *at - 1
}

func (s *solver) unionOf(g *leg, seats []int32, name int32) int32 {
	if len(seats) == 0 {
		return s.intern(s.judge.cover(g))
	}
	id := s.seatCover(g, seats[0], name)
	for _, seat := range seats[1:] {
		id = s.join(id, s.seatCover(g, seat, name))
	}
	return id
}

func (s *solver) seatCover(g *leg, seat, name int32) int32 {
	at := s.slot(s.seatTab[g.dir], seat, name)
	if *at == 0 {
		*at = s.intern(s.readRules(g, seat)) + 1
	}
	return *at - 1
}

// slot returns the table cell for a row and a name. It allocates the row on first use.
func (s *solver) slot(table [][]int32, row, name int32) *int32 {
	if table[row] == nil {
		table[row] = make([]int32, len(s.names))
	}
	return &table[row][name]
}

func (s *solver) readRules(g *leg, seat int32) cover {
	id := s.groups[seat]
	group, why := s.judge.group(id)
	if group == nil || !why.isZero() {
		return s.judge.groupCover(id, g)
	}
	rules := &s.bearing[g.dir][seat]
	if *rules == nil {
		*rules = group.bearing(g.dir, g.need())
	}
	s.matrix.Work.RuleTests += len(*rules)
	return s.judge.rulesCover(*rules, g)
}

func (s *solver) join(a, b int32) int32 {
	if a == b {
		return a
	}
	key := [2]int32{min(a, b), max(a, b)}
	id, ok := s.joins[key]
	if !ok {
		id = s.intern(s.covers[a].join(s.covers[b]))
		s.joins[key] = id
	}
	return id
}

func (s *solver) intern(c cover) int32 {
	id := s.coverIDs.id(packed(c.open, c.stale, c.unknown))
	if int(id) == len(s.covers) {
		s.covers = append(s.covers, c)
	}
	return id
}

// packed encodes sets of ports as a key. Different sets have different keys.
func packed(sets ...Ports) string {
	var room [64]byte
	key := room[:0]
	for _, set := range sets {
		key = binary.BigEndian.AppendUint16(key, uint16(len(set)))
		for _, r := range set {
			key = binary.BigEndian.AppendUint16(key, r.First)
			key = binary.BigEndian.AppendUint16(key, r.Last)
		}
	}
	return string(key)
}
