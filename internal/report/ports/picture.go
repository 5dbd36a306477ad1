package ports

import (
	"fmt"
	"slices"
	"strings"

	"muster/reach"
)

const (
	// With up to onePeerARow peers, each has its own row and column. With more, peers with equal verdicts share one.
	onePeerARow = 40
	cellSize    = 20
	maxSquares  = 5000
	// Width of a letter, and height of a letter in a slanted label.
	letterWidth, letterRise = 7, 6
)

// picture draws the matrix. The row is the dialing peer, the column is the dialed peer, and the color is the worst
// verdict of all requirements. A report on one instance has no matrix, because the table shows its two rows better.
func (r *Report) picture(b *strings.Builder) {
	if r.matrix == nil || len(r.Peers) < 2 {
		return
	}
	rows, cols := r.axes()
	if len(rows)*len(cols) > maxSquares {
		fmt.Fprintf(b, "<h2>The matrix</h2>\n<p>%d rows that differ are too many for a picture; --output json has the pairs.</p>\n", len(rows))
		return
	}
	longest := 0
	for _, set := range slices.Concat(rows, cols) {
		longest = max(longest, len([]rune(short(r.label(set)))))
	}
	left, top := longest*letterWidth+8, longest*letterRise+8
	width, height := left+len(cols)*cellSize+longest*letterRise, top+len(rows)*cellSize
	fmt.Fprintf(b, "<h2>The matrix</h2>\n<p>A row dials, a column is dialled; the colour is the worst of all needs: "+
		"<span class=\"k f-open\"></span> open <span class=\"k f-unknown\"></span> unknown <span class=\"k f-bad\"></span> closed <span class=\"k f-self\"></span> the same host</p>\n"+
		"<svg role=\"img\" aria-label=\"matrix of peers\" width=\"%d\" height=\"%d\">\n", width, height)
	for k, col := range cols {
		fmt.Fprintf(b, "<text transform=\"translate(%d %d) rotate(-55)\">%s</text>\n", left+k*cellSize+cellSize/2+4, top-6, esc(short(r.label(col))))
	}
	for i, row := range rows {
		y := top + i*cellSize
		fmt.Fprintf(b, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%s</text>\n", left-6, y+cellSize-6, esc(short(r.label(row))))
		for k, col := range cols {
			fill, title := r.square(row, col)
			fmt.Fprintf(b, "<rect class=\"f-%s\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\"><title>%s</title></rect>\n", fill, left+k*cellSize, y, cellSize-1, cellSize-1, esc(title))
		}
	}
	b.WriteString("</svg>\n")
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

// square returns the color and the title of a cell. All pairs of a row set and a column set have the same verdict, so
// one pair is enough.
func (r *Report) square(row, col []int) (fill, title string) {
	title = r.label(row) + " to " + r.label(col)
	for _, from := range row {
		for _, to := range col {
			if worst, judged := r.worstOf(from, to); judged {
				return class(worst), title + ": " + worst.String()
			}
		}
	}
	return "self", title
}

func (r *Report) worstOf(from, to int) (worst reach.Status, judged bool) {
	for n := range r.matrix.Needs {
		if o, ok := r.matrix.At(from, to, n); ok {
			worst, judged = max(worst, r.status(r.matrix.Needs[n], o)), true
		}
	}
	return worst, judged
}

func (r *Report) label(set []int) string {
	name := r.Peers[set[0]].Name
	if len(set) > 1 {
		return fmt.Sprintf("%s and %d alike", name, len(set)-1)
	}
	return name
}

// short shortens a label to fit its margin.
func short(label string) string {
	const most = 26
	runes := []rune(label)
	if len(runes) <= most {
		return label
	}
	return string(slices.Concat(runes[:most-11], []rune("…"), runes[len(runes)-10:]))
}
