package redact

import (
	"slices"
	"strings"
)

// The rules about runs of base64's characters. They are walked by hand: as
// patterns they took most of the time.
const awsSecret, longBase64 = "aws-secret-key", "base64"

// ruleOfRun is the rule by which a run is a secret; "" if it is none. padded: the
// equals signs that it ends in are its own, and do not assign what follows.
func ruleOfRun(run string, padded bool) string {
	bare := strings.TrimRight(run, "=")
	switch {
	case len(bare) < 12:
		return ""
	case len(bare) == 40 && isMixed(bare):
		return awsSecret
	case len(bare) >= 56 && !path.MatchString(bare) && slices.ContainsFunc(strings.Split(bare, "/"), isLongMixed), len(bare) >= 16 && padded && isCased(bare), !hexTail.MatchString(bare) && isEncodedText(run), slices.ContainsFunc(strings.Split(bare, "/"), isLongText):
		return longBase64
	}
	return ""
}

// isLongMixed tells base64, in which slashes are rare, from a path.
func isLongMixed(piece string) bool { return len(piece) >= 20 && isMixed(piece) }

// isLongText finds text in base64 that stands before or behind a slash of others.
func isLongText(piece string) bool {
	return len(piece) >= 16 && isCased(piece) && !hexTail.MatchString(piece) && isEncodedText(piece)
}

func ofBase64(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '+' || c == '/'
}

// maskRuns masks the runs that are secrets.
func (f *Filter) maskRuns(line string) string {
	var out strings.Builder
	kept := 0
	for at := 0; at < len(line); at++ {
		if line[at] == '\\' {
			at++ // and what it escapes, such as the n of an end of line
			continue
		}
		from := at
		for at < len(line) && ofBase64(line[at]) {
			at++
		}
		for end := min(len(line), at+2); at > from && at < end && line[at] == '='; {
			at++
		}
		padded := at > from && line[at-1] == '=' && (at-from)%4 == 0 && (at == len(line) || strings.IndexByte(" \t\"',;:&<>)}]\\", line[at]) >= 0)
		if id := ruleOfRun(line[from:at], padded); id != "" {
			out.WriteString(line[kept:from] + Mask)
			kept = at
			f.hit(id)
		}
		if at > from {
			at-- // what ends a run may escape what follows
		}
	}
	return out.String() + line[kept:]
}
