package term

import (
	"bytes"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf16"
)

// Quoted text must not move the cursor, hide or break a line, or change the direction of the text next to it. Use the
// function for the kind of output:
//
//	OneLine, Row  a line or a row that quotes text from outside
//	Writer        all output to stdout and stderr
//	Inert         a line of a log or of a page, which keeps its tabs
//	InertJSON     a whole JSON document
//	InertXML      a whole XML document

// OneLine replaces all unprintable and invisible characters, including tabs, with blanks.
func OneLine(text string) string {
	return strings.Map(func(c rune) rune {
		if unicode.IsPrint(c) && !isActive(c) {
			return c
		}
		return ' '
	}, text)
}

// Inert replaces active characters, including line feeds, with blanks. It keeps tabs and blanks of any width.
func Inert(text string) string {
	return strings.Map(func(c rune) rune {
		if c != '\t' && isActive(c) {
			return ' '
		}
		return c
	}, text)
}

// InertJSON escapes the active characters of a valid JSON document without changing its meaning. encoding/json escapes
// only the first 32, and the line separators.
func InertJSON(document []byte) []byte {
	return escaped(document, func(out *bytes.Buffer, c rune) {
		for _, unit := range utf16.Encode([]rune{c}) {
			fmt.Fprintf(out, `\u%04x`, unit)
		}
	})
}

// InertXML escapes the active characters in text and attributes of a document from encoding/xml, which escapes or
// replaces only the first 32.
func InertXML(document []byte) []byte {
	return escaped(document, func(out *bytes.Buffer, c rune) { fmt.Fprintf(out, "&#x%X;", c) })
}

func escaped(document []byte, escape func(*bytes.Buffer, rune)) []byte {
	if bytes.IndexFunc(document, isHidden) < 0 {
		return document
	}
	var out bytes.Buffer
	for _, c := range string(document) {
		if isHidden(c) {
			escape(&out, c)
		} else {
			out.WriteRune(c)
		}
	}
	return out.Bytes()
}

// isHidden reports whether c is active, except for the white space of the JSON layout itself.
func isHidden(c rune) bool { return c >= 0x7f && isActive(c) }

// isActive reports whether c is a C0 or C1 control, a line or paragraph separator, a format character (Unicode category
// Cf: bidi controls, zero-width characters, the byte order mark, tags), or invisible.
func isActive(c rune) bool {
	if c < 0x7f {
		return c < ' '
	}
	return unicode.In(c, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, invisible)
}

// invisible lists characters that are not format characters but are not displayed (Default_Ignorable_Code_Point in
// Unicode's DerivedCoreProperties.txt).
var invisible = &unicode.RangeTable{
	R16: []unicode.Range16{
		{Lo: 0x034f, Hi: 0x034f, Stride: 1}, // combining grapheme joiner
		{Lo: 0x115f, Hi: 0x1160, Stride: 1}, // Hangul fillers
		{Lo: 0x17b4, Hi: 0x17b5, Stride: 1}, // Khmer inherent vowels
		{Lo: 0x180b, Hi: 0x180f, Stride: 1}, // Mongolian variation selectors
		{Lo: 0x2065, Hi: 0x2065, Stride: 1}, // unassigned, among the bidi controls
		{Lo: 0x3164, Hi: 0x3164, Stride: 1}, // Hangul filler
		{Lo: 0xfe00, Hi: 0xfe0f, Stride: 1}, // variation selectors
		{Lo: 0xffa0, Hi: 0xffa0, Stride: 1}, // Hangul filler
		{Lo: 0xfff0, Hi: 0xfffb, Stride: 1}, // specials
	},
	R32: []unicode.Range32{{Lo: 0xe0000, Hi: 0xe0fff, Stride: 1}}, // tags, variation selectors
}
