package redact

import (
	"strings"

	"muster/internal/base/lazyregexp"
)

// value is the text after a name, at [from:to], without its quotes.
type value struct {
	from, to   int
	quoted     bool
	references bool // contains ARNs of secrets
}

// quotes matches a quotation mark, either preceded by any number of backslashes or as an HTML, URL or JSON escape.
const quotes = `(?:\\*["'` + "`" + `]|&quot;|&#3[49];|%(?:25)*2[27]|\\+u002[27]|\\+x2[27])`

var (
	inAngles    = lazyregexp.New(`^<([^\s<>/]+)>`)
	placeholder = lazyregexp.New(`^(?:[a-z][a-z_-]*|[A-Z_]+|nil)$`)
	openQuote   = lazyregexp.New(`^[bBrRuUfFL$@]?(` + quotes + `)`)
	constant    = lazyregexp.New(`^(?i:null|nil|none|undefined|true|false|yes|no|on|off|empty|<nil>|\(none\))?$|^[{}\[\]()|>,;=:]+-?$`)
	variable    = lazyregexp.New(`^\$(?:\(|\{|[A-Z_][A-Z0-9_]*$)|^\{\{|^<<[-~]?["']?\w+["']?$|^%[A-Za-z_]+%$|^<[a-z][a-z ` +
		`-]*>?$|^\*+$|^[xX]{3,}$|` +
		`(?i)^[<\[(]?redacted[>\])]?$`)
	resource = lazyregexp.New(`^arn:aws[a-z-]*:`)
	number   = lazyregexp.New(`^-?[0-9][0-9.,:]*(?:[a-zA-Z]{1,2}|[0-9TZ:.+-]*)$`)
	fileName = lazyregexp.New(`^(?:~|\.\.?|[A-Za-z]:)[/\\]|^(?:file:/*)?/(?:etc|var|opt|usr|run|tmp|home|proc|sys|dev|` +
		`srv|mnt|root|data|app|apps|lib|bin|v[1-4]|api|latest)(?:/|$)`)
	prose = lazyregexp.New(`^(?:[A-Z]?[a-z]+(?:[-'][a-z]+)*|(?:[A-Z]?[a-z]+)(?:[A-Z][a-z]+)+|[A-Z]+|[0-9]{1,5}|` +
		`[A-Za-z.]+(?:Exception|Error|Fault|Denied|Canceled|Timeout|Failed))[.,;:!?)]*$`)
	identifier = lazyregexp.New(`^(?:[a-z]+(?:-[a-z0-9]+)+-[0-9a-f]{1,17}|[a-z]+-[0-9a-f]{8,17}|(?:[0-9]+\.)+[0-9]+` +
		`(?:[:/][0-9]+)?|v?[0-9]+(?:\.[0-9a-z]+)*|[0-9:.TZ+-]+|` +
		`[0-9]+[a-zA-Z]{1,3}|(?i:sha256):[0-9a-f]+|[\w-]+(?:\.[\w-]+)+(?::[0-9]+)?|[A-Za-z]+\([^)]*\)|[a-z]+[0-9]{1,2}|` +
		`[A-Z0-9_]+=.*|[\w.-]+@[\w.-]+)$`)
)

// readValue reads the value at the start of s. In a query string, the value ends at an ampersand.
func readValue(s string, query bool) value {
	if strings.HasPrefix(s, Mask) {
		return value{to: len(Mask)}
	}
	if m := openQuote.Get().FindStringSubmatchIndex(s[:min(len(s), 64)]); m != nil {
		to, end := closing(s, m[1], s[m[2]:m[3]])
		for end < len(s) && continuesAfter(s[end:]) { // as in 'it'\''s' or 'it'"'"'s'
			from := end
			if open := openQuote.Get().FindStringSubmatchIndex(s[end:min(len(s), end+64)]); open != nil && open[0] == open[2] {
				_, end = closing(s, end+open[1], s[end+open[2]:end+open[3]])
			} else {
				end += bareEnd(s[end:], query)
			}
			if to = end; end == from {
				break
			}
		}
		return value{from: m[1], to: to, quoted: true}
	}
	if len(s) > 1 && (s[0] == '[' || s[0] == '{') && s[1] != s[0] {
		if end := strings.IndexByte(s, "]}"[strings.IndexByte("[{", s[0])]); end > 0 {
			if strings.Contains(s[:end], "arn:aws") { // references to secrets
				return value{references: true}
			}
			return value{from: 1, to: end}
		}
	}
	if m := inAngles.Get().FindStringSubmatchIndex(s[:min(len(s), maxName)]); m != nil {
		return value{from: m[2], to: m[3], references: placeholder.Get().MatchString(s[m[2]:m[3]])}
	}
	return value{to: bareEnd(s, query)}
}

