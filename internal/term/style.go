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

// Style describes the capabilities of an output.
type Style struct {
	Width int // maximum line width in columns; 0 means no wrapping
	Color bool
	UTF8  bool
}

// usual is the width of a terminal that does not report its own.
const usual = 80

// StyleOf determines the style from the terminal of out, if any, and the environment: COLUMNS, NO_COLOR (no-color.org),
// TERM and the locale. color is auto, always or never. Lines for a pipe are not wrapped, so that grep and head work.
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

// IsTerminal reports whether out is a terminal.
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

// Colors as SGR parameters (ECMA-48).
const (
	Bold    = "1"
	Dim     = "2"
	Red     = "1;31"
	Green   = "32"
	Yellow  = "33"
	Magenta = "35"

	reset = "0"
)

// Paint colors text if the style has color. Without parameters the text stays unchanged.
func (s Style) Paint(sgr, text string) string {
	if !s.Color || text == "" || sgr == "" {
		return text
	}
	return "\x1b[" + sgr + "m" + text + "\x1b[" + reset + "m"
}

// Text makes text safe for one line, in ASCII if UTF-8 is not supported.
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

// Wrap breaks text at blanks to fit the width, and indents all lines but the first. Longer words are not broken, because
// ARNs and paths must stay copyable.
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
