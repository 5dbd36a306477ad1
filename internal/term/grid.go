package term

import (
	"strings"
	"unicode/utf8"
)

// Cell is a cell of a Grid. Color may be empty.
type Cell struct{ Text, Color string }

// narrow is the width below which rows are stacked, because columns side by side would break IDs and values.
const narrow = 110

// gap is the number of blanks between two columns.
const gap = 2

// Grid returns a table. If the style's lines are too short for the rows, it returns each row stacked: the first keys
// columns as a title, joined by arrow, and one line below it for each other column. Each text is made safe for one
// line.
//
//	FROM  TO        DISCOVERY TCP/47500-47599      i-1 -> i-2, i-3
//	i-1   i-2, i-3  MISSING 47106-47199              discovery tcp/47500-47599  MISSING 47106-47199
func (s Style) Grid(head []string, keys int, arrow string, rows [][]Cell) string {
	for _, row := range rows {
		for k := range row {
			row[k].Text = s.Text(row[k].Text)
		}
	}
	widths := make([]int, len(head))
	for k, text := range head {
		widths[k] = utf8.RuneCountInString(text)
	}
	for _, row := range rows {
		for k, c := range row {
			widths[k] = max(widths[k], utf8.RuneCountInString(c.Text))
		}
	}
	total := -gap
	for _, w := range widths {
		total += w + gap
	}
	if s.Width > 0 && (s.Width < narrow || total > s.Width) {
		return s.stacked(head, keys, arrow, rows)
	}
	var b strings.Builder
	title := make([]Cell, len(head))
	for k, text := range head {
		title[k] = Cell{Text: strings.ToUpper(text), Color: Bold}
	}
	for _, row := range append([][]Cell{title}, rows...) {
		s.row(&b, row, widths)
	}
	return b.String()
}

func (s Style) row(b *strings.Builder, row []Cell, widths []int) {
	for k, c := range row {
		b.WriteString(s.Paint(c.Color, c.Text))
		if k < len(row)-1 {
			b.WriteString(strings.Repeat(" ", widths[k]-utf8.RuneCountInString(c.Text)+gap))
		}
	}
	b.WriteByte('\n')
}

func (s Style) stacked(head []string, keys int, arrow string, rows [][]Cell) string {
	label := 0
	for _, text := range head[keys:] {
		label = max(label, utf8.RuneCountInString(text))
	}
	label = min(label, max(s.Width/2, 1))
	var b strings.Builder
	for _, row := range rows {
		var title []string
		for _, c := range row[:keys] {
			title = append(title, c.Text)
		}
		b.WriteString(s.Paint(Bold, s.Wrap(0, strings.Join(title, arrow))) + "\n")
		for k, c := range row[keys:] {
			name := head[keys+k]
			pad := strings.Repeat(" ", max(label-utf8.RuneCountInString(name), 0)+gap)
			b.WriteString("  " + s.Paint(Dim, name) + pad + s.Paint(c.Color, s.Wrap(label+2*gap, c.Text)) + "\n")
		}
	}
	return b.String()
}
