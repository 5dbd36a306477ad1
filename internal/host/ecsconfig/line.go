package ecsconfig

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"muster/internal/base/lazyregexp"
)

// byteOrderMark is not trimmed by strings.TrimSpace, so the agent reads it as part of the first key.
const byteOrderMark = "\ufeff"

// statement is the intended meaning of a line, and why the agent reads it differently. The key is empty for blank lines,
// comments and lines that set no variable.
type statement struct {
	name  string // the key as written
	key   string // the intended key
	value string // the intended value
	seen  string // the key that the agent reads; empty for a line without "="
	raw   string // the value that the agent reads
	split bool   // the agent finds a "=" in the line
	rest  string // further settings on the same line
	forms []oddity
}

// oddity is a way of writing a line that the agent misreads.
type oddity struct{ what, repair string }

func (s *statement) note(is bool, what, repair string) {
	if is {
		s.forms = append(s.forms, oddity{what, repair})
	}
}

// misread reports whether the line must be rewritten.
func (s statement) misread() bool {
	return slices.ContainsFunc(s.forms, func(o oddity) bool { return o.repair != "" })
}

// invisible characters are not displayed, but the agent keeps them.
var invisible = strings.NewReplacer("\ufeff", "", "\u200b", "", "\u200c", "", "\u200d", "", "\u2060", "",
	"\u00ad", "", "\u200e", "", "\u200f", "")

func visible(text string) string {
	if isASCII(text) {
		return text
	}
	return invisible.Replace(text)
}

// isCommentOrBlank reports whether a line is a comment or blank. It uses no regular expression, because files consist
// mostly of such lines.
func isCommentOrBlank(line string) bool {
	text := strings.TrimLeft(line, " \t\n\f\r")
	return text == "" || text[0] == '#' || text[0] == ';'
}

