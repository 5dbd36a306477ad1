package redact

import (
	"slices"
	"strings"
	"unicode"
)

// strength is how likely a name is followed by a secret.
type strength int

const (
	noName   strength = iota
	weakName          // key, auth, cookie: the value must look random
	wordName          // token, secret: also used in prose
	codeName          // client_secret, accessToken: an identifier, never prose
	passName          // password and similar words
)

// name is an identifier in a line that introduces a secret.
type name struct {
	strength
	from, to  int
	flag      bool // starts with dashes, as in --password
	plural    bool // plural, as in tokens: a number after it is a count
	qualified bool // with a qualifier, as in password_file or token_ttl: a property of a secret
}

// maxName is the maximum number of bytes of an identifier that are examined, counted from its end.
const maxName = 96

func inName(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == '-' || c == '.'
}

// namesIn finds the names of secrets in a line.
func namesIn(line, lower string) []name {
	var found []name
	blank := -2 // end of the previous identifier if it was a kind of key
	for at := 0; at < len(line); at++ {
		if !inName(line[at]) {
			continue
		}
		at += escapeAt(line, at)
		from := at
		for at < len(line) && inName(line[at]) {
			at++
		}
		to := from + len(strings.TrimRight(line[from:at], ".-"))
		n := nameOf(line, lower, from, to)
		if n.strength == weakName && blank == from-1 && strings.HasPrefix(lower[from:to], "key") {
			n.strength = wordName // "api key"
		}
		if blank = -2; at < len(line) && line[at] == ' ' && slices.Contains(keyKinds, lower[from:to]) {
			blank = at
		}
		if n.strength > noName {
			found = append(found, n)
		}
	}
	return found
}

// escapeAt returns the length of the escape sequence at line[at], without its backslash, or 0. For \n it is 1. The
// escape is not part of a name.
func escapeAt(line string, at int) int {
	switch {
	case at == 0 || line[at-1] != '\\':
	case line[at] == 'u' && at+5 < len(line):
		return 5
	case line[at] == 'x' && at+3 < len(line):
		return 3
	case strings.IndexByte("nrt", line[at]) >= 0:
		return 1
	}
	return 0
}

func containsAny(text string, any []string) bool {
	return slices.ContainsFunc(any, func(s string) bool { return strings.Contains(text, s) })
}

// nameOf classifies the identifier at line[from:to].
func nameOf(line, lower string, from, to int) name {
	n := name{from: from, to: to}
	from = max(from, to-maxName)
	if to-from < 2 || !containsAny(lower[from:to], stems) {
		return n
	}
	n.flag = line[n.from] == '-' && (n.from == 0 || strings.IndexByte(" \t\"'`=([,\\\x00", line[n.from-1]) >= 0 || endsInNUL(line[:n.from]))
	n.strength, n.plural, n.qualified = classify(words(line[from:to]))
	if lower[from:to] == "_auth" || strings.HasSuffix(lower[from:to], "__auth") { // as in .npmrc
		n.strength = codeName
	}
	return n
}

// endsInNUL reports whether a text ends with an escaped NUL.
func endsInNUL(s string) bool { return strings.HasSuffix(s, `\u0000`) || strings.HasSuffix(s, `\x00`) }

// strengthOf classifies a complete text, such as a JSON key.
func strengthOf(text string) strength {
	text = strings.TrimSpace(text)
	text = text[max(0, len(text)-maxName):]
	if strings.HasSuffix(text, "_AUTH") { // a variable such as REDIS_AUTH
		return codeName
	}
	s, _, qualified := classify(words(text))
	if qualified {
		return min(s, weakName)
	}
	return s
}

// words splits an identifier at punctuation, digits and capitals: dbPassword2 becomes db and password.
func words(identifier string) []string {
	var all []string
	var word []rune
	flush := func() {
		if len(word) > 0 {
			all = append(all, strings.ToLower(string(word)))
			word = word[:0]
		}
	}
	runes := []rune(identifier)
	for i, c := range runes {
		if !unicode.IsLetter(c) {
			flush()
			continue
		}
		if unicode.IsUpper(c) && i > 0 && (unicode.IsLower(runes[i-1]) || i+1 < len(runes) && unicode.IsLower(runes[i+1])) {
			flush()
		}
		word = append(word, c)
	}
	flush()
	return all
}

// classify returns the strength of a name, based on the last of its words that names a secret.
func classify(all []string) (s strength, plural, qualified bool) {
	for i := range slices.Backward(all) {
		if i > 1 && all[i] == "id" && all[i-1] == "key" && all[i-2] == "access" { // an access key ID is not secret
			return weakName, false, true
		}
		if s = strengthAt(all, i); s > noName {
			last := all[len(all)-1]
			return s, strings.HasSuffix(last, "s") && last != "pass", slices.ContainsFunc(all[i+1:], isQualifier)
		}
	}
	return noName, false, false
}

// strengthAt returns the strength of word i of a name.
func strengthAt(all []string, i int) strength {
	w, before, alone := all[i], "", len(all) == 1
	if i > 0 {
		before = all[i-1]
	}
	switch {
	case alone && w == "passwd": // also the name of a program and a file
		return wordName
	case isPassWord(w):
		return passName
	case slices.Contains(codeWords, w), isCodePair(before, w):
		return codeName
	case alone && slices.Contains(secretWords, w):
		return wordName
	case endsIn(w, secretWords), w == "cred", w == "creds":
		return codeName
	case slices.Contains(weakWords, w):
		return weakName
	}
	return noName
}

// isPassWord reports whether a word means a password.
func isPassWord(w string) bool {
	return endsIn(w, passWords) && !slices.Contains(notPass, w) || strings.HasPrefix(w, "password") || strings.HasPrefix(w, "passwd")
}

// isCodePair reports whether two words, such as api key, name a secret together.
func isCodePair(first, second string) bool {
	switch second {
	case "key", "keys":
		return slices.Contains(keyKinds, first)
	case "data", "string":
		return first == "auth"
	case "signature":
		return first == "access"
	}
	return false
}

func isQualifier(word string) bool { return slices.Contains(qualifiers, word) }

func endsIn(word string, endings []string) bool {
	return slices.ContainsFunc(endings, func(e string) bool { return strings.HasSuffix(word, e) })
}
