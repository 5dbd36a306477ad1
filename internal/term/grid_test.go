package term

import (
	"strings"
	"testing"
)

func TestRowsAreStackedWhereTheyDoNotFit(t *testing.T) {
	rows := func() [][]Cell {
		return [][]Cell{{{Text: "i-1"}, {Text: "i-2, i-3"}, {Text: "MISSING 47106-47199", Color: Red}}, {{Text: "a\x1bb"}, {Text: "-"},
			{Text: "OPEN"}}}
	}
	head := []string{"from", "to", "discovery"}
	for name, c := range map[string]struct {
		style Style
		want  string
	}{
		"a pipe": {Style{}, "FROM  TO        DISCOVERY\ni-1   i-2, i-3  MISSING 47106-47199\na b   -         OPEN\n"},
		"wide":   {Style{Width: 110}, "FROM  TO        DISCOVERY\ni-1   i-2, i-3  MISSING 47106-47199\na b   -         OPEN\n"},
		"narrow": {Style{Width: 80}, "i-1 -> i-2, i-3\n  discovery  MISSING 47106-47199\na b -> -\n  discovery  OPEN\n"},
		"tiny":   {Style{Width: 20}, "i-1 -> i-2, i-3\n  discovery  MISSING\n             47106-47199\na b -> -\n  discovery  OPEN\n"},
	} {
		if got := c.style.Grid(head, 2, " -> ", rows()); got != c.want {
			t.Errorf("%s: %q", name, got)
		}
	}
	if got := (Style{Color: true}).Grid(head, 2, " -> ", rows()); !strings.Contains(got, "\x1b[1;31mMISSING 47106-47199\x1b[0m\n") ||
		strings.Count(got, "\x1b[") != 8 {
		t.Errorf("in color: %q", got)
	}
	wide := Style{Width: 120}.Grid(head, 2, " -> ", [][]Cell{{{Text: strings.Repeat("x", 110)}, {Text: "b"}, {Text: "c"}}})
	if strings.Contains(wide, "FROM") {
		t.Errorf("a row of more than 120 columns is not stacked: %q", wide)
	}
}
