package metrics

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"strings"
)

const (
	maxText = 255 // maximum bytes of a name or a dimension value
	// mark precedes the hash in a changed text.
	mark    = '~'
	hashLen = 16
)

// clean makes a text valid as a name or dimension value (CloudWatch API reference, Dimension): 1 to 255 printable ASCII
// characters, not only blanks, no leading colon. It returns a valid text unchanged. It changes and shortens an invalid
// text and appends a hash of the original, so that different texts stay different. For the same reason it also changes
// a valid text that looks as if clean had made it.
func clean(text string) string {
	if fits(text) && !looksCleaned(text) {
		return text
	}
	plain := strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '_'
		}
		return r
	}, text[:min(len(text), maxText-hashLen-1)])
	if plain = strings.TrimSpace(plain); strings.HasPrefix(plain, ":") {
		plain = "_" + plain[1:]
	}
	hash := sha256.Sum256([]byte(text))
	return fmt.Sprintf("%s%c%x", cmp.Or(plain, "empty"), mark, hash[:hashLen/2])
}

func fits(text string) bool {
	if text == "" || len(text) > maxText || text[0] == ':' {
		return false
	}
	blank := true
	for i := range len(text) {
		if text[i] < ' ' || text[i] > '~' {
			return false
		}
		blank = blank && text[i] == ' '
	}
	return !blank
}

func looksCleaned(text string) bool {
	at := len(text) - hashLen - 1
	return at >= 0 && text[at] == mark && strings.Trim(text[at+1:], "0123456789abcdef") == ""
}
