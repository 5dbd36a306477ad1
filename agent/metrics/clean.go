package metrics

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"strings"
)

const (
	maxText = 255 // bytes of a name or a dimension's value
	// mark stands before the hash of a text that was changed.
	mark    = '~'
	hashLen = 16
)

// clean makes a text fit for a name or a dimension's value: 1 to 255 printable
// ASCII characters, not all blank, no colon first (CloudWatch API reference,
// Dimension). What fits stays. What does not is changed, cut, and ends in a
// hash of what it was, so that no two texts become the same: one that only
// looks as if it had been changed is changed too.
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
