package term

import (
	"cmp"
	"io"
	"os"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

// Style is what the reader of an output can be shown.
type Style struct {
	Width int // columns to break lines at; 0: lines stay whole
	Color bool
	UTF8  bool
}

// usual is the width of a terminal that does not tell its own.
const usual = 80

// StyleOf asks the terminal behind out, if there is one, and the environment:
// COLUMNS, NO_COLOR (no-color.org), TERM and the locale. Color is auto, always or
// never. Lines for a pipe stay whole, so that grep and head find them whole.
func StyleOf(out io.Writer, color string, getenv func(string) string) Style {
	columns, terminal := size(out)
	if terminal {
		columns = cmp.Or(columns, usual)
	}
	if n, err := strconv.Atoi(getenv("COLUMNS")); err == nil && n > 0 {
		columns = n
	}
	auto := terminal && getenv("NO_COLOR") == "" && getenv("TERM") != "dumb"
	locale := strings.ToLower(cmp.Or(getenv("LC_ALL"), getenv("LC_CTYPE"), getenv("LANG")))
	return Style{
		Width: columns,
		Color: color == "always" || color == "auto" && auto,
		UTF8:  strings.Contains(locale, "utf-8") || strings.Contains(locale, "utf8"),
	}
}

// IsTerminal tells whether somebody watches out.
func IsTerminal(out io.Writer) bool {
	_, terminal := size(out)
	return terminal
}

func size(out io.Writer) (columns int, terminal bool) {
	file, is := Raw(out).(*os.File)
	if !is {
		return 0, false
	}
	window, err := unix.IoctlGetWinsize(int(file.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return 0, false
	}
	return int(window.Col), true
}

// The colours, as parameters of SGR (ECMA-48).
const (
	Bold    = "1"
	Dim     = "2"
	Red     = "1;31"
	Green   = "32"
	Yellow  = "33"
	Magenta = "35"

	reset = "0"
)

// Paint colours a text where colour is wanted.
func (s Style) Paint(sgr, text string) string {
	if !s.Color || text == "" {
		return text
	}
	return "\x1b[" + sgr + "m" + text + "\x1b[" + reset + "m"
}

// Text makes a text safe to show on one line, in ASCII where there is no UTF-8.
func (s Style) Text(text string) string {
	text = OneLine(text)
	if s.UTF8 {
		return text
	}
	return strings.Map(func(c rune) rune {
		if c > unicode.MaxASCII {
			return '?'
		}
		return c
	}, text)
}

// Wrap breaks a text at blanks, so that it fits the width behind an indent, which
// all lines but the first get. A word that is longer stays whole: it may be an ARN
// or a path, to be copied.
func (s Style) Wrap(indent int, text string) string {
	if s.Width == 0 {
		return text
	}
	var out strings.Builder
	column := indent
	for i, word := range strings.Fields(text) {
		width := utf8.RuneCountInString(word)
		switch {
		case i == 0:
		case column+1+width > s.Width:
			out.WriteString("\n" + strings.Repeat(" ", indent))
			column = indent
		default:
			out.WriteByte(' ')
			column++
		}
		out.WriteString(word)
		column += width
	}
	return out.String()
}
