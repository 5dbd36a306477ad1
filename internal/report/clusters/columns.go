package clusters

import (
	"slices"
	"strings"
	"unicode/utf8"

	"muster/internal/term"
)

// column is a column of a table. A column without values is left out. If the lines are too long, the columns with the
// highest rank are left out.
type column struct {
	head  string
	rank  int // 0 means that the column is never left out
	right bool
	cells []string
}

func (c column) width() int {
	width := utf8.RuneCountInString(c.head)
	for _, cell := range c.cells {
		width = max(width, utf8.RuneCountInString(cell))
	}
	return width
}

func (c column) empty() bool {
	return !slices.ContainsFunc(c.cells, func(cell string) bool { return cell != "" })
}

// gap is the number of blanks between two columns.
const gap = 2

// fitting leaves out columns until the lines fit. The last column may wrap. It returns the headers of the columns for
// which there was no space.
func fitting(all []column, width int) (kept []column, left []string) {
	kept = slices.DeleteFunc(slices.Clone(all), func(c column) bool { return c.rank > 0 && c.empty() || len(c.cells) == 0 })
	for width > 0 && total(kept) > width {
		worst := slices.IndexFunc(kept, func(c column) bool {
			return c.rank > 0 && c.rank == slices.MaxFunc(kept, func(a, b column) int { return a.rank - b.rank }).rank
		})
		if worst < 0 {
			break
		}
		left = append(left, strings.ToLower(kept[worst].head))
		kept = slices.Delete(kept, worst, worst+1)
	}
	return kept, left
}

func total(columns []column) (n int) {
	for _, c := range columns {
		n += c.width() + gap
	}
	return n - gap
}

// printer writes clusters.
type printer struct{ *term.Printer }

// columns writes a table, and returns the columns for which there was no space. colors has a color for each row, which
// may be empty.
func (p printer) columns(all []column, colors []string) (left []string) {
	for n := range all {
		for i, cell := range all[n].cells {
			all[n].cells[i] = p.Text(cell)
		}
	}
	kept, left := fitting(all, p.Width)
	if len(kept) == 0 {
		return left
	}
	heads := make([]string, len(kept))
	for i, c := range kept {
		heads[i] = c.head
	}
	p.Print(p.Paint(term.Dim, p.row(kept, heads)) + "\n")
	for n := range kept[0].cells {
		cells := make([]string, len(kept))
		for i, c := range kept {
			cells[i] = c.cells[n]
		}
		p.Print(p.Paint(colors[n], p.row(kept, cells)) + "\n")
	}
	if len(left) > 0 {
		p.Title(term.Dim, "  left out at this width: "+strings.Join(left, ", "))
	}
	return left
}

func (p printer) row(columns []column, cells []string) string {
	var out strings.Builder
	at := 0
	for i, c := range columns {
		cell, width := cells[i], c.width()
		pad := strings.Repeat(" ", max(0, width-utf8.RuneCountInString(cell)))
		switch {
		case i == len(columns)-1:
			out.WriteString(p.Wrap(at, cell))
		case c.right:
			out.WriteString(pad + cell + strings.Repeat(" ", gap))
		default:
			out.WriteString(cell + pad + strings.Repeat(" ", gap))
		}
		at += width + gap
	}
	return strings.TrimRight(out.String(), " ")
}
