package term

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestStyleOfWhatIsNoTerminal(t *testing.T) {
	pipe, err := os.Create(t.TempDir() + "/out")
	if err != nil {
		t.Fatal(err)
	}
	defer pipe.Close()
	for name, c := range map[string]struct {
		color string
		env   map[string]string
		want  Style
	}{
		"a pipe is plain, and its lines are whole": {"auto", nil, Style{}},
		"colour only when it is asked for":         {"always", map[string]string{"NO_COLOR": "1"}, Style{Color: true}},
		"columns are heeded":                       {"auto", map[string]string{"COLUMNS": "40"}, Style{Width: 40}},
		"columns that are none are not":            {"auto", map[string]string{"COLUMNS": "-1"}, Style{}},
		"LC_ALL is stronger than LANG":             {"auto", map[string]string{"LC_ALL": "C", "LANG": "en_GB.UTF-8"}, Style{}},
		"LANG in either spelling":                  {"never", map[string]string{"LANG": "C.utf8"}, Style{UTF8: true}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := StyleOf(pipe, c.color, func(name string) string { return c.env[name] }); got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestTextInASCII(t *testing.T) {
	const text = "caf\u00e9\n\x1b[2J"
	if got := (Style{}).Text(text); got != "caf?  [2J" {
		t.Errorf("got %q", got)
	}
	if got := (Style{UTF8: true}).Text(text); got != "caf\u00e9  [2J" {
		t.Errorf("got %q", got)
	}
}

func TestWrap(t *testing.T) {
	for name, c := range map[string]struct {
		width, indent int
		text, want    string
	}{
		"whole without a width":    {0, 4, "a  b", "a  b"},
		"breaks at blanks":         {9, 2, "one two three", "one two\n  three"},
		"what just fits":           {9, 2, "one two", "one two"},
		"a long word stays whole":  {6, 2, "an arn:aws:ecs is", "an\n  arn:aws:ecs\n  is"},
		"characters and not bytes": {7, 2, "\u00e9\u00e9 \u00e9\u00e9", "\u00e9\u00e9 \u00e9\u00e9"},
		"narrower than the indent": {3, 9, "a b", "a\n         b"},
		"nothing":                  {40, 2, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := (Style{Width: c.width}).Wrap(c.indent, c.text); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestTheSpinnerClearsItsLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		stop := spin(&out, "looking")
		<-time.After(1300 * time.Millisecond)
		synctest.Wait()
		stop()
		if got := out.String(); !strings.Contains(got, "\r- looking, 0 s") || !strings.Contains(got, "looking, 1 s") ||
			!strings.HasSuffix(got, "\r\x1b[K") ||
			strings.Contains(got, "\n") {
			t.Errorf("%q", got)
		}
	})
	var out bytes.Buffer
	Spin(&out, "looking")()
	if out.Len() > 0 {
		t.Errorf("nobody watches, and it wrote %q", out.String())
	}
}
