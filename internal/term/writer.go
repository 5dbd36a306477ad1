package term

import (
	"io"
	"strings"
	"unicode/utf8"
)

// Writer is the last thing that a text passes on its way to a terminal, a pipe or the
// journal. It lets through printable characters, line ends, tabs and the colours of this
// package; everything else becomes a blank, and a byte that is not UTF-8 becomes U+FFFD.
//
// It cannot know which line ends are muster's own: what quotes others on one line goes
// through OneLine or Row first.
type Writer struct{ out io.Writer }

// NewWriter guards out.
func NewWriter(out io.Writer) Writer { return Writer{out} }

// Write takes whole characters: nothing is kept for the next call.
func (w Writer) Write(p []byte) (int, error) {
	if _, err := io.WriteString(w.out, guarded(string(p))); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Raw is the writer behind a Writer, for what is not text, and to look at the
// terminal. Other writers are returned as they are.
func Raw(out io.Writer) io.Writer {
	if w, is := out.(Writer); is {
		return w.out
	}
	return out
}

func guarded(text string) string {
	if !strings.ContainsFunc(text, isGuarded) {
		return text
	}
	var out strings.Builder
	for text != "" {
		if sgr := color(text); sgr != "" {
			out.WriteString(sgr)
			text = text[len(sgr):]
			continue
		}
		c, size := utf8.DecodeRuneInString(text)
		if text = text[size:]; c != utf8.RuneError && isGuarded(c) {
			c = ' '
		}
		out.WriteRune(c)
	}
	return out.String()
}

func isGuarded(c rune) bool { return c == utf8.RuneError || c != '\n' && c != '\t' && isActive(c) }

// color is the colour of this package that a text begins with, as Paint writes it.
func color(text string) string {
	if text[0] != '\x1b' {
		return ""
	}
	for _, sgr := range []string{reset, Bold, Dim, Red, Green, Yellow, Magenta} {
		if sequence := "\x1b[" + sgr + "m"; strings.HasPrefix(text, sequence) {
			return sequence
		}
	}
	return ""
}

// Row is the cells of one row of a table, with tabs between them. No cell can begin
// another cell or another row.
func Row(cells ...string) string {
	var out strings.Builder
	for i, cell := range cells {
		if i > 0 {
			out.WriteByte('\t')
		}
		out.WriteString(OneLine(cell))
	}
	return out.String()
}
