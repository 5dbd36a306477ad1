package redact

import (
	"encoding/base64"
	"slices"
	"strings"

	"muster/internal/base/lazyregexp"
)

// The rules for runs of base64 characters. They are implemented in code, because with patterns they took most of the
// total time.
const awsSecret, longBase64 = "aws-secret-key", "base64"

// ruleOfRun returns the ID of the rule by which a run is a secret, or "". padded means that the equals signs after the
// run are base64 padding and not an assignment.
func ruleOfRun(run string, padded bool) string {
	bare := strings.TrimRight(run, "=")
	switch {
	case len(bare) < 12:
		return ""
	case len(bare) == 40 && isMixed(bare):
		return awsSecret
	case isKeyLine(bare), len(bare) >= 56 && !path.Get().MatchString(bare) && slices.ContainsFunc(strings.Split(bare, "/"), isLongMixed),
		len(bare) >= 16 && padded && isCased(bare),
		!hexTail.Get().MatchString(bare) && isEncodedText(run),
		slices.ContainsFunc(strings.Split(bare, "/"), isLongText):
		return longBase64
	}
	return ""
}

// isKeyLine accepts a complete line of a base64 key, with any number of slashes: 64 characters (RFC 7468), 70 (OpenSSH)
// or 76 (MIME). In random base64, about 64 of 100 pairs of neighboring characters are of different kinds; in words, far
// fewer.
func isKeyLine(run string) bool {
	if n := len(run); n != 64 && n != 70 && n != 76 {
		return false
	}
	changes := 0
	for i := 1; i < len(run); i++ {
		if kindOf(run[i]) != kindOf(run[i-1]) {
			changes++
		}
	}
	return changes >= 24 && isMixed(run)
}

// kindOf returns the kind of a character: capital, other letter, digit or sign.
func kindOf(c byte) int {
	switch {
	case 'a' <= c && c <= 'z':
		return 0
	case 'A' <= c && c <= 'Z':
		return 1
	case '0' <= c && c <= '9':
		return 2
	}
	return 3
}

// isLongMixed accepts base64, which rarely contains slashes, but not paths.
func isLongMixed(piece string) bool { return len(piece) >= 20 && isMixed(piece) }

// isLongText reports whether the run contains base64-encoded text next to an unrelated slash.
func isLongText(piece string) bool {
	return len(piece) >= 16 && isCased(piece) && !hexTail.Get().MatchString(piece) && isEncodedText(piece)
}

func ofBase64(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '+' || c == '/'
}

// runs finds the runs that are secrets.
func runs(line string, found []span) []span {
	for at := 0; at < len(line); at++ {
		if line[at] == '\\' {
			at++ // skip the escaped character, such as the n of a line ending
			continue
		}
		from := at
		for at < len(line) && ofBase64(line[at]) {
			at++
		}
		for end := min(len(line), at+2); at > from && at < end && line[at] == '='; {
			at++
		}
		padded := at > from && line[at-1] == '=' && (at-from)%4 == 0 && endsRun(line[at:])
		if id := ruleOfRun(line[from:at], padded); id != "" {
			found = append(found, span{from, at, id})
		}
		if at > from {
			at-- // the character after a run can be a backslash
		}
	}
	return found
}

// endsRun reports whether a run of base64 can end before the given rest of the line.
func endsRun(rest string) bool {
	return rest == "" || strings.IndexByte(" \t\"',;:&<>)}]\\", rest[0]) >= 0
}

var (
	hexTail = lazyregexp.New(`(?:^|/)[0-9a-f]{8,}$`)
	path    = lazyregexp.New(`^/?(?:(?:[A-Z]?[a-z]+)*[0-9]*/){3,}(?:[A-Z]?[a-z]+)*[0-9]*$`) // matches about one in 10^8 random keys
)

// camelPath matches a path of names such as role/AmazonEC2ContainerServiceforEC2Role, which has 40 characters. It
// matches about one in 10^7 random keys.
var camelPath = lazyregexp.New(`^/?(?:(?:[A-Z]{1,4}[0-9]{0,2})*[a-z]{3,}[0-9]{0,2}/?)+$`)

// isCased accepts base64, but not text that consists only of hexadecimal digits or capitals.
func isCased(s string) bool { return strings.ToLower(s) != s && strings.ToUpper(s) != s }

// isMixed accepts random text, but not a path of words or text that ends with an ID.
func isMixed(s string) bool {
	return isCased(s) && strings.ContainsAny(s, "0123456789") && !hexTail.Get().MatchString(s) && !path.Get().MatchString(s) &&
		!camelPath.Get().MatchString(s)
}

// isEncodedText reports whether a run is base64-encoded printable text.
func isEncodedText(s string) bool {
	decoded, err := base64.StdEncoding.DecodeString(s)
	return err == nil && !slices.ContainsFunc(decoded, func(c byte) bool {
		return c < ' ' && c != '\n' && c != '\t' && c != '\r' || c > '~'
	})
}
