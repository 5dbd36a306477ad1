package term

import (
	"strings"
	"unicode"
)

// Inert replaces every character that a reader cannot see, or that moves a
// cursor, breaks a line or turns the direction of the text, by a blank: the C0
// and C1 controls but the tab, the line and paragraph separators, and all format
// characters (Unicode's category Cf: bidi controls, zero-width characters, the
// byte order mark, tags) and those that fonts show as nothing. Other text stays
// as it is, blanks of any width too.
//
// Every output that quotes others goes through here, JSON and HTML included.
func Inert(text string) string {
	return strings.Map(func(c rune) rune {
		if c != '\t' && isActive(c) {
			return ' '
		}
		return c
	}, text)
}

// OneLine is Inert for a text that is shown on one line: a tab is a blank too,
// and so is whatever cannot be printed.
func OneLine(text string) string {
	return strings.Map(func(c rune) rune {
		if unicode.IsPrint(c) && !isActive(c) {
			return c
		}
		return ' '
	}, text)
}

// invisible are printable or private by their category and yet shown as nothing
// (Default_Ignorable_Code_Point in Unicode's DerivedCoreProperties.txt).
var invisible = &unicode.RangeTable{
	R16: []unicode.Range16{
		{Lo: 0x034f, Hi: 0x034f, Stride: 1}, // combining grapheme joiner
		{Lo: 0x115f, Hi: 0x1160, Stride: 1}, // Hangul fillers
		{Lo: 0x17b4, Hi: 0x17b5, Stride: 1}, // Khmer inherent vowels
		{Lo: 0x180b, Hi: 0x180f, Stride: 1}, // Mongolian variation selectors
		{Lo: 0x2065, Hi: 0x2065, Stride: 1},
		{Lo: 0x3164, Hi: 0x3164, Stride: 1}, // Hangul filler
		{Lo: 0xfe00, Hi: 0xfe0f, Stride: 1}, // variation selectors
		{Lo: 0xffa0, Hi: 0xffa0, Stride: 1}, // Hangul filler
		{Lo: 0xfff0, Hi: 0xfffb, Stride: 1},
	},
	R32: []unicode.Range32{{Lo: 0xe0000, Hi: 0xe0fff, Stride: 1}}, // tags, variation selectors
}

func isActive(c rune) bool {
	return unicode.In(c, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, invisible)
}