// closing finds the quotation mark that closes open. It accepts at most as many backslashes before it as before open.
// It returns the start and the end of that mark.
func closing(s string, from int, open string) (to, end int) {
	if last := open[len(open)-1]; last == ';' || strings.ContainsAny(open, "%ux") {
		if at := strings.Index(s[from:], open); at >= 0 {
			return from + at, from + at + len(open)
		}
		return len(s), len(s)
	}
	slashes := 0
	for at := from; at < len(s); at++ {
		switch s[at] {
		case '\\':
			slashes++
			continue
		case open[len(open)-1]:
			if len(open) == 1 && slashes%2 == 0 { // as in "a\\\\", which ends with escaped backslashes
				return at, at + 1
			}
			if slashes < len(open) && len(open) > 1 {
				return at - slashes, at + 1
			}
		}
		slashes = 0
	}
	return len(s), len(s)
}

// continuesAfter reports whether the text after a closing quote belongs to the same shell word.
func continuesAfter(s string) bool {
	return inName(s[0]) && s[0] != '.' || s[0] == '\'' || s[0] == '$' || strings.HasPrefix(s, `\'`) || strings.HasPrefix(s, `"'`)
}

// bareEnd returns the length of the unquoted value at the start of s.
func bareEnd(s string, query bool) int {
	at := 0
scan:
	for ; at < len(s); at++ {
		switch c := s[at]; c {
		case 0, ' ', '\t', '\n', '\r', '\v', '\f', '<', '`', 0x1b:
			break scan
		case '&', '#':
			if query || strings.HasPrefix(s[at:], "&quot;") || strings.HasPrefix(s[at:], "&lt;") {
				break scan
			}
		case '%':
			if query && strings.HasPrefix(s[at:], "%26") {
				break scan
			}
		case '"', '\'':
			if at+1 == len(s) || strings.IndexByte(" \t\r\n\"',;:}])>&/\\", s[at+1]) >= 0 {
				break scan
			}
		case '\\':
			if n := escaped(s[at:]); n > 0 {
				break scan
			}
		}
	}
	return bracketEnd(strings.TrimRight(s[:at], ",;"))
}

// bracketEnd returns the length of the text without unmatched closing brackets at its end.
func bracketEnd(text string) int {
	for i, c := range []byte(")]}") {
		if text != "" && text[len(text)-1] == c && strings.IndexByte(text, "([{"[i]) < 0 {
			return len(strings.TrimRight(text, ")]},;"))
		}
	}
	return len(text)
}

// escaped returns the number of backslashes before the escaped quote or separator at the start of s.
func escaped(s string) int {
	at := 0
	for at < len(s) && s[at] == '\\' {
		at++
	}
	for _, end := range []string{`"`, "u0026", "u003c", "u0022", "u0000", "x00"} {
		if strings.HasPrefix(s[at:], end) {
			return at
		}
	}
	if at > 1 && strings.HasPrefix(s[at:], "'") {
		return at
	}
	return 0
}

// isValue rejects a constant, a shell variable, a placeholder and an ARN.
func isValue(s string) bool {
	s = strings.Trim(s, `"'\`)
	return !constant.Get().MatchString(s) && !variable.Get().MatchString(s) && !resource.Get().MatchString(s) && s != Mask
}

// isRandom rejects file names and the words of a sentence.
func isRandom(s string) bool {
	return isValue(s) && !prose.Get().MatchString(strings.Trim(s, `"'\([{<`)) && !fileName.Get().MatchString(s) && !strings.HasPrefix(s, "//")
}

// looksSecret rejects words and identifiers. A secret has at least eight characters: letters, and digits or punctuation.
func looksSecret(s string) bool {
	s = strings.Trim(strings.TrimRight(s, ".,;:!?)"), `"'\`)
	return len(s) >= 8 && isRandom(s) && !identifier.Get().MatchString(s) &&
		!strings.Contains(s, "://") && strings.Count(s, "/") < 3 && !strings.ContainsAny(s, "[](){}<>| \t") &&
		strings.ContainsAny(s, "0123456789!@#$%^&*+=~?") &&
		strings.ContainsAny(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
}

// isLong accepts random text that is at least as long as a key.
func isLong(s string) bool {
	return len(s) >= 12 && looksSecret(s) && strings.ContainsAny(s, "0123456789") && !strings.ContainsAny(s, ",;:")
}
