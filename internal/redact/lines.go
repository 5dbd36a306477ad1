package redact

import (
	"strconv"
	"strings"

	"muster/internal/base/lazyregexp"
)

// lines is the state of a Filter between two lines.
type lines struct {
	inside state
	hidden int    // number of lines in this state
	indent int    // indentation of the line that started it
	left   int    // maximum number of lines
	end    string // end of a multi-line string
}

// state says what the next line can continue.
type state int

const (
	nothing    state = iota
	inPEM            // until the END line
	inPuTTY          // for the announced number of lines
	inBlock          // while YAML lines have a larger indentation
	inBase64         // while lines hold only base64
	inValue          // the last line ended with a backslash
	inField          // the value field after "name": "DB_PASSWORD"
	inOperand        // the argument after a line that ended with a flag
	inPrompt         // the answer to a line that ended with a colon
	inString         // until the end of a string or here-document over several lines
	inAccounts       // while lines hold a user and a password
	inPipe           // the line of a shell trace that feeds the command on the line before
	inRejected       // the value that a check refuses, after a line with its name
	inNumber         // while lines hold a number as openssl -text prints it
)

const (
	// tracePrompt is what set -x begins a command with, also with the file and the
	// line number that PS4 often adds.
	tracePrompt = `(?:^|[\s"'])\++(?:\s*\(?[\w./-]+:[0-9]+\)?:?)?\s+`
	// printed matches a command that prints, and its last argument.
	printed = `(?:echo|printf)\s+(?:-\w+\s+)*(?:\S*%s\S*\s+)?\$?((?:'[^']*'|"[^"]*"|[^\s"']\S*)(?:\s+(?:'[^']*'|"[^"]*"|[^\s"'+]\S*))?)`
	// readsSecret matches the arguments of a command that reads a secret on its
	// standard input.
	readsSecret = `(?:-stdin\b|\bchpasswd\b|\bsudo\s+(?:-\w+\s+)*-S\b|--with-token\b|--passphrase-fd\b|\bcryptsetup\s|\bkinit\s+[^-\s]|` +
		`\bsmbpasswd\s|\bread\s+[^|]*(?:pass|pwd|secret|token)|\btee\s+(?:-a\s+)?\S*(?:pass|pw|secret|token|cred)|\brealm\s+join\b|\bvault\s+login\b|\bsecrets?\s+(?:create|set|put)\b)`
)

// maxString is the maximum number of lines of a string.
const maxString = 100

// maxPEM is the maximum number of lines of a private key. A 16384-bit key has 200.
const maxPEM = 300

