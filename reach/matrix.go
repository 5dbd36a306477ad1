package reach

import "iter"

// Matrix holds the outcome of every need from every endpoint in From to every endpoint in To. It is stored per class of
// endpoints, so its size depends on the number of different endpoints, not on the number of pairs.
type Matrix struct {
	From, To []Endpoint
	Needs    []Need
	Work     Work

	judge            *Judge
	row, col         []int32 // row and column of each endpoint in From and To
	rows, cols       []int32 // class of each row and column
	fromSelf, toSelf []int32 // number of each endpoint's interface, equal for endpoints that share it; -1 if unknown
	cells            [][]uint32
	outcomes         []Outcome
	outcomeIDs       map[string]uint32
	gapCells         [][]uint32
	gaps             []gap
	gapIDs           map[string]uint32
	classes          []class
}

// Work counts operations, so that tests can check the cost without measuring time.
type Work struct {
	Classes   int // classes of endpoints
	Cells     int // pairs of classes, multiplied by the number of needs
	RuleTests int // comparisons of a rule with a peer
}

// Matrix evaluates all needs from every endpoint in from to every endpoint in to. It ignores Need.Flow. It returns an
// error only if Validate rejects a need.
func (j *Judge) Matrix(from, to []Endpoint, needs []Need) (*Matrix, error) {
	c, err := newClassifier(j, needs)
	if err != nil {
		return nil, err
	}
	return c.matrix(c.classifyAll(from), c.classifyAll(to), needs), nil
}

// matrix evaluates the needs from the endpoints in from to those in to. The needs must be among those passed to
// newClassifier.
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

// Against evaluates the connections between one endpoint and its peers. out contains the needs for which it connects to
// the peers, in those for which the peers connect to it.
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

// classified is a list of endpoints with their classes: number is an index into classes for each endpoint.
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

// At returns the outcome for the given indexes into From, To and Needs. It returns false if both endpoints share an
// interface, because such pairs are not evaluated.
func (m *Matrix) At(from, to, need int) (Outcome, bool) {
	if m.self(from, to) {
		return Outcome{}, false
	}
	return m.outcomes[m.cell(m.row[from], m.col[to], need)], true
}

// Verdict returns the full verdict for one pair and need. It evaluates that pair again.
func (m *Matrix) Verdict(from, to, need int) Verdict {
	return m.judge.evaluate(&m.From[from], &m.To[to], &m.Needs[need], m.Needs)
}

// Alike returns a number for each endpoint of From, and for each of To. Endpoints with
// the same number have the same outcomes. The caller must not change the slices.
func (m *Matrix) Alike() (from, to []int32) { return m.row, m.col }

// Self reports whether the two endpoints share an interface, so that no rule applies.
func (m *Matrix) Self(from, to int) bool { return m.self(from, to) }

// Cell is the outcome of one pair and need. The fields are indexes into From, To and Needs.
type Cell struct {
	From, To, Need int
	Outcome
}

// All iterates over the outcomes of all evaluated pairs and needs.
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

// Tally returns the number of evaluated pairs per status for one need.
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
