package redact

import (
	"regexp"
	"strings"
)

// docker inspect and many YAML files write each argument of a command on its own line:
//
//	"Test": [
//	    "CMD",
//	    "redis-cli",
//	    "-a",
//	    "x9Kq2"
//	]
//
// Starting at the name of a known program, the lines are treated as one command.

// vector is the part of the command read so far, as a JSON array on one line.
type vector struct {
	text     string
	args     int
	searches int // total for all vectors of the text

	inCmd     bool // in arguments whose program is not known
	afterFlag bool // after a flag in them
}

// Limits on the length of a vector, which is searched again for each argument, and on the total number of searches in a
// text. Beyond maxSearches, every argument is masked.
const maxArgs, maxVector, maxSearches = 32, 2 << 10, 1000

var (
	argElement = regexp.MustCompile(`^[\s#>;+]*(?:[\[(]\s*)?(?:"((?:[^"\\]|\\.)*)"|'([^']*)')\s*[\])]?,?\s*$|` +
		`^[\s#]*(?:- )+["']?(.*?)["']?\s*$|^(?:[^"]*[^"\w])?"Path"\s*:\s*"([^"\\]+)",?\s*$` +
		`|^[\s#]*path:\s*'([^'\\]+)',?\s*$`)
	// argsBelow matches the line after the program in docker inspect. Both can be preceded by other text: a log message
	// starts with words, a comment with a comment sign.
	argsBelow = regexp.MustCompile(`^(?:[^"]*[^"\w])?"(?:Args|Cmd)"\s*:\s*\[\s*$|` + cmdLine)
)

// spawnArgs matches the arguments of an error of Node, below the path of the program.
var spawnArgs = regexp.MustCompile(`^[\s#]*spawnargs:\s*\[`)

// spawned returns the secrets in such a line.
func (v *vector) spawned(line string) []span {
	if v.text == "" || len(line) > maxVector {
		return nil
	}
	at := spawnArgs.FindStringIndex(line)
	if at == nil {
		return nil
	}
	before := v.text + `",`
	v.text = ""
	var found []span
	for _, s := range ready().arguments(before + line[at[1]:]) {
		if s.from >= len(before) {
			found = append(found, span{at[1] + s.from - len(before), at[1] + s.to - len(before), s.rule})
		}
	}
	return found
}

// next returns the secrets in a line that is an argument, or holds the arguments.
func (v *vector) next(line string) []span {
	if found := v.spawned(line); found != nil {
		return found
	}
	if found := v.unnamed(line); found != nil {
		return found
	}
	m := argElement.FindStringSubmatchIndex(line)
	if m == nil {
		if !argsBelow.MatchString(line) {
			v.text = ""
		}
		return nil
	}
	at := 2
	for m[at] < 0 {
		at += 2
	}
	from, to := m[at], m[at+1]
	arg := strings.ReplaceAll(line[from:to], `"`, "'") // the length must not change
	if v.text == "" {
		if ready().programs[programName(arg)] {
			v.text, v.args = `["`+arg, 1
		}
		return nil
	}
	begins := len(v.text) + len(`","`)
	v.text += `","` + arg
	if v.args++; v.args > maxArgs || len(v.text) > maxVector {
		v.text = ""
		return nil
	}
	if v.searches++; v.searches > maxSearches {
		return []span{{from, to, "command-line"}}
	}
	var found []span
	for _, s := range ready().arguments(v.text + `"]`) {
		first, last := max(s.from, begins), min(s.to, begins+len(arg))
		if first < last {
			found = append(found, span{from + first - begins, from + last - begins, s.rule})
		}
	}
	return found
}

// cmdBegins matches the arguments of a container whose program is its entry point, which
// docker inspect prints further down.
var (
	cmdBegins = regexp.MustCompile(`^(?:[^"]*[^"\w])?"Cmd"\s*:\s*\[\s*$|` + cmdLine)
	shortFlag = regexp.MustCompile(`^[\s#>;+]*"-[aApPwk]",\s*$`)
	loneText  = regexp.MustCompile(`^[\s#>;+]*"((?:[^"\\]|\\.)*)",?\s*$`)
)

// unnamed returns the value after a flag that often precedes a password, in arguments
// whose program is not known yet. Only a random value is masked.
func (v *vector) unnamed(line string) []span {
	if v.text == "" && cmdBegins.MatchString(line) {
		v.inCmd = true
		return nil
	}
	m := loneText.FindStringSubmatchIndex(line)
	if !v.inCmd || m == nil {
		v.inCmd, v.afterFlag = false, false
		return nil
	}
	after := v.afterFlag
	v.afterFlag = shortFlag.MatchString(line)
	if after && looksSecret(line[m[2]:m[3]]) {
		return []span{{m[2], m[3], "command-line"}}
	}
	return nil
}

// argumentsBefore matches arguments that precede their program in JSON on one line: the
// fields of docker inspect and of a task definition are in the order of their names.
var argumentsBefore = regexp.MustCompile(`"(?:Cmd|command)"\s*:\s*(\[[^\[\]]*\])` +
	`[^\[\]]*(?:\[[^\[\]]*\][^\[\]]*){0,20}?"[Ee]ntry[Pp]oint"\s*:\s*(\[[^\[\]]*\])`)

// argumentsFirst finds the secrets in such arguments.
func (t *tables) argumentsFirst(line string, found []span) []span {
	for _, m := range argumentsBefore.FindAllStringSubmatchIndex(line, 10) {
		before := strings.TrimSuffix(line[m[4]:m[5]], "]") + ","
		args := line[m[2]+1 : m[3]]
		if len(before)+len(args) > 2*maxVector {
			continue
		}
		for _, s := range t.arguments(before + args) {
			if s.from >= len(before) {
				found = append(found, span{m[2] + 1 + s.from - len(before), m[2] + 1 + s.to - len(before), s.rule})
			}
		}
	}
	return found
}

// arguments finds the secrets in the arguments of a command.
func (t *tables) arguments(command string) []span {
	has := t.index.in(strings.ToLower(command))
	found := t.commanded(command, has, nil)
	for i, f := range forms {
		if f.rule == "command-line" && t.forms[i].any(has) {
			found = findAll(t.forms[i].pattern, command, f.rule, f.needs, found)
		}
	}
	return found
}

func programName(arg string) string {
	return strings.TrimSuffix(strings.TrimSuffix(arg[strings.LastIndexByte(arg, '/')+1:], ".exe"), ".sh")
}

// escapedLetter matches a JSON escape of a letter, digit or dash, which need not be escaped.
var escapedLetter = regexp.MustCompile(`\\+u00(?:2[dD]|3[0-9]|4[1-9a-fA-F]|5[0-9aAfF]|6[1-9a-fA-F]|7[0-9aA])`)

// inEscapedNames finds secrets that follow a name with such escapes.
func inEscapedNames(line string, found []span) []span {
	var text strings.Builder
	var raw []int
	kept := 0
	for _, m := range append(escapedLetter.FindAllStringIndex(line, -1), []int{len(line), len(line)}) {
		for i := kept; i < m[0]; i++ {
			raw = append(raw, i)
		}
		text.WriteString(line[kept:m[0]])
		if m[0] < m[1] {
			piece, _ := unescaped(`\` + strings.TrimLeft(line[m[0]:m[1]], `\`))
			text.WriteString(piece)
			raw = append(raw, m[0])
		}
		kept = m[1]
	}
	raw = append(raw, len(line))
	for _, s := range secretsIn(text.String(), maxDepth) {
		found = append(found, span{raw[s.from], raw[s.to], s.rule})
	}
	return found
}
