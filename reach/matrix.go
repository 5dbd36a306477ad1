package reach

import "iter"

// Matrix holds the outcome of every need from every endpoint of From to every
// endpoint of To. It is kept by class: its size follows the number of endpoints
// that differ, not the number of pairs.
type Matrix struct {
	From, To []Endpoint
	Needs    []Need
	Work     Work

	judge            *Judge
	row, col         []int32 // by endpoint of From, To
	rows, cols       []int32 // class by row, col
	fromSelf, toSelf []int32 // equal where two endpoints share an interface; -1: unknown
	cells            [][]uint32
	outcomes         []Outcome
	outcomeIDs       map[string]uint32
	gapCells         [][]uint32
	gaps             []gap
	gapIDs           map[string]uint32
	classes          []class
}

// Work counts what it took, to hold the cost to account without a clock.
type Work struct {
	Classes   int // of endpoints
	Cells     int // pairs of classes, times needs
	RuleTests int // rules compared with a name
}

// Matrix judges all needs from every endpoint of from to every one of to, whatever
// their Flow. Only a need that Validate refuses is an error.
func (j *Judge) Matrix(from, to []Endpoint, needs []Need) (*Matrix, error) {
	c, err := newClassifier(j, needs)
	if err != nil {
		return nil, err
	}
	return c.matrix(c.classifyAll(from), c.classifyAll(to), needs), nil
}

// matrix judges the needs, of which the classifier has learnt, from the ones to
// the others.
func (c *classifier) matrix(from, to classified, needs []Need) *Matrix {
	m := &Matrix{From: from.all, To: to.all, Needs: needs, judge: c.judge, outcomeIDs: map[string]uint32{}, gapIDs: map[string]uint32{}}
	m.row, m.rows, m.col, m.cols = from.number, from.classes, to.number, to.classes
	m.markSelves()
	for k := range needs {
		cells, gaps := m.solve(newSolver(c, &needs[k], m))
		m.cells, m.gapCells = append(m.cells, cells), append(m.gapCells, gaps)
	}
	m.classes = c.all
	m.Work.Classes = len(c.all)
	return m
}

// Against judges one endpoint and its peers both ways: out holds the needs in
// which it dials, in those in which it is dialled.
func (j *Judge) Against(self Endpoint, peers []Endpoint, needs []Need) (out, in *Matrix, err error) {
	var dials, dialled []Need
	for _, n := range needs {
		if n.Flow != Inbound {
			dials = append(dials, n)
		}
		if n.Flow != Outbound {
			dialled = append(dialled, n)
		}
	}
	c, err := newClassifier(j, needs)
	if err != nil {
		return nil, nil, err
	}
	one, many := c.classifyAll([]Endpoint{self}), c.classifyAll(peers)
	return c.matrix(one, many, dials), c.matrix(many, one, dialled), nil
}

// classified are endpoints, which of the classes among them each has, and these.
type classified struct {
	all             []Endpoint
	number, classes []int32
}

func (c *classifier) classifyAll(all []Endpoint) classified {
	index, out := interner[int32]{}, classified{all: all, number: make([]int32, 0, len(all))}
	for i := range all {
		id := c.classify(&all[i])
		n := index.id(id)
		if int(n) == len(out.classes) {
			out.classes = append(out.classes, id)
		}
		out.number = append(out.number, n)
	}
	return out
}

func (m *Matrix) markSelves() {
	ids := interner[string]{}
	number := func(all []Endpoint) []int32 {
		out := make([]int32, len(all))
		for i := range all {
			out[i] = -1
			if key := all[i].selfKey(); key != "" {
				out[i] = ids.id(key)
			}
		}
		return out
	}
	m.fromSelf, m.toSelf = number(m.From), number(m.To)
}

func (m *Matrix) solve(s *solver) (cells, gaps []uint32) {
	cells, gaps = make([]uint32, 0, len(m.rows)*len(m.cols)), make([]uint32, 0, len(m.rows)*len(m.cols))
	for _, f := range m.rows {
		for _, t := range m.cols {
			ids := s.outcome(&s.all[f], &s.all[t])
			cells, gaps = append(cells, ids.outcome), append(gaps, ids.gap)
		}
	}
	m.Work.Cells += len(cells)
	return cells, gaps
}

func (m *Matrix) outcomeID(o Outcome) uint32 {
	key := packed(Ports{{uint16(o.Status), uint16(o.Hop)}}, o.Missing, o.Unknown)
	id, ok := m.outcomeIDs[key]
	if !ok {
		id = uint32(len(m.outcomes))
		m.outcomes = append(m.outcomes, o)
		m.outcomeIDs[key] = id
	}
	return id
}

func (m *Matrix) cell(row, col int32, need int) uint32 {
	return m.cells[need][int(row)*len(m.cols)+int(col)]
}

func (m *Matrix) self(from, to int) bool {
	return m.fromSelf[from] >= 0 && m.fromSelf[from] == m.toSelf[to]
}

// At is the outcome for three indexes into From, To and Needs; false for a pair
// that shares one interface, which is not judged.
func (m *Matrix) At(from, to, need int) (Outcome, bool) {
	if m.self(from, to) {
		return Outcome{}, false
	}
	return m.outcomes[m.cell(m.row[from], m.col[to], need)], true
}

// Verdict is At with its reasons, judged afresh for just this pair.
func (m *Matrix) Verdict(from, to, need int) Verdict {
	return m.judge.evaluate(&m.From[from], &m.To[to], &m.Needs[need], m.Needs)
}

// Alike returns a number for each endpoint of From, and for each of To. Endpoints with
// the same number have the same outcomes. The slices are the matrix's own.
func (m *Matrix) Alike() (from, to []int32) { return m.row, m.col }

// Self reports whether the two endpoints share an interface, so that no rule applies.
func (m *Matrix) Self(from, to int) bool { return m.self(from, to) }

// Cell is one judged pair and need: indexes into From, To and Needs.
type Cell struct {
	From, To, Need int
	Outcome
}

// All goes over every judged pair and need.
func (m *Matrix) All() iter.Seq[Cell] {
	return func(yield func(Cell) bool) {
		for from := range m.From {
			for to := range m.To {
				for need := range m.Needs {
					o, ok := m.At(from, to, need)
					if ok && !yield(Cell{from, to, need, o}) {
						return
					}
				}
			}
		}
	}
}

// Tally counts the judged pairs of one need by status.
func (m *Matrix) Tally(need int) map[Status]int {
	out := map[Status]int{}
	rowSize, colSize := sizes(m.row, len(m.rows)), sizes(m.col, len(m.cols))
	for i, id := range m.cells[need] {
		out[m.outcomes[id].Status] += rowSize[i/len(m.cols)] * colSize[i%len(m.cols)]
	}
	here := map[int32][]int{}
	for i, self := range m.toSelf {
		here[self] = append(here[self], i)
	}
	for from, self := range m.fromSelf {
		for _, to := range here[self] {
			if self >= 0 {
				out[m.outcomes[m.cell(m.row[from], m.col[to], need)].Status]--
			}
		}
	}
	return out
}

func sizes(number []int32, n int) []int {
	out := make([]int, n)
	for _, i := range number {
		out[i]++
	}
	return out
}
