package ecsagent

import "strings"

// pattern is a case-insensitive text pattern. "*" matches anything. "{name}" captures anything, up to the next literal
// or the end: `data mismatch; saved cluster '{saved}' does not match`.
type pattern []piece

// piece is a lower-case literal, and the name of the capture before it.
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

// find reports whether text contains the pattern, and adds the captured values. low is text in lower case.
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

// isPrefixOf reports whether text starts with the pattern.
func (p pattern) isPrefixOf(low string) bool {
	return strings.HasPrefix(low, p[0].literal) && p.find(low, low, map[string]string{})
}

// lower returns text with ASCII letters in lower case, so that byte offsets stay the same.
func lower(text string) string {
	out := []byte(text)
	for i, c := range out {
		if c >= 'A' && c <= 'Z' {
			out[i] = c + 'a' - 'A'
		}
	}
	return string(out)
}

// maxValue limits a captured value in a sentence, in bytes.
const maxValue = 60

// tidy trims punctuation, and unwraps the message from the JSON of Docker's API.
func tidy(value string) string {
	if message, ok := strings.CutPrefix(value, `{"message":"`); ok {
		value = strings.ReplaceAll(strings.TrimSuffix(message, `"}`), `\"`, `"`)
	}
	return cut(strings.Trim(value, " \t'\"`.,;:[]()"), maxValue)
}

// cut shortens text to at most limit bytes, at a word boundary if possible.
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

// expand replaces the names in braces with their values.
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
