package redact

import (
	"cmp"
	"slices"
	"strings"
)

// span is a secret in a line: line[from:to].
type span struct {
	from, to int
	rule     string
}

// maxPasses limits the number of times a line is searched. More than one pass is needed because masking a secret can
// reveal another.
const maxPasses = 8

// masked searches the line until it finds no more secrets, so that masking is idempotent. If the line still changes in
// the last pass, the whole line is masked.
func (f *Filter) masked(line string) string {
	passes := maxPasses
	if len(line) > maxLine/4 {
		passes = maxPasses / 4 // limits the time for a long line
	}
	for range passes {
		spans := apart(line, secretsIn(line, 0))
		if len(spans) == 0 {
			return line
		}
		line = f.replace(line, spans)
	}
	return Mask
}

// secretsIn finds the secrets in a line, in no particular order.
func secretsIn(line string, depth int) []span {
	lower := strings.ToLower(line)
	if len(lower) != len(line) { // lowering the case of a letter changed its length
		lower = asciiLower(line)
	}
	t := ready()
	has := t.index.in(lower)
	found := runs(line, nil)
	if t.stems.any(has) {
		found = t.named(line, lower, found)
		found = paired(line, lower, found)
	}
	found = t.formed(line, has, found)
	found = t.vended(line, has, found)
	found = t.commanded(line, has, found)
	if depth < maxDepth && escapedLetter.MatchString(line) {
		found = inEscapedNames(line, found)
	}
	if slices.Contains(has, true) || strings.Contains(line, `\`) {
		found = nested(line, depth, found)
		found = flattened(line, depth, found)
	}
	if strings.Contains(lower, "entrypoint") {
		found = t.argumentsFirst(line, found)
	}
	return audited(line, depth, secureCells(line, found))
}

func asciiLower(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

// apart sorts spans, merges overlapping ones, and drops those that are already masked.
func apart(line string, found []span) []span {
	slices.SortFunc(found, func(a, b span) int {
		return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(b.to, a.to))
	})
	var all []span
	for _, s := range found {
		if s.from == s.to || isMasked(line, s) {
			continue
		}
		if last := len(all) - 1; last >= 0 && s.from < all[last].to {
			all[last].to = max(all[last].to, s.to)
			continue
		}
		all = append(all, s)
	}
	return all
}

// isMasked reports whether a span is a mask or part of one, with or without quotes.
func isMasked(line string, s span) bool {
	text := strings.Trim(line[s.from:s.to], "\"'\\")
	if text == Mask {
		return true
	}
	from := max(0, s.from-len(Mask))
	at := strings.Index(line[from:min(len(line), s.to+len(Mask))], Mask)
	return at >= 0 && from+at <= s.from && s.to <= from+at+len(Mask)
}

func (f *Filter) replace(line string, spans []span) string {
	var out strings.Builder
	kept := 0
	for _, s := range spans {
		out.WriteString(line[kept:s.from])
		out.WriteString(Mask)
		kept = s.to
		f.hit(s.rule)
	}
	return out.String() + line[kept:]
}