func isASCII(text string) bool {
	for i := range len(text) {
		if text[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// before lists words that precede a setting in other syntaxes, but have no meaning here.
var before = []string{"export", "set", "echo", "env", "declare", "-x", "-", "-e"}

// intended determines what the author of line meant.
func intended(line string) statement {
	text := strings.TrimSpace(line)
	seen, raw, split := strings.Cut(text, "=")
	bare := strings.TrimSpace(strings.TrimLeft(text, byteOrderMark+"\u200b\u2060"))
	if isCommentOrBlank(bare) || len(text) > maxAssignment {
		return statement{seen: seen, raw: raw, split: split}
	}
	s := statement{seen: seen, raw: raw, split: split}
	name, value, ok := s.splitLine(bare)
	if !ok {
		return s
	}
	prefix, name := stripWords(name)
	written := strings.Trim(strings.TrimSpace(name), `"'`)
	clean := visible(written)
	s.name, s.key = clean, clean
	if known := canonical(clean); known != "" {
		s.key = known
	}
	if !isName(s.key) {
		return statement{seen: seen, raw: raw, split: split}
	}
	s.note(bare != text, "has a byte order mark before its name", "remove the mark")
	s.note(prefix != "", `has "`+prefix+`" before its name`, `remove "`+prefix+`"`)
	s.note(written != strings.TrimSpace(name), "has quotes around its name", "remove the quotes")
	s.note(clean != written, "has an invisible character in its name", "remove the character")
	s.note(s.key != s.name, "is not a setting of the ECS agent: did you mean "+s.key+"?", "write "+s.key)
	s.note(split && strings.TrimRightFunc(name, unicode.IsSpace) != name, `has a space before "="`, "remove the space")
	s.values(value)
	return s
}

// splitLine splits a line into name and value. Without "=", it splits only if the name is a known key, and the line stays
// as it is.
func (s *statement) splitLine(bare string) (name, value string, ok bool) {
	if name, value, ok = strings.Cut(bare, "="); ok {
		return name, value, true
	}
	parts := unassigned.Get().FindStringSubmatch(bare)
	if parts == nil || canonical(parts[1]) == "" {
		return "", "", false
	}
	what := `has no "=" after its name`
	if parts[2] == ":" {
		what = `has ":" instead of "=" after its name`
	}
	s.note(true, what+": the ECS agent ignores the line", "")
	return parts[1], parts[3], true
}

// unassigned matches "KEY: value", "KEY value" and "KEY".
var unassigned = lazyregexp.New(`^"?([A-Za-z_][A-Za-z0-9_.-]*)"?\s*(:|\s|$)\s*(.*)$`)

// stripWords removes the words before a name in shell or YAML syntax.
func stripWords(name string) (words, rest string) {
	fields := strings.Fields(name)
	n := 0
	for n < len(fields)-1 && slices.Contains(before, fields[n]) {
		n++
	}
	if n == 0 || n != len(fields)-1 {
		return "", name
	}
	end := strings.TrimRightFunc(name, unicode.IsSpace)
	return strings.Join(fields[:n], " "), fields[n] + name[len(end):]
}

// values determines the intended value. The steps work from the outside in.
func (s *statement) values(raw string) {
	value := strings.TrimSpace(raw)
	s.note(value != raw, `has a space after "="`, "remove the space")
	k := byName[s.key]
	if at := nextSetting(value); at >= 0 {
		s.rest, value = value[at:], trimSeparator(value[:at])
	}
	if k != nil {
		if cut := cutComment(value); cut != value {
			s.note(true, "has a comment after its value", "remove the comment")
			value = cut
		}
	}
	value = s.bare(value)
	if k != nil {
		value = s.known(k, value)
	}
	s.value = value
}

// bare removes invisible characters and quotes around the value repeatedly, because they can be nested.
func (s *statement) bare(value string) string {
	var hidden, quoted, typographic bool
	for {
		before := value
		if plain := strings.TrimSpace(visible(value)); plain != value && utf8.ValidString(value) {
			hidden, value = true, plain
		}
		if inner := unquote(value); inner != value {
			quoted, value = true, inner
		}
		if inner := untypographic(value); inner != value {
			typographic, value = true, inner
		}
		if value == before {
			break
		}
	}
	s.note(hidden, "has an invisible character in its value", "remove the character")
	s.note(quoted, "has quotes around its value", "remove the quotes")
	s.note(typographic, "has typographic quotes around its value", "remove the quotes")
	return value
}

// known removes text that is recognizable as an error only if the kind of the key is known.
func (s *statement) known(k *Key, value string) string {
	if k.Kind.plain && k.read(value).Fault != "" {
		cut := strings.TrimRight(strings.TrimSuffix(strings.TrimSuffix(value, `\n`), `\r`), ",; ")
		if cut != value && cut != "" && k.read(cut).Fault == "" {
			s.note(true, "has "+punctuation(value[len(cut):])+" after its value", "remove it")
			return cut
		}
	}
	if k.Kind.open != 0 && k.read(value).Fault != "" {
		if fixed, o, ok := straighten(k, value); ok {
			s.note(true, o.what, o.repair)
			return fixed
		}
	}
	return value
}

// punctuation names the text after a value.
func punctuation(text string) string {
	switch text {
	case ",":
		return "a comma"
	case ";":
		return "a semicolon"
	case `\n`, `\r\n`:
		return "the characters " + text
	}
	return "punctuation"
}

// setting matches "KEY=" after a separator, in a value.
var setting = lazyregexp.New(`(?:[\s;,&]|\\r\\n|\\n)+(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s?=`)

// appended matches "KEY=" right after a value: a line that was appended to a file without a final newline.
var appended = lazyregexp.New(`[a-z0-9\])}"']((?:ECS|AWS)_[A-Z0-9_]+)=`)

// nextSetting returns the offset of another known setting in value, or -1.
func nextSetting(value string) int {
	if !strings.Contains(value, "=") {
		return -1
	}
	for _, form := range []*lazyregexp.Regexp{setting, appended} {
		var q quotes
		for _, at := range form.Get().FindAllStringSubmatchIndex(value, -1) {
			if known := byName[value[at[2]:at[3]]]; known != nil && !q.open(value, at[2]) {
				return at[2]
			}
		}
	}
	return -1
}

// trimSeparator removes the separator between two settings on one line.
func trimSeparator(value string) string {
	for {
		cut := strings.TrimRight(value, " \t;,&")
		cut = strings.TrimSuffix(strings.TrimSuffix(cut, `\n`), `\r`)
		if word, found := strings.CutSuffix(cut, " export"); found {
			cut = word
		}
		if cut == value {
			return value
		}
		value = cut
	}
}

// cutComment returns value without a trailing comment: a "#" after a blank, outside quotes.
func cutComment(value string) string {
	var q quotes
	for i := 1; i < len(value); i++ {
		if value[i] == '#' && (value[i-1] == ' ' || value[i-1] == '\t') && !q.open(value, i) {
			return strings.TrimSpace(value[:i])
		}
	}
	return value
}

// quotes tracks the quotes of one value from left to right.
type quotes struct {
	mark byte // the open quote, or 0
	next int  // next offset to scan
}

// open reports whether the byte at the offset is inside quotes opened before it. Offsets must not decrease between
// calls.
func (q *quotes) open(value string, at int) bool {
	for ; q.next < at; q.next++ {
		switch c := value[q.next]; {
		case c == '\\':
			q.next++
		case q.mark == 0 && (c == '"' || c == '\''):
			q.mark = c
		case c == q.mark:
			q.mark = 0
		}
	}
	return q.mark != 0
}
