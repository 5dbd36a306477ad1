package redact

import (
	"strings"

	"muster/internal/base/lazyregexp"
)

// A step finds the secret in a line that may continue an earlier line. It returns nil if the line does not continue it,
// and an empty slice if the line has no secret but its state goes on. more is true if the next line can continue it too.
type step func(f *Filter, line string) (found []span, more bool)

// steps are the steps of the states. A state has one.
var steps = [...]step{
	inPEM:      (*Filter).inKey,
	inPuTTY:    (*Filter).inPuTTYKey,
	inBlock:    (*Filter).inIndented,
	inBase64:   whileMatches(base64Rest, "base64"),
	inValue:    (*Filter).inContinuation,
	inField:    (*Filter).inFields,
	inOperand:  (*Filter).inArgument,
	inPrompt:   (*Filter).inInput,
	inString:   (*Filter).inText,
	inAccounts: (*Filter).inUsers,
	inPipe:     oneValue(fed),
	inTyped:    oneValue(typed),
	inRejected: oneValue(rejected),
	inSettings: (*Filter).inAdmins,
	inModule:   (*Filter).inLoginModule,
	inNumber:   whileMatches(numberLine, "private-key"),
	inContent:  (*Filter).inSecretFile,
}

var (
	numberLine = lazyregexp.New(`(?:^|\s)(?:[0-9a-f]{2}:){2,}(?:[0-9a-f]{2})?\s*$`)
	base64Rest = lazyregexp.New(`^\s*[A-Za-z0-9+/]+={0,2}\s*$|\s[A-Za-z0-9+/]+={1,2}\s*$`)
	// typed matches what Expect types after a prompt for a password.
	typed = lazyregexp.New(`\bsend\s+(?:--\s+)?\\*"([^"\s\\]+)\\+r`)
	// account matches a user and a password as cloud-init prints randomly generated ones.
	account = lazyregexp.New(`^[\s#]*(?:ci-info:)?\s*[a-z_][\w-]*:(\S+)\s*$`)
	// rejected matches pydantic's error message below the name of the field, and a prompt of Terraform.
	rejected  = lazyregexp.New(`\binput_value=('[^']*'|"[^"]*"|[^\s,\]]+)|^[\s#]*Enter a value:\s*(\S+)\s*$`)
	oneWord   = lazyregexp.New(`^[\s\[#>;+]*(?:- )?\s*["']?(\S+?|[^"']*)["']?[\s,\]]*\\?\s*$`)
	firstWord = lazyregexp.New(`^[\s#>;+]*["']?([^\s"']+)`)
)

// continued finds the secret in a line that continues an earlier line. It returns nil if the line does not continue
// one, and an empty slice if the line has no secret but the state continues.
func (f *Filter) continued(line string) []span {
	f.hidden++
	next := steps[f.inside]
	if next == nil {
		return nil
	}
	found, more := next(f, line)
	if !more {
		f.inside = nothing
	}
	return found
}

func allOf(line, rule string) []span { return []span{{0, len(line), rule}} }

// whileMatches is the step of a state that ends at the first line without a match.
func whileMatches(pattern *lazyregexp.Regexp, rule string) step {
	return func(_ *Filter, line string) ([]span, bool) {
		if pattern.Get().MatchString(line) {
			return allOf(line, rule), true
		}
		return nil, false
	}
}

// oneValue is the step of a state that ends with its first line.
func oneValue(pattern *lazyregexp.Regexp) step {
	return func(_ *Filter, line string) ([]span, bool) {
		return firstGroup(line, pattern.Get().FindStringSubmatchIndex(line)), false
	}
}

func (f *Filter) inKey(line string) ([]span, bool) {
	return allOf(line, "private-key"), !pemEnd.Get().MatchString(line) && f.hidden < maxPEM
}

func (f *Filter) inPuTTYKey(line string) ([]span, bool) {
	return allOf(line, "private-key"), f.hidden < f.left
}

func (f *Filter) inIndented(line string) ([]span, bool) {
	if trimmed := strings.TrimLeft(line, " \t#"); trimmed == "" || len(line)-len(trimmed) > f.indent {
		return allOf(line, "named-secret"), true
	}
	return nil, false
}

func (f *Filter) inContinuation(line string) ([]span, bool) {
	return allOf(line, "named-secret"), strings.HasSuffix(line, `\`)
}

func (f *Filter) inText(line string) ([]span, bool) {
	text := strings.TrimSpace(strings.TrimLeft(line, "# \t"))
	if text == f.end || f.hidden >= maxString {
		return nil, false
	}
	return allOf(line, "named-secret"), !strings.HasSuffix(text, f.end) || isWord(f.end[0])
}

func (f *Filter) inUsers(line string) ([]span, bool) {
	m := account.Get().FindStringSubmatchIndex(line)
	if m == nil {
		return nil, false
	}
	return append([]span{}, firstGroup(line, m)...), true
}

func (f *Filter) inFields(line string) ([]span, bool) {
	m := valueField.Get().FindStringSubmatchIndex(line)
	if m == nil && f.hidden < f.left && !fieldsEnd.Get().MatchString(line) {
		return []span{}, true
	}
	return firstGroup(line, m), false
}

// inSecretFile waits for the content of a file. Once it starts, content has set the state of its lines.
func (f *Filter) inSecretFile(line string) ([]span, bool) {
	if found := f.content(line); found != nil {
		return found, f.inside != nothing
	}
	if f.hidden < f.left && besideContent.Get().MatchString(line) {
		return []span{}, true
	}
	return nil, false
}

func (f *Filter) inArgument(line string) ([]span, bool) {
	pattern := oneWord
	if f.left == 0 {
		pattern = firstWord // a shell command that continues on this line
	}
	return firstGroup(line, pattern.Get().FindStringSubmatchIndex(line)), false
}

func (f *Filter) inInput(line string) ([]span, bool) {
	if strings.Trim(line, " \t#") == "" && f.hidden < f.left {
		return []span{}, true
	}
	m := oneWord.Get().FindStringSubmatchIndex(line)
	if m != nil && !f.isPromptInput(line, line[m[2]:m[3]]) {
		m = nil
	}
	return firstGroup(line, m), false
}

// firstGroup returns the first matched group, if it is a secret.
func firstGroup(line string, m []int) []span {
	if m == nil {
		return nil
	}
	at := 2
	for m[at] < 0 {
		at += 2
	}
	from, to := m[at], m[at+1]
	if text := line[from:to]; !isValue(text) || strings.HasPrefix(text, "-") || strings.Contains(text, Mask) {
		return nil
	}
	return []span{{from, to, "named-secret"}}
}

// isPromptInput reports whether the word, which is the whole line, is probably the input after a prompt.
func (f *Filter) isPromptInput(line, word string) bool {
	indented := len(line)-len(strings.TrimLeft(line, " \t#")) > f.indent
	return word != "" && !strings.ContainsAny(word, " \t") && !strings.HasSuffix(word, ":") && (looksSecret(word) || indented && f.left > 1)
}
