// Package plural formats counts, with nouns that agree with the number.
package plural

import (
	"strconv"
	"strings"
)

// Integer is any integer type that counts things.
type Integer interface{ ~int | ~int64 }

// Count returns a number with a regular noun: "1 peer", "2 peers", "1,000 addresses".
func Count[N Integer](n N, noun string) string {
	ending := "s"
	if strings.HasSuffix(noun, "s") {
		ending = "es"
	}
	return Of(n, noun, noun+ending)
}

// Of returns a number with the text for one or for several: "1 copy fits", "2 copies fit".
func Of[N Integer](n N, one, many string) string {
	return Thousands(n) + " " + Word(n, one, many)
}

// Word returns the text for one or for several without the number, such as "is" or "are".
func Word[N Integer](n N, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// Thousands formats a number with separators: 28,232.
func Thousands[N Integer](n N) string {
	text := strconv.FormatInt(int64(n), 10)
	for i := len(text) - 3; i > 0 && text[i-1] != '-'; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
