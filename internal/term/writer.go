package term

import (
	"io"
	"strings"
	"unicode/utf8"
)

// Writer filters all text on its way to a terminal, a pipe or the journal. It passes printable characters, line feeds,
// tabs and the colors of this package. Everything else becomes a blank, and invalid UTF-8 becomes U+FFFD.
//
// It cannot distinguish muster's line feeds from quoted ones, so quoted text must pass OneLine or Row first.
type Writer struct{ out io.Writer }

// NewWriter returns a Writer that filters text for out.
func NewWriter(out io.Writer) Writer { return Writer{out} }

// Write expects complete characters, because it keeps no state between calls.
func (w Writer) Write(p []byte) (int, error) {
	if _, err := io.WriteString(w.out, guarded(string(p))); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Raw returns the writer inside a Writer, for binary data and terminal queries. It returns other writers unchanged.
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

// color returns the color sequence of this package at the start of text, as written by Paint.
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

// Row joins cells with tabs. No cell can start another cell or row.
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