var (
	pemBegin = lazyregexp.New(`(?i)-----BEGIN[A-Z0-9 ]*(?:PRIVATE|STATIC) KEY|---- BEGIN SSH2[A-Z ]*PRIVATE KEY`)
	pemEnd   = lazyregexp.New(`(?i)-----END[A-Z0-9 ]*-----|---- END SSH2[A-Z ]*----`)
	// privateNumber matches a private part of a key as openssl -text prints it.
	privateNumber = lazyregexp.New(`(?:^|\s)(?:privateExponent|prime[12]|exponent[12]|coefficient|priv|Private-Key):$`)
	numberLine    = lazyregexp.New(`(?:^|\s)(?:[0-9a-f]{2}:){2,}(?:[0-9a-f]{2})?\s*$`)
	putty         = lazyregexp.New(`(?i)\bPrivate-Lines:\s*([0-9]{1,3})\b`)
	blockScalar   = lazyregexp.New(`^([\s#]*)[\s-]*["']?([\w.-]+)["']?\s*:\s*[|>][+-]?[0-9]?[+-]?\s*$`)
	// longString matches the line that starts one, in TOML, Python, HCL or a shell.
	longString = lazyregexp.New(`([\w.-]+)["']?\s*[:=]\s*(?:("""|''')|["']?(?:\$\(\s*cat\s*)?<<[-~]?\s*["']?(\w+)["']?)\s*$`)
	base64Rest = lazyregexp.New(`^\s*[A-Za-z0-9+/]+={0,2}\s*$|\s[A-Za-z0-9+/]+={1,2}\s*$`)
	loneFlag   = lazyregexp.New(`(?:^|[\s"'\[,])(--?[A-Za-z][\w-]+)["']?\s*[,\\` + "`" + `]?\s*$`)
	nameField  = lazyregexp.New(`(?i)(?:^|[\s{,\[-])["']?\w*(?:name|key|property)["']?\s*[:=]\s*["']?([\w./-]+)["']?\s*,?\s*$|<` +
		`(?:\w+:)?[\w-]*(?:name|key)>\s*([\w./-]+)\s*</[\w:-]+>\s*$|` +
		`<[\w:.-]+\s(?:[^<>]*\s)?(?:name|key)=["']([\w./-]+)["'](?:[^<>]*[^<>/])?>\s*$|` +
		`^[^|]*[\s|#]*\|\s*(?:name|key)\s*\|\s*([\w./-]+)[\s|]*$`) // a table of the AWS CLI
	// secureType matches the field of a parameter whose value is a secret.
	secureType = lazyregexp.New(`["']?Type["']?\s*[:=]\s*["']?SecureString["']?\s*,?\s*$`)
	valueField = lazyregexp.New(`(?i)^[\s{\[#>;+-]*["']?\w*value["']?\s*[:=]\s*["']?([^\s"'][^"']*?)["']?\s*,?\s*\}?\s*$|<` +
		`(?:\w+:)?[\w-]*value>\s*([^<]*[^<\s])|^[\s|#]*\|\s*value\s*\|\s*([^|]*[^|\s])[\s|]*$|` +
		`^[\s~#]*value\s*=\s*("[^"]*"\s*->\s*"[^"]*")\s*$`) // a plan of Terraform
	// fed matches what a shell trace shows of the first command of a pipeline. The
	// trace shows each command on a line of its own, in any order.
	fed = lazyregexp.New(tracePrompt + printed + `\s*$`)
	// feeds matches the command of a pipeline that reads a secret.
	feeds = lazyregexp.New(tracePrompt + `[^|]*` + readsSecret)
	// hereSecret matches a here-document for such a command.
	hereSecret = lazyregexp.New(`(?:^|[^<])<<[-~]?\s*["']?([A-Za-z_]\w*)["']?`)
	reads      = lazyregexp.New(readsSecret)
	// account matches a user and a password, as cloud-init prints the random ones.
	account  = lazyregexp.New(`^[\s#]*(?:ci-info:)?\s*[a-z_][\w-]*:(\S+)\s*$`)
	accounts = lazyregexp.New(`(?i)\bset the following '?random'? passwords\s*$`)
	// rejected matches the message of pydantic below the name of the field.
	rejected  = lazyregexp.New(`\binput_value=('[^']*'|"[^"]*"|[^\s,\]]+)`)
	lonePath  = lazyregexp.New(`^[\s#]*[\w.-]+$`)
	fieldsEnd = lazyregexp.New(`}|^\s*- |valueFrom`) // of an object
	openTag   = lazyregexp.New(`<([\w:.-]+)[^<>]*>\s*$`)
	oneWord   = lazyregexp.New(`^[\s\[#>;+]*(?:- )?\s*["']?(\S+?|[^"']*)["']?[\s,\]]*\\?\s*$`)
	firstWord = lazyregexp.New(`^[\s#>;+]*["']?([^\s"']+)`)
)

