package redact

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"muster/internal/base/lazyregexp"
)

// JSON and logfmt logs contain lines of other programs in quoted strings, and these lines can contain quoted strings
// too. Each string is searched as a separate text.

// maxDepth limits how deeply nested strings are searched.
const maxDepth = 3

// quotedText matches strings long enough to contain a name and a secret.
var quotedText = lazyregexp.New(`"((?:[^"\\]|\\.){8,})"`)

// nested finds the secrets in the quoted strings of a line.
func nested(line string, depth int, found []span) []span {
	if depth >= maxDepth {
		return found
	}
	for from := 0; from < len(line); {
		m := quotedText.Get().FindStringSubmatchIndex(line[from:])
		if m == nil {
			return found
		}
		found = inText(line, from+m[2], from+m[3], depth, found)
		from += m[3]
	}
	return found
}

// inText searches line[from:to] as a text with lines of its own.
func inText(line string, from, to, depth int, found []span) []span {
	text, raw := unescape(line, from, to)
	var inner Filter
	all := strings.Split(text, "\n")
	at := 0
	for i, one := range all {
		for _, s := range inner.find(one, following(all, i), depth+1) {
			found = append(found, span{raw[at+s.from], raw[at+s.to], s.rule})
		}
		at += len(one) + 1
	}
	return found
}

// flattened finds the secrets in a line that holds several lines with their ends
// escaped, and no quotes around them: a value of an env file that was YAML.
func flattened(line string, depth int, found []span) []span {
	if depth >= maxDepth || strings.Count(line, `\n`) < 2 {
		return found
	}
	return inText(line, 0, len(line), depth, found)
}

// unescape decodes the escape sequences in line[from:to]. raw maps each byte of the result to its offset in the line.
func unescape(line string, from, to int) (text string, raw []int) {
	out := make([]byte, 0, to-from)
	raw = make([]int, 0, to-from+1)
	for from < to {
		piece, size := string(line[from]), 1
		if line[from] == '\\' && from+1 < to {
			piece, size = unescaped(line[from:to])
		}
		for range len(piece) {
			raw = append(raw, from)
		}
		out = append(out, piece...)
		from += size
	}
	return string(out), append(raw, to)
}

// unescaped decodes the escape at the start of s and returns its length.
func unescaped(s string) (piece string, size int) {
	switch s[1] {
	case 'n':
		return "\n", 2
	case 't':
		return "\t", 2
	case 'r':
		return " ", 2
	case 'u', 'x':
		digits := 2
		if s[1] == 'u' {
			digits = 4
		}
		if len(s) >= 2+digits {
			if c, err := strconv.ParseUint(s[2:2+digits], 16, 16); err == nil && utf8.ValidRune(rune(c)) {
				return string(rune(c)), 2 + digits
			}
		}
	case '"', '\'', '\\', '/', '`', '$':
		return s[1:2], 2
	}
	return s[:1], 1
}
