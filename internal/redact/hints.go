package redact

import (
	"regexp/syntax"
	"strings"
)

// index finds in one pass which of many substrings a line contains.
type index struct {
	pieces  []string
	byStart map[[2]byte][]int
	starts  [1 << 12]bool // a fast filter that avoids most map lookups
	single  [256]int      // pieces of one byte, as index plus 1
}

func newIndex(pieces []string) *index {
	x := &index{pieces: pieces, byStart: map[[2]byte][]int{}}
	for i, p := range pieces {
		if len(p) == 1 {
			x.single[p[0]] = i + 1
			continue
		}
		start := [2]byte{p[0], p[1]}
		x.byStart[start] = append(x.byStart[start], i)
		x.starts[sieve(p[0], p[1])] = true
	}
	return x
}

func sieve(a, b byte) int { return (int(a)<<5 ^ int(b)) & (1<<12 - 1) }

// in returns for each piece whether the text contains it.
func (x *index) in(text string) []bool {
	has := make([]bool, len(x.pieces))
	for at := range len(text) {
		if i := x.single[text[at]]; i > 0 {
			has[i-1] = true
		}
		if at+1 == len(text) || !x.starts[sieve(text[at], text[at+1])] {
			continue
		}
		for _, i := range x.byStart[[2]byte{text[at], text[at+1]}] {
			has[i] = has[i] || strings.HasPrefix(text[at:], x.pieces[i])
		}
	}
	return has
}

// hints are the pieces of one table row. A line without any of them cannot match the row.
type hints []int

func (h hints) any(has []bool) bool {
	for _, i := range h {
		if has[i] {
			return true
		}
	}
	return false
}

// indexer collects the hints of all rows.
type indexer struct {
	pieces []string
	known  map[string]int
}

func (x *indexer) add(pieces ...string) hints {
	var all hints
	for _, p := range pieces {
		if _, known := x.known[p]; !known {
			x.known[p] = len(x.pieces)
			x.pieces = append(x.pieces, p)
		}
		all = append(all, x.known[p])
	}
	return all
}

// firstBytes returns the bytes with which a match of a pattern can start.
func firstBytes(pattern string) (first [256]bool) {
	parsed, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		panic(err)
	}
	prog, err := syntax.Compile(parsed.Simplify())
	if err != nil {
		panic(err)
	}
	seen := make([]bool, len(prog.Inst))
	var walk func(pc uint32)
	walk = func(pc uint32) {
		if seen[pc] {
			return
		}
		seen[pc] = true
		switch in := prog.Inst[pc]; in.Op {
		case syntax.InstAlt, syntax.InstAltMatch:
			walk(in.Out)
			walk(in.Arg)
		case syntax.InstCapture, syntax.InstNop, syntax.InstEmptyWidth:
			walk(in.Out)
		default:
			for c := range first {
				first[c] = first[c] || c >= 0x80 || in.Op == syntax.InstMatch || in.MatchRune(rune(c))
			}
		}
	}
	walk(uint32(prog.Start))
	return first
}
