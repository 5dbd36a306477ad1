package term

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
)

func written(t *testing.T, text string) string {
	t.Helper()
	var out bytes.Buffer
	if n, err := io.WriteString(NewWriter(&out), text); err != nil || n != len(text) {
		t.Fatalf("wrote %d of %d bytes: %v", n, len(text), err)
	}
	return out.String()
}

// The sequences come from ECMA-48 and xterm's ctlseqs.
func TestWriterRemovesForeignSequences(t *testing.T) {
	for name, c := range map[string][2]string{
		"layout stays":                {"a\tb\nc\n", "a\tb\nc\n"},
		"our colours stay":            {Style{Color: true}.Paint(Red, "x"), "\x1b[1;31mx\x1b[0m"},
		"other SGR":                   {"\x1b[8mhidden\x1b[41m", " [8mhidden [41m"},
		"erase the screen":            {"\x1b[2J", " [2J"},
		"a link (OSC 8)":              {"\x1b]8;;http://x\x07y", " ]8;;http://x y"},
		"the clipboard (OSC 52)":      {"\x1b]52;c;AAAA\x1b\\", " ]52;c;AAAA \\"},
		"8-bit CSI, in UTF-8":         {"\u009b2J", " 2J"},
		"8-bit CSI, as a byte":        {"\x9b2J", "\ufffd2J"},
		"U+FFFD itself":               {"\ufffd", "\ufffd"},
		"a return over our own words": {"failed\rpassed", "failed passed"},
		"a truncated color":           {"\x1b[1;3", " [1;3"},
	} {
		if got := written(t, c[0]); got != c[1] {
			t.Errorf("%s: got %q, want %q", name, got, c[1])
		}
	}
	for name, text := range active {
		if got := written(t, "a"+text+"b"); got != "a"+strings.Repeat(" ", len([]rune(text)))+"b" {
			t.Errorf("%s: %q", name, got)
		}
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left") }

func TestWriterReturnsErrorsAndTheInnerWriter(t *testing.T) {
	if _, err := io.WriteString(NewWriter(full{}), "x"); err == nil {
		t.Error("the error is lost")
	}
	if Raw(NewWriter(os.Stdout)) != io.Writer(os.Stdout) || Raw(os.Stdout) != io.Writer(os.Stdout) {
		t.Error("the writer does not return the writer inside")
	}
}

func TestCellsStayInTheirRow(t *testing.T) {
	if got := Row("a\tb", "c\nd", "\u2028"); got != "a b\tc d\t " {
		t.Errorf("%q", got)
	}
}

func FuzzWriter(f *testing.F) {
	for _, text := range active {
		f.Add(text)
	}
	f.Add("\x1b[1;31m\x9b")
	f.Fuzz(func(t *testing.T, text string) {
		got := written(t, text)
		for _, sgr := range []string{reset, Bold, Dim, Red, Green, Yellow, Magenta} {
			got = strings.ReplaceAll(got, "\x1b["+sgr+"m", "")
		}
		if i := strings.IndexFunc(got, func(c rune) bool { return c != '\n' && c != '\t' && isActive(c) }); i >= 0 {
			t.Errorf("%q became %q", text, got)
		}
	})
}
