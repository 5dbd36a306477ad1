package ports

import (
	"fmt"
	"slices"
	"strings"

	"muster/internal/base/plural"
)

const (
	// With up to onePeerARow peers, each has its own row and column. With more, peers with equal verdicts share one.
	onePeerARow = 40
	cellSize    = 20
	maxSquares  = 5000
	// Width of a letter, and height of a letter in a slanted label.
	letterWidth, letterRise = 7, 6
)

// picture draws a matrix for each requirement. The row is the dialing peer, the column is the dialed peer. A mark in each
// square repeats what its color means. A report on one instance has no matrix, because the table shows its two rows better.
func (r *Report) picture(b *strings.Builder) {
	if r.matrix == nil || len(r.Peers) < 2 {
		return
	}
	rows, cols := r.axes()
	if len(rows)*len(cols)*len(r.matrix.Needs) > maxSquares {
		fmt.Fprintf(b, "<h2>The matrices</h2>\n<p>%s that differ are too many for a picture; --output json has the pairs.</p>\n",
			plural.Count(len(rows), "row"))
		return
	}
	b.WriteString("<h2>The matrices</h2>\n<p>A row dials, a column is dialled: " +
		"<span class=\"k f-open\"></span> \u2713 open <span class=\"k f-unknown\"></span> ? unknown " +
		"<span class=\"k f-bad\"></span> \u2717 closed <span class=\"k f-self\"></span> the same host</p>\n")
	for n := range r.matrix.Needs {
		r.matrixOf(b, n, rows, cols)
	}
}

func (r *Report) matrixOf(b *strings.Builder, need int, rows, cols [][]int) {
	longest := 0
	for _, set := range slices.Concat(rows, cols) {
		longest = max(longest, len([]rune(r.short(set))))
	}
	left, top := longest*letterWidth+8, longest*letterRise+8
	width, height := left+len(cols)*cellSize+longest*letterRise, top+len(rows)*cellSize
	label := esc(r.matrix.Needs[need].String())
	fmt.Fprintf(b, "<h3>%s</h3>\n<div class=\"wide\"><svg role=\"img\" aria-label=\"%s between peers\" width=\"%d\" height=\"%d\">\n",
		label, label, width, height)
	for k, col := range cols {
		fmt.Fprintf(b, "<text transform=\"translate(%d %d) rotate(-55)\">%s</text>\n", left+k*cellSize+cellSize/2+4, top-6, esc(r.short(col)))
	}
	for i, row := range rows {
		y := top + i*cellSize
		fmt.Fprintf(b, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%s</text>\n", left-6, y+cellSize-6, esc(r.short(row)))
		for k, col := range cols {
			fill, mark, title := r.square(need, row, col)
			x := left + k*cellSize
			fmt.Fprintf(b, "<rect class=\"f-%s\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\"><title>%s</title></rect>\n", fill, x, y,
				cellSize-1, cellSize-1, esc(title))
			if mark != "" {
				fmt.Fprintf(b, "<text class=\"m\" x=\"%d\" y=\"%d\">%s</text>\n", x+cellSize/2, y+cellSize-6, mark)
			}
		}
	}
	b.WriteString("</svg></div>\n")
}

// axes returns the rows and the columns: single peers, or sets of peers that belong to the same blocks and therefore
// have equal verdicts.
func (r *Report) axes() (rows, cols [][]int) {
	n := len(r.Peers)
	if n <= onePeerARow {
		for i := range n {
			rows = append(rows, []int{i})
		}
		return rows, rows
	}
	asRow, asCol := make([]string, n), make([]string, n)
	for id, b := range r.matrix.Blocks() {
		for _, i := range b.From {
			asRow[i] += fmt.Sprintf("%d ", id)
		}
		for _, k := range b.To {
			asCol[k] += fmt.Sprintf("%d ", id)
		}
	}
	return alike(asRow), alike(asCol)
}

// alike groups the indexes of equal signatures, in order of first appearance.
func alike(signatures []string) [][]int {
	var order []string
	sets := map[string][]int{}
	for i, s := range signatures {
		if sets[s] == nil {
			order = append(order, s)
		}
		sets[s] = append(sets[s], i)
	}
	out := make([][]int, 0, len(order))
	for _, s := range order {
		out = append(out, sets[s])
	}
	return out
}

// square returns the color, the mark and the title of a cell. All pairs of a row set and a column set have the same
// verdict, so one pair is enough.
func (r *Report) square(need int, row, col []int) (fill, sign, title string) {
	title = r.label(row) + " to " + r.label(col)
	for _, from := range row {
		for _, to := range col {
			if o, judged := r.matrix.At(from, to, need); judged {
				status := r.status(r.matrix.Needs[need], o)
				return class(status), mark(status), title + ": " + status.String()
			}
		}
	}
	return "self", "", title
}

func (r *Report) label(set []int) string {
	name := r.Peers[set[0]].Name
	if len(set) > 1 {
		return fmt.Sprintf("%s and %s alike", name, plural.Thousands(len(set)-1))
	}
	return name
}

// short shortens a label to fit its margin, but never the number of peers that share it.
func (r *Report) short(set []int) string {
	const most = 26
	name, more := []rune(r.Peers[set[0]].Name), ""
	if len(set) > 1 {
		more = " +" + plural.Thousands(len(set)-1)
	}
	if room := most - len(more); len(name) > room {
		name = slices.Concat(name[:room-11], []rune("…"), name[len(name)-10:])
	}
	return string(name) + more
}
