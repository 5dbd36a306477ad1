package ecsconfig

import (
	"encoding/json"
	"strings"

	"muster/internal/base/lazyregexp"
)

// unquote removes enclosing pairs of quotes from value as a shell and systemd do. It returns a value that is not quoted
// as a whole unchanged.
func unquote(value string) string {
	for {
		inner, ok := unquoteOnce(value)
		if !ok {
			return value
		}
		value = strings.TrimSpace(inner)
	}
}

func unquoteOnce(value string) (string, bool) {
	if len(value) < 2 || value[0] != value[len(value)-1] {
		return "", false
	}
	inner := value[1 : len(value)-1]
	switch value[0] {
	case '\'':
		return inner, !strings.Contains(inner, "'") || isJSONContainer(inner)
	case '"':
		if plain, ok := unescape(inner); ok {
			return plain, true
		}
		return inner, isJSONContainer(inner)
	}
	return "", false
}

// unescape resolves the escapes of a double-quoted string. It fails on a bare quote, and on a final backslash, which
// would escape the closing quote.
func unescape(inner string) (string, bool) {
	var plain strings.Builder
	for i := 0; i < len(inner); i++ {
		switch {
		case inner[i] == '"':
			return "", false
		case inner[i] == '\\' && i+1 == len(inner):
			return "", false
		case inner[i] == '\\' && strings.IndexByte("\"\\$`", inner[i+1]) >= 0:
			i++
		}
		plain.WriteByte(inner[i])
	}
	return plain.String(), true
}

// isJSONContainer recognizes the common form KEY="{"a":"b"}", whose meaning is clear despite its quoting.
func isJSONContainer(text string) bool {
	text = strings.TrimSpace(text)
	return text != "" && (text[0] == '{' || text[0] == '[') && json.Valid([]byte(text))
}

// typographic lists quote pairs that word processors and chat programs substitute.
var typographic = []string{"“”", "„“", "‘’", "‚‘", "«»", "””", "’’"}

// untypographic returns value without an enclosing pair of typographic quotes.
func untypographic(value string) string {
	if isASCII(value) {
		return value
	}
	for _, pair := range typographic {
		marks := []rune(pair)
		inner, opened := strings.CutPrefix(value, string(marks[0]))
		inner, closed := strings.CutSuffix(inner, string(marks[1]))
		if opened && closed && !strings.ContainsAny(inner, pair) {
			return strings.TrimSpace(inner)
		}
	}
	return value
}

var (
	straight     = strings.NewReplacer("“", `"`, "”", `"`, "„", `"`, "‘", "'", "’", "'")
	danglingItem = lazyregexp.New(`,\s*([}\]])`)
	// bareJSON matches JSON whose quotes a shell removed, as in "echo KEY={"a":"b"}".
	bareJSON  = lazyregexp.New(`^[\[{]\s*` + bareItem + `(?:\s*,\s*` + bareItem + `)*\s*[\]}]$`)
	bareWords = lazyregexp.New(bareWord)
)

const (
	bareWord = `[A-Za-z_][A-Za-z0-9_./-]*`
	bareItem = bareWord + `(?:\s*:\s*` + bareWord + `)?`
)

// straightening is a common error in JSON, and its fix.
type straightening struct {
	oddity
	undo func(string) string
}

var straightenings = []straightening{
	{oddity{`has escaped quotes (\") in its JSON`, "remove the backslashes"}, func(v string) string {
		return strings.ReplaceAll(v, `\"`, `"`)
	}},
	{oddity{"has typographic quotes in its JSON", "use straight quotes"}, straight.Replace},
	{oddity{"has single quotes in its JSON", "use double quotes"}, func(v string) string {
		if strings.Contains(v, `"`) {
			return v
		}
		return strings.ReplaceAll(v, "'", `"`)
	}},
	{oddity{"has a comma after the last item of its JSON", "remove the comma"}, func(v string) string {
		return danglingItem.Get().ReplaceAllString(v, "$1")
	}},
	{oddity{"has no quotes in its JSON", "add the quotes"}, func(v string) string {
		if !bareJSON.Get().MatchString(v) {
			return v
		}
		return bareWords.Get().ReplaceAllString(v, `"$0"`)
	}},
}

// straighten returns the intended JSON of an invalid value, if one change makes it valid for k.
func straighten(k *Key, value string) (fixed string, o oddity, ok bool) {
	for _, s := range straightenings {
		fixed := s.undo(value)
		if fixed == value || !json.Valid([]byte(fixed)) {
			continue
		}
		if r := k.read(fixed); r.Fault == "" || r.Severity == Refused {
			return fixed, s.oddity, true
		}
	}
	return value, oddity{}, false
}
