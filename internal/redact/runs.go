package redact

import (
	"encoding/base64"
	"slices"
	"strings"

	"muster/internal/base/lazyregexp"
)

// Rules for runs of base64 characters. Code scans for them, because patterns took most of the time.
const awsSecret, longBase64 = "aws-secret-key", "base64"

// ruleOfRun returns the rule that makes a run a secret, or "". padded means that the trailing equals signs belong to the
// run and do not assign a value.
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

// isKeyLine accepts a whole line of a base64 key with any number of slashes: 64 characters (RFC 7468), 70 (OpenSSH) or
// 76 (MIME). In random base64, 64 of 100 neighboring characters differ in kind; in words, far fewer do.
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

// kindOf distinguishes capitals, other letters, digits and signs.
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

// isLongMixed accepts base64, in which slashes are rare, not a path.
func isLongMixed(piece string) bool { return len(piece) >= 20 && isMixed(piece) }

// isLongText finds text in base64 next to an unrelated slash.
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

// endsRun reports whether a run of base64 can end before the rest of a line.
func endsRun(rest string) bool {
	return rest == "" || strings.IndexByte(" \t\"',;:&<>)}]\\", rest[0]) >= 0
}

var (
	hexTail = lazyregexp.New(`(?:^|/)[0-9a-f]{8,}$`)
	path    = lazyregexp.New(`^/?(?:(?:[A-Z]?[a-z]+)*[0-9]*/){3,}(?:[A-Z]?[a-z]+)*[0-9]*$`) // one in 10^8 keys looks so
)

// camelPath is a path of names such as role/AmazonEC2ContainerServiceforEC2Role,
// which has 40 characters. One in 10^7 keys looks so.
var camelPath = lazyregexp.New(`^/?(?:(?:[A-Z]{1,4}[0-9]{0,2})*[a-z]{3,}[0-9]{0,2}/?)+$`)

// isCased accepts base64, but not hexadecimal digits or capitals only.
func isCased(s string) bool { return strings.ToLower(s) != s && strings.ToUpper(s) != s }

// isMixed accepts random text, but not a path of words or a text that ends with an ID.
func isMixed(s string) bool {
	return isCased(s) && strings.ContainsAny(s, "0123456789") && !hexTail.Get().MatchString(s) && !path.Get().MatchString(s) && !camelPath.Get().MatchString(s)
}

// isEncodedText reports whether a run is printable text in base64.
func isEncodedText(s string) bool {
	decoded, err := base64.StdEncoding.DecodeString(s)
	return err == nil && !slices.ContainsFunc(decoded, func(c byte) bool {
		return c < ' ' && c != '\n' && c != '\t' && c != '\r' || c > '~'
	})
}
