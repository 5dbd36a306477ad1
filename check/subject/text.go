package subject

import (
	"fmt"
	"slices"
	"strings"
)

// MaxLines is the maximum number of evidence lines about things of one kind.
const MaxLines = 10

// Bounded returns the first MaxLines lines, and a line with the number of the others.
func Bounded(lines []string) []string {
	if len(lines) <= MaxLines {
		return lines
	}
	return append(slices.Clone(lines[:MaxLines]), fmt.Sprintf("and %d more", len(lines)-MaxLines))
}

// AndMore returns "", " and 1 more endpoint" or " and 2 more endpoints".
func AndMore(n int, what string) string {
	switch {
	case n < 1:
		return ""
	case n == 1:
		return " and 1 more " + what
	}
	return fmt.Sprintf(" and %d more %ss", n, what)
}

// FirstLine returns the text up to its first line break.
func FirstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}

// Exit codes of a process that a signal killed.
const (
	ExitSIGTERM = 128 + 15
	ExitSIGKILL = 128 + 9
)
