package ecsagent

import "strings"

// pattern is a text to look for, in any case. "*" stands for anything, "{name}"
// for anything that is then known as name, up to what follows it in the pattern
// or to the end: `data mismatch; saved cluster '{saved}' does not match`.
type pattern []piece

// piece is a literal, in lower case, and the name of what stands before it.
type piece struct{ name, literal string }

func compile(text string) pattern {
	var p pattern
	name := ""
	for {
		at := strings.IndexAny(text, "*{")
		if at < 0 {
			return append(p, piece{name, lower(text)})
		}
		p = append(p, piece{name, lower(text[:at])})
		if text[at] == '*' {
			name, text = "", text[at+1:]
		} else {
			name, text, _ = strings.Cut(text[at+1:], "}")
		}
	}
}

// find reports whether text holds the pattern, and adds what was captured. Low
// is text in lower case.
func (p pattern) find(text, low string, captured map[string]string) bool {
	pos := 0
	found := make(map[string]string)
	for i, part := range p {
		at := strings.Index(low[pos:], part.literal)
		if i > 0 && part.literal == "" {
			at = len(low) - pos
		}
		if at < 0 {
			return false
		}
		if part.name != "" {
			found[part.name] = tidy(text[pos : pos+at])
		}
		pos += at + len(part.literal)
	}
	for name, value := range found {
		captured[name] = value
	}
	return true
}

// begins reports whether text starts with the pattern.
func (p pattern) begins(low string) bool {
	return strings.HasPrefix(low, p[0].literal) && p.find(low, low, map[string]string{})
}

// lower is text with its ASCII letters in lower case, so that every byte keeps its place.
func lower(text string) string {
	out := []byte(text)
	for i, c := range out {
		if c >= 'A' && c <= 'Z' {
			out[i] = c + 'a' - 'A'
		}
	}
	return string(out)
}

// maxValue bounds a captured text in a sentence, in bytes.
const maxValue = 60

// tidy also takes a message out of the JSON in which Docker's API answers.
func tidy(value string) string {
	if message, ok := strings.CutPrefix(value, `{"message":"`); ok {
		value = strings.ReplaceAll(strings.TrimSuffix(message, `"}`), `\"`, `"`)
	}
	return cut(strings.Trim(value, " \t'\"`.,;:[]()"), maxValue)
}

// cut shortens text to at most limit bytes, by whole words where it can.
func cut(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	text = text[:limit-3]
	if space := strings.LastIndexByte(text, ' '); space > limit/2 {
		text = text[:space]
	}
	return strings.ToValidUTF8(strings.TrimRight(text, " ,;:.'\"("), "") + "..."
}

// expand puts values in the place of their names in braces.
func expand(text string, values map[string]string) string {
	if !strings.Contains(text, "{") {
		return text
	}
	var out strings.Builder
	for {
		head, rest, ok := strings.Cut(text, "{")
		out.WriteString(head)
		if !ok {
			return out.String()
		}
		name, tail, _ := strings.Cut(rest, "}")
		if strings.Trim(name, "abcdefghijklmnopqrstuvwxyz") != "" || name == "" { // as in docker's {{.Name}}
			out.WriteByte('{')
			text = rest
			continue
		}
		out.WriteString(values[name])
		text = tail
	}
}
