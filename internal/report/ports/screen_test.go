package ports

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"muster/internal/base/plural"
	"muster/internal/term"
)

// Finding P10: at 80 columns a row folded into three, and commands were broken.
func TestNoLineIsLongerThanTheTerminalButCommands(t *testing.T) {
	for _, width := range []int{60, 80, 109, 110, 160} {
		for _, utf := range []bool{false, true} {
			var out bytes.Buffer
			if err := judged(t, 100, -1, "ignite2,tcp/9000").Table(&out, term.Style{Width: width, UTF8: utf}); err != nil {
				t.Fatal(err)
			}
			commands := 0
			for line := range strings.Lines(out.String()) {
				if _, command, found := strings.Cut(line, "aws ec2 authorize"); found {
					commands++
					if !strings.HasSuffix(command, "}]'\n") {
						t.Errorf("width %d: a command is broken: %s", width, line)
					}
					continue
				}
				if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > width {
					t.Errorf("width %d: a line has %d columns: %s", width, n, line)
				}
			}
			if stacked := !strings.Contains(out.String(), "FROM"); commands == 0 || width != 110 && stacked != (width < 110) {
				t.Errorf("width %d: %d commands, rows stacked: %t", width, commands, stacked)
			}
			if marked := strings.Contains(out.String(), "\u2717 MISSING"); marked != utf {
				t.Errorf("UTF-8 %t, and marks are shown: %t", utf, marked)
			}
		}
	}
}

func TestColorsAreOnlyAdded(t *testing.T) {
	var plain, painted bytes.Buffer
	r := judged(t, 3, -1, "ignite2")
	if err := r.Table(&plain, term.Style{}); err != nil {
		t.Fatal(err)
	}
	if err := r.Table(&painted, term.Style{Color: true}); err != nil {
		t.Fatal(err)
	}
	text := painted.String()
	for _, sgr := range []string{term.Bold, term.Dim, term.Red, term.Green, term.Yellow, "0"} {
		if !strings.Contains(text, "\x1b["+sgr+"m") {
			t.Errorf("color %s is not used", sgr)
		}
		text = strings.ReplaceAll(text, "\x1b["+sgr+"m", "")
	}
	if text != plain.String() {
		t.Errorf("without colors it is\n%s\nand not\n%s", text, &plain)
	}
}

func TestThousands(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 28232: "28,232", 1234567: "1,234,567", -1000: "-1,000"} {
		if got := plural.Thousands(n); got != want {
			t.Errorf("%d is %s", n, got)
		}
	}
}
