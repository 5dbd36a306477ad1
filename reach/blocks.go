package reach

import (
	"cmp"
	"encoding/binary"
	"slices"
)

// Block is a part of the matrix in which all pairs have the same outcomes: from every endpoint in From to every
// endpoint in To. It does not include pairs of endpoints that share an interface.
type Block struct {
	From, To []int     // indexes into Matrix.From and Matrix.To
	Outcomes []Outcome // indexed like Matrix.Needs; blocks share them
}

// Worst returns the worst status in the block.
func (b *Block) Worst() Status {
	worst := Open
	for _, o := range b.Outcomes {
		worst = max(worst, o.Status)
	}
	return worst
}

// Blocks merges equal rows and equal columns and returns the resulting blocks, sorted by status with the worst first,
// then by size with the largest first. Every evaluated pair is in exactly one block.
func (m *Matrix) Blocks() []Block {
	g := grid{m: m, cells: m.fill()}
	rows := groupEqual(len(m.rows), func(r int) string { return g.key(r, len(m.cols), g.rowCell) })
	cols := groupEqual(len(m.cols), func(c int) string { return g.key(c, len(m.rows), g.colCell) })
	froms, tos := membersOf(m.row, rows), membersOf(m.col, cols)
	g.known = map[string][]Outcome{}
	var out []Block
	for i, from := range froms {
		for k, to := range tos {
			if b := m.withoutSelf(from, to); len(b.From) > 0 && len(b.To) > 0 {
				b.Outcomes = g.outcomes(rows[i][0], cols[k][0])
				out = append(out, b)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b Block) int {
		return cmp.Or(cmp.Compare(b.Worst(), a.Worst()), len(b.From)*len(b.To)-len(a.From)*len(a.To))
	})
	return out
}

// withoutSelf removes a single endpoint from its own list of peers. In a block with several endpoints it keeps them,
// because each one is a peer of the others.
func (m *Matrix) withoutSelf(from, to []int) Block {
	b := Block{From: from, To: to}
	if len(from) == 1 {
		b.To = slices.DeleteFunc(slices.Clone(to), func(t int) bool { return m.self(from[0], t) })
	}
	if len(to) == 1 {
		b.From = slices.DeleteFunc(slices.Clone(from), func(f int) bool { return m.self(f, to[0]) })
	}
	return b
}

// grid is the matrix with the cells of unevaluated pairs filled in.
type grid struct {
	m     *Matrix
	cells [][]uint32
	known map[string][]Outcome // the outcomes of blocks, of which many are equal
}

// fill replaces cells that represent no evaluated pair (an endpoint that is alone in its class, towards itself) with
// the most frequent outcome of their row. Otherwise these cells would keep equal rows apart.
func (m *Matrix) fill() [][]uint32 {
	rowOf, colOf := sizes(m.row, len(m.rows)), sizes(m.col, len(m.cols))
	lone := map[int32]int{} // column by interface
	for to, self := range m.toSelf {
		if self >= 0 && colOf[m.col[to]] == 1 {
			lone[self] = int(m.col[to])
		}
	}
	cells := make([][]uint32, len(m.cells))
	for k := range cells {
		cells[k] = slices.Clone(m.cells[k])
	}
	for from, self := range m.fromSelf {
		col, ok := lone[self]
		if r := int(m.row[from]); ok && rowOf[r] == 1 {
			for k := range cells {
				row := cells[k][r*len(m.cols) : (r+1)*len(m.cols)]
				row[col] = mostFrequent(row, col, m.alike(col))
			}
		}
	}
	return cells
}

// alike returns the columns whose endpoints have the groups and the subnet of those of col. Most of them fare alike.
func (m *Matrix) alike(col int) (out []int) {
	class := func(col int) class { return m.classes[m.cols[col]] }
	for i := range m.cols {
		if i != col && class(i).guard == class(col).guard && class(i).acl == class(col).acl {
			out = append(out, i)
		}
	}
	return out
}

// mostFrequent returns the most frequent value in the columns, or in all columns but one if there are none.
func mostFrequent(row []uint32, except int, columns []int) uint32 {
	if len(columns) == 0 {
		columns = slices.DeleteFunc(indexes(len(row)), func(i int) bool { return i == except })
	}
	count := map[uint32]int{}
	best := row[except]
	for _, i := range columns {
		id := row[i]
		count[id]++
		if n := count[id]; n > count[best] || n == count[best] && id < best {
			best = id
		}
	}
	return best
}

func (g grid) rowCell(need, row, col int) uint32 { return g.cells[need][row*len(g.m.cols)+col] }

func (g grid) colCell(need, col, row int) uint32 { return g.rowCell(need, row, col) }

// key encodes the content of a row or column, so that equal ones have equal keys.
func (g grid) key(line, length int, cell func(need, line, i int) uint32) string {
	key := make([]byte, 0, 4*length*len(g.cells))
	for need := range g.cells {
		for i := range length {
			key = binary.BigEndian.AppendUint32(key, cell(need, line, i))
		}
	}
	return string(key)
}

func (g grid) outcomes(row, col int) []Outcome {
	var key []byte
	for need := range g.cells {
		key = binary.BigEndian.AppendUint32(key, g.rowCell(need, row, col))
	}
	out, ok := g.known[string(key)]
	if !ok {
		for need := range g.cells {
			out = append(out, g.m.outcomes[g.rowCell(need, row, col)])
		}
		g.known[string(key)] = out
	}
	return out
}

// groupEqual groups the rows or columns that have the same key.
func groupEqual(n int, key func(int) string) [][]int {
	index := interner[string]{}
	var out [][]int
	for i := range n {
		id := index.id(key(i))
		if int(id) == len(out) {
			out = append(out, nil)
		}
		out[id] = append(out[id], i)
	}
	return out
}

// membersOf returns the endpoints that belong to the rows or columns of each group.
func membersOf(number []int32, groups [][]int) [][]int {
	groupOf := map[int32]int{}
	for g, lines := range groups {
		for _, line := range lines {
			groupOf[int32(line)] = g
		}
	}
	out := make([][]int, len(groups))
	for endpoint, line := range number {
		out[groupOf[line]] = append(out[groupOf[line]], endpoint)
	}
	return out
}
