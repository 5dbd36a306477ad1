package exitcode

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestOf(t *testing.T) {
	plain := errors.New("plain")
	for name, c := range map[string]struct {
		err  error
		want int
	}{
		"no error is healthy":              {nil, Healthy},
		"an error without a code is 1":     {plain, Failed},
		"a code survives wrapping":         {fmt.Errorf("outer: %w", Wrap(BadConfiguration, plain)), BadConfiguration},
		"the outermost code wins":          {Wrap(Undetermined, Wrap(BadConfiguration, plain)), Undetermined},
		"wrapping no error stays no error": {Wrap(Failed, nil), Healthy},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Of(c.err); got != c.want {
				t.Errorf("Of(%v) = %d, want %d", c.err, got, c.want)
			}
		})
	}
}

// The manual must describe each code like the help, in the same order.
func TestManualListsTheCodes(t *testing.T) {
	text, err := os.ReadFile("../../../docs/reference/exit-codes.md")
	if err != nil {
		t.Fatal(err)
	}
	var rows, want []string
	for _, m := range regexp.MustCompile(`(?m)^\| (\d+ \| [^|]+) \|[^|]*\|[^|]*\|$`).FindAllSubmatch(text, -1) {
		rows = append(rows, string(m[1]))
	}
	for _, m := range Meanings() {
		want = append(want, fmt.Sprintf("%d | %s", m.Code, m.Text))
	}
	if !slices.Equal(rows, want) {
		t.Errorf("docs/reference/exit-codes.md has\n%s\nand the code\n%s", strings.Join(rows, "\n"), strings.Join(want, "\n"))
	}
}

func TestWrapKeepsTheCause(t *testing.T) {
	plain := errors.New("plain")
	if err := Wrap(Failed, plain); !errors.Is(err, plain) || err.Error() != "plain" {
		t.Errorf("Wrap changed the error: %v", err)
	}
}
