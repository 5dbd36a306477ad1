package ecsconfig

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// byteOrderMark is no white space to strings.TrimSpace, so the agent makes it part of
// the first key.
const byteOrderMark = "\ufeff"

// Problem is something in the file that the agent, or systemd, reads otherwise than its
// author meant, or that the agent refuses. It never holds a value.
type Problem struct {
	Line   int    // counted from 1
	Key    string // the variable that the line was meant to set; empty where none can be made out
	What   string // what is wrong with it, and what comes of it
	Repair string // what File.Repair does about it; empty where only a person can know
}

// Problems returns what is wrong with the file, in the order of its lines.
func (f *File) Problems() []Problem {
	return f.problems(f.intentions())
}

// Repair rewrites each line that is misread into what it was meant to say, drops those
// that a later line overrides, and returns what it repaired. Comments and lines whose
// meaning is unclear stay as they are. A second Repair finds nothing to do.
func (f *File) Repair() []Problem {
	statements, last := f.intentions()
	repaired := slices.DeleteFunc(f.problems(statements, last), func(p Problem) bool { return p.Repair == "" })
	for i, s := range statements {
		if at, ok := last[s.key]; ok && at != i {
			f.lines[i] = ""
		} else if len(s.misread) > 0 {
			f.lines[i] = assign(f.lines[i], s.key, s.value)
		}
	}
	f.dropEmptied()
	return repaired
}

// intentions returns what each line was meant to say, and for each key the index of the
// last line meant to set it.
func (f *File) intentions() (statements []statement, last map[string]int) {
	statements = make([]statement, len(f.lines))
	last = map[string]int{}
	for i, line := range f.lines {
		statements[i] = intended(line)
		if key := statements[i].key; key != "" {
			last[key] = i
		}
	}
	return statements, last
}

func (f *File) problems(statements []statement, last map[string]int) []Problem {
	var problems []Problem
	for i, s := range statements {
		if at, ok := last[s.key]; ok && at != i {
			what := fmt.Sprintf("is set again on line %d: only the last one counts", at+1)
			problems = append(problems, Problem{i + 1, s.key, what, "drop this line"})
			continue
		}
		for _, m := range s.misread {
			problems = append(problems, Problem{i + 1, s.key, m.what, m.repair})
		}
		if what := s.flaw(f.lines[i]); what != "" {
			problems = append(problems, Problem{Line: i + 1, Key: s.key, What: what})
		}
	}
	return problems
}

// statement is what a line was meant to say, and why the agent does not read it so. The
// key is empty for blanks, comments and lines that set no variable.
type statement struct {
	key, value string
	misread    []misreading
}

type misreading struct{ what, repair string }

// intended works out what the author of line meant.
func intended(line string) statement {
	text := strings.TrimSpace(line)
	bare := strings.TrimSpace(strings.TrimPrefix(text, byteOrderMark))
	name, raw, assigns := strings.Cut(bare, "=")
	words := strings.Fields(name)
	exported := len(words) == 2 && words[0] == "export"
	if exported {
		words = words[1:]
	}
	if !assigns || len(words) != 1 || !isName(words[0]) {
		return statement{}
	}
	s := statement{key: words[0], value: unquote(strings.TrimSpace(raw))}
	s.note(bare != text, "has a byte order mark before its name, which the agent takes for a part of it", "remove the mark")
	s.note(exported, `has "export" before its name, which the agent takes for a part of it`, `remove "export"`)
	s.note(strings.TrimSpace(name) != name, `has a space before "=", which the agent takes for a part of the name`, "remove the space")
	s.note(strings.TrimSpace(raw) != raw, `has a space after "=", which the agent takes for a part of the value`, "remove the space")
	s.note(s.value != strings.TrimSpace(raw), "has quotes around its value, which the agent takes for a part of it", "remove the quotes")
	return s
}

func (s *statement) note(is bool, what, repair string) {
	if is {
		s.misread = append(s.misread, misreading{what, repair})
	}
}

// flaw says what is wrong with a line that no Repair can mend, or "".
func (s statement) flaw(line string) string {
	text := strings.TrimPrefix(strings.TrimSpace(line), byteOrderMark)
	switch {
	case continues(text):
		return "ends in a backslash: systemd joins the next line to this one, the agent does not"
	case s.key != "":
		if err := checkValue(s.key, s.value); err != nil {
			return err.Error()
		}
		return ""
	case aside.MatchString(text):
		return ""
	case !strings.Contains(text, "="):
		return `has no "=": the agent ignores the line`
	}
	return `has no variable's name before "="`
}

// continues reports whether systemd takes the next line for a part of this one: a
// backslash escapes the line's end unless it is itself escaped.
func continues(text string) bool {
	return (len(text)-len(strings.TrimRight(text, `\`)))%2 == 1
}

// unquote returns value without the pairs of quotes around it, read as a shell and
// systemd read them; a value that is not quoted as a whole comes back as it is.
func unquote(value string) string {
	for {
		inner, ok := unquoteOnce(value)
		if !ok {
			return value
		}
		value = strings.TrimSpace(inner)
	}
}

func unquoteOnce(value string) (string, bool) {
	if len(value) < 2 || value[0] != value[len(value)-1] {
		return "", false
	}
	inner := value[1 : len(value)-1]
	switch value[0] {
	case '\'':
		return inner, !strings.Contains(inner, "'") || isJSONContainer(inner)
	case '"':
		if plain, ok := unescape(inner); ok {
			return plain, true
		}
		return inner, isJSONContainer(inner)
	}
	return "", false
}

// unescape undoes the escapes of a double-quoted string; it fails on a bare quote, and
// on a last backslash, which would have escaped the closing one.
func unescape(inner string) (string, bool) {
	var plain strings.Builder
	for i := 0; i < len(inner); i++ {
		switch {
		case inner[i] == '"':
			return "", false
		case inner[i] == '\\' && i+1 == len(inner):
			return "", false
		case inner[i] == '\\' && strings.IndexByte("\"\\$`", inner[i+1]) >= 0:
			i++
		}
		plain.WriteByte(inner[i])
	}
	return plain.String(), true
}

// isJSONContainer recognises the often seen KEY="{"a":"b"}", whose meaning is plain
// although its quoting is not.
func isJSONContainer(text string) bool {
	text = strings.TrimSpace(text)
	return text != "" && (text[0] == '{' || text[0] == '[') && json.Valid([]byte(text))
}