// continued finds the secret in a line that continues an earlier line. It returns nil if the line does not, and an empty
// slice if the state only waits.
func (f *Filter) continued(line string) []span {
	f.hidden++
	whole := func(rule string) []span { return []span{{0, len(line), rule}} }
	switch f.inside {
	case inPEM:
		if pemEnd.Get().MatchString(line) || f.hidden >= maxPEM {
			f.inside = nothing
		}
		return whole("private-key")
	case inPuTTY:
		if f.hidden >= f.left {
			f.inside = nothing
		}
		return whole("private-key")
	case inBlock:
		if trimmed := strings.TrimLeft(line, " \t#"); trimmed == "" || len(line)-len(trimmed) > f.indent {
			return whole("named-secret")
		}
	case inBase64:
		if base64Rest.Get().MatchString(line) {
			return whole("base64")
		}
	case inValue:
		if !strings.HasSuffix(line, `\`) {
			f.inside = nothing
		}
		return whole("named-secret")
	case inString:
		text := strings.TrimSpace(strings.TrimLeft(line, "# \t"))
		if text == f.end || f.hidden >= maxString {
			break
		}
		if strings.HasSuffix(text, f.end) && !isWord(f.end[0]) {
			f.inside = nothing
		}
		return whole("named-secret")
	case inNumber:
		if numberLine.Get().MatchString(line) {
			return whole("private-key")
		}
	case inAccounts:
		if m := account.Get().FindStringSubmatchIndex(line); m != nil {
			return append([]span{}, firstGroup(line, m)...)
		}
	case inField, inOperand, inPrompt, inPipe, inRejected:
		return f.single(line)
	}
	f.inside = nothing
	return nil
}

// single finds the value that an earlier line introduced.
func (f *Filter) single(line string) []span {
	var m []int
	switch f.inside {
	case inField:
		if m = valueField.Get().FindStringSubmatchIndex(line); m == nil && f.hidden < f.left && !fieldsEnd.Get().MatchString(line) {
			return []span{}
		}
	case inPipe:
		m = fed.Get().FindStringSubmatchIndex(line)
	case inRejected:
		m = rejected.Get().FindStringSubmatchIndex(line)
	case inOperand:
		if m = oneWord.Get().FindStringSubmatchIndex(line); f.left == 0 {
			m = firstWord.Get().FindStringSubmatchIndex(line) // of a shell's line that goes on
		}
	default:
		if strings.Trim(line, " \t#") == "" && f.hidden < f.left {
			return []span{}
		}
		if m = oneWord.Get().FindStringSubmatchIndex(line); m != nil && !f.answers(line, line[m[2]:m[3]]) {
			m = nil
		}
	}
	f.inside = nothing
	return firstGroup(line, m)
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

// answers reports whether a single word answers the prompt before it.
func (f *Filter) answers(line, word string) bool {
	indented := len(line)-len(strings.TrimLeft(line, " \t#")) > f.indent
	return word != "" && !strings.ContainsAny(word, " \t") && !strings.HasSuffix(word, ":") && (looksSecret(word) || indented && f.left > 1)
}

// begin records what a line starts and does not end.
func (f *Filter) begin(line string) {
	f.hidden, f.left = 0, 0
	f.indent = len(line) - len(strings.TrimLeft(line, " \t#"))
	if at := pemBegin.Get().FindAllStringIndex(line, -1); at != nil && !pemEnd.Get().MatchString(line[at[len(at)-1][1]:]) {
		f.inside = inPEM
	} else if m := putty.Get().FindStringSubmatch(line); m != nil {
		f.left, _ = strconv.Atoi(m[1])
		f.inside = inPuTTY
	} else if indent, isBlock := secretBlock(line); isBlock {
		f.inside, f.indent = inBlock, indent
	} else if end, begins := secretString(line); begins {
		f.inside, f.end = inString, end
	} else {
		f.inside = listAfter(line)
	}
}

// listAfter returns the kind of list that starts on the line after this one.
func listAfter(line string) state {
	switch {
	case accounts.Get().MatchString(line):
		return inAccounts
	case strings.HasSuffix(line, ":") && privateNumber.Get().MatchString(line):
		return inNumber
	case len(line) >= 56 && ofBase64(line[len(line)-1]) && isMixed(lastRun(line)):
		return inBase64
	}
	return nothing
}

// secretString reports whether a line starts a multi-line string with a secret, and returns the end marker.
func secretString(line string) (end string, is bool) {
	if !strings.Contains(line, "<<") && !strings.Contains(line, `"""`) && !strings.Contains(line, "'''") {
		return "", false
	}
	if m := hereSecret.Get().FindStringSubmatch(line); m != nil && reads.Get().MatchString(line) {
		return m[1], true
	}
	m := longString.Get().FindStringSubmatch(line[max(0, len(line)-256):])
	if m == nil || strengthOf(m[1]) < wordName {
		return "", false
	}
	return m[2] + m[3], true
}

// secretBlock reports whether a line starts a YAML block scalar with a secret, and returns the indentation of the line.
func secretBlock(line string) (indent int, is bool) {
	if name := strings.Trim(line, " \t#"); name == "chpasswd:" { // users and passwords, in cloud-init
		return strings.Index(line, name), true
	}
	m := blockScalar.Get().FindStringSubmatch(line[:min(len(line), 256)]) // no name is longer
	if m == nil || strengthOf(m[2]) < wordName && !strings.HasSuffix(m[2], "auth") {
		return 0, false
	}
	return len(m[1]), true
}

// announce records that a line ends with the name of a secret whose value is on one of the next lines.
func (f *Filter) announce(line string) {
	end := line[max(0, len(line)-256):]
	trimmed := strings.TrimRight(end, " \t\r")
	if f.inside != nothing || trimmed == "" {
		return
	}
	if strings.Contains(line, "+") && feeds.Get().MatchString(line) {
		f.inside = inPipe
		return
	}
	if secureType.Get().MatchString(end) {
		f.inside, f.left = inField, 3
		return
	}
	if !containsAny(strings.ToLower(end), stems) {
		return
	}
	if isSecretName(end) {
		f.inside, f.left = inField, 3
	} else if m := loneFlag.Get().FindStringSubmatch(end); m != nil && strengthOf(m[1]) >= wordName {
		f.inside, f.left = inOperand, 1
		if strings.HasSuffix(trimmed, `\`) {
			f.left = 0
		}
	} else if lonePath.Get().MatchString(trimmed) && strengthOf(trimmed) >= wordName {
		f.inside, f.left = inRejected, 1
	} else if s := asks(trimmed); s >= wordName {
		f.inside, f.left = inPrompt, 1
		if s >= codeName {
			f.left = 2
		}
	}
}

// asks returns the strongest name in a line that ends with a colon, an equals sign or a tag.
func asks(line string) strength {
	switch line[len(line)-1] {
	case '>':
		if m := openTag.Get().FindStringSubmatch(line); m != nil {
			return strengthOf(m[1])
		}
	case ':', '=':
		if strings.HasSuffix(line, "Signature:") { // of a request, in the AWS CLI's debug log
			return wordName
		}
		var best strength
		for _, n := range namesIn(line, asciiLower(line)) {
			if !n.qualified {
				best = max(best, n.strength)
			}
		}
		return best
	}
	return noName
}

// namedBelow reports whether a line holds the value of a name on one of the next
// lines: the fields of an object can be in any order.
func namedBelow(line string, next []string) bool {
	if len(next) == 0 || !valueField.Get().MatchString(line) {
		return false
	}
	for _, below := range next {
		if isSecretName(below) {
			return true
		}
		if fieldsEnd.Get().MatchString(below) || valueField.Get().MatchString(below) {
			return false
		}
	}
	return false
}

// isSecretName reports whether a line is a field with the name of a secret, or with
// the type of one.
func isSecretName(line string) bool {
	line = line[max(0, len(line)-256):]
	m := nameField.Get().FindStringSubmatch(line)
	return m != nil && strengthOf(strings.Join(m[1:], "")) >= wordName || secureType.Get().MatchString(line)
}

// feedsNext reports whether a line of a shell trace prints the input of the command on the next line.
func feedsNext(line, next string) bool {
	return strings.Contains(next, "+") && fed.Get().MatchString(line) && feeds.Get().MatchString(next)
}

// fieldIn finds the value in such a line.
func fieldIn(line string) []span {
	return firstGroup(line, valueField.Get().FindStringSubmatchIndex(line))
}

// lastRun returns the base64 at the end of a line if it is as long as a line of a key.
func lastRun(line string) string {
	run := line[strings.LastIndexFunc(line, func(c rune) bool { return c >= 0x80 || !ofBase64(byte(c)) })+1:]
	if len(run) < 56 {
		return ""
	}
	return run
}
