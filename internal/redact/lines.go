package redact

import (
	"strconv"
	"strings"

	"muster/internal/base/lazyregexp"
)

// lines is the state of a Filter between two lines.
type lines struct {
	inside state
	hidden int    // number of lines since this state started
	indent int    // indentation of the line that started this state
	left   int    // maximum number of remaining lines
	end    string // text that ends a multi-line string
}

// state is the kind of construct that the next line may continue.
type state int

const (
	nothing    state = iota
	inPEM            // until the END line of a private key
	inPuTTY          // for the number of lines that the PuTTY file announces
	inBlock          // while the lines of a YAML block have a larger indentation
	inBase64         // while lines contain only base64
	inValue          // the previous line ended with a backslash
	inField          // until the value field that belongs to "name": "DB_PASSWORD"
	inOperand        // the argument of the flag at the end of the previous line
	inPrompt         // the input after a prompt that ends with a colon
	inString         // until the end of a multi-line string or here-document
	inAccounts       // while lines contain a user and a password
	inPipe           // the line of a shell trace that feeds the command on the previous line
	inTyped          // what Expect sends after a prompt
	inRejected       // the value that a validation error quotes below the field's name
	inSettings       // while lines hold a user and a password as a setting
	inModule         // while lines hold the options of a login module
	inNumber         // while lines contain a number as printed by openssl -text
)

const (
	// tracePrompt is the prefix of commands in the output of set -x, optionally with the file and line number that PS4
	// often adds.
	tracePrompt = `(?:^|[\s"'])\++(?:\s*\(?[\w./-]+:[0-9]+\)?:?)?\s+`
	// printed matches a command that prints text, and its last argument.
	printed = `(?:echo|printf)\s+(?:-\w+\s+)*(?:\S*%s\S*\s+)?\$?((?:'[^']*'|"[^"]*"|[^\s"']\S*)(?:\s+(?:'[^']*'|"[^"]*"|[^\s"'+]\S*))?)`
	// readsSecret matches the arguments of a command that reads a secret from standard input.
	readsSecret = `(?:-stdin\b|\bchpasswd\b|\bsudo\s+(?:-\w+\s+)*-S\b|--with-token\b|--passphrase-fd\b|\bcryptsetup\s|\bkinit\s+[^-\s]|` +
		`\bsmbpasswd\s|\bread\s+[^|]*(?:pass|pwd|secret|token)|\btee\s+(?:-a\s+)?\S*(?:pass|pw|secret|token|cred)|\brealm\s+join\b|` +
		`\bvault\s+login\b|\bsecrets?\s+(?:create|set|put)\b)`
)

// maxString is the maximum number of lines of a multi-line string.
const maxString = 100

// maxPEM is the maximum number of lines of a private key. A 16384-bit key has about 200.
const maxPEM = 300

var (
	pemBegin = lazyregexp.New(`(?i)-----BEGIN[A-Z0-9 ]*(?:PRIVATE|STATIC) KEY|---- BEGIN SSH2[A-Z ]*PRIVATE KEY`)
	pemEnd   = lazyregexp.New(`(?i)-----END[A-Z0-9 ]*-----|---- END SSH2[A-Z ]*----`)
	// privateNumber matches the private part of a key as printed by openssl -text.
	privateNumber = lazyregexp.New(`(?:^|\s)(?:privateExponent|prime[12]|exponent[12]|coefficient|priv|Private-Key):$`)
	numberLine    = lazyregexp.New(`(?:^|\s)(?:[0-9a-f]{2}:){2,}(?:[0-9a-f]{2})?\s*$`)
	putty         = lazyregexp.New(`(?i)\bPrivate-Lines:\s*([0-9]{1,3})\b`)
	blockScalar   = lazyregexp.New(`^([\s#]*)[\s-]*["']?([\w.-]+)["']?\s*:\s*[|>][+-]?[0-9]?[+-]?\s*$`)
	// longString matches the first line of a multi-line string in TOML, Python, HCL or a shell.
	longString = lazyregexp.New(`([\w.-]+)["']?\s*[:=]\s*(?:("""|''')|["']?(?:\$\(\s*cat\s*)?<<[-~]?\s*["']?(\w+)["']?)\s*$`)
	base64Rest = lazyregexp.New(`^\s*[A-Za-z0-9+/]+={0,2}\s*$|\s[A-Za-z0-9+/]+={1,2}\s*$`)
	loneFlag   = lazyregexp.New(`(?:^|[\s"'\[,])(--?[A-Za-z][\w-]+)["']?\s*[,\\` + "`" + `]?\s*$`)
	nameField  = lazyregexp.New(`(?i)(?:^|[\s{,\[-])["']?\w*(?:name|key|property)["']?\s*[:=]\s*["']?([\w./-]+)["']?\s*,?\s*$|<` +
		`(?:\w+:)?[\w-]*(?:name|key)>\s*([\w./-]+)\s*</[\w:-]+>\s*$|` +
		`<[\w:.-]+\s(?:[^<>]*\s)?(?:name|key)=["']([\w./-]+)["'](?:[^<>]*[^<>/])?>\s*$|` +
		`^[^|]*[\s|#]*\|\s*(?:name|key)\s*\|\s*([\w./-]+)[\s|]*$`) // a table printed by the AWS CLI
	// secureType matches the type field of a parameter whose value is a secret.
	secureType = lazyregexp.New(`["']?Type["']?\s*[:=|]\s*["']?SecureString["']?[\s,|]*$`)
	valueField = lazyregexp.New(`(?i)^[\s{\[#>;+-]*["']?(?:new )?\w*value["']?\s*[:=]\s*["']?([^\s"'][^"']*?)["']?\s*,?\s*\}?\s*$|<` +
		`(?:\w+:)?[\w-]*value>\s*([^<]*[^<\s])|^[\s|#]*\|\s*value\s*\|\s*([^|]*[^|\s])[\s|]*$|` +
		`^[\s~#]*value\s*=\s*("[^"]*"\s*->\s*"[^"]*")\s*$|` + // a plan of Terraform
		`^[\s#]*string\([0-9]+\)\s+"([^"]*)"`) // PHP
	// typed matches what Expect types after a prompt for a password.
	asksPassword = lazyregexp.New(`\bexpect\b.*(?i:assword|passphrase)`)
	typed        = lazyregexp.New(`\bsend\s+(?:--\s+)?\\*"([^"\s\\]+)\\+r`)
	// fed matches the first command of a pipeline in a shell trace. The trace shows each command of the pipeline on a
	// separate line, in any order.
	fed = lazyregexp.New(tracePrompt + printed + `\s*$`)
	// feeds matches the command in a pipeline that reads a secret.
	feeds = lazyregexp.New(tracePrompt + `[^|]*` + readsSecret)
	// hereSecret matches a here-document for such a command.
	hereSecret = lazyregexp.New(`(?:^|[^<])<<[-~]?\s*["']?([A-Za-z_]\w*)["']?`)
	reads      = lazyregexp.New(readsSecret)
	// account matches a user and a password as cloud-init prints randomly generated ones.
	account  = lazyregexp.New(`^[\s#]*(?:ci-info:)?\s*[a-z_][\w-]*:(\S+)\s*$`)
	accounts = lazyregexp.New(`(?i)\bset the following '?random'? passwords\s*$`)
	// rejected matches pydantic's error message below the name of the field, and a prompt of Terraform.
	rejected  = lazyregexp.New(`\binput_value=('[^']*'|"[^"]*"|[^\s,\]]+)|^[\s#]*Enter a value:\s*(\S+)\s*$`)
	lonePath  = lazyregexp.New(`^[\s#]*[\w.-]+$|\svar\.[\w-]+$`)
	fieldsEnd = lazyregexp.New(`}|^\s*- |valueFrom`) // end of the fields of an object
	openTag   = lazyregexp.New(`<([\w:.-]+)[^<>]*>\s*$`)
	oneWord   = lazyregexp.New(`^[\s\[#>;+]*(?:- )?\s*["']?(\S+?|[^"']*)["']?[\s,\]]*\\?\s*$`)
	firstWord = lazyregexp.New(`^[\s#>;+]*["']?([^\s"']+)`)
)

// continued finds the secret in a line that continues an earlier line. It returns nil if the line does not continue
// one, and an empty slice if the line has no secret but the state continues.
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
	case inSettings, inModule:
		if found := f.setting(line); found != nil {
			return found
		}
	case inField, inOperand, inPrompt, inPipe, inTyped, inRejected:
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
	case inTyped:
		m = typed.Get().FindStringSubmatchIndex(line)
	case inRejected:
		m = rejected.Get().FindStringSubmatchIndex(line)
	case inOperand:
		if m = oneWord.Get().FindStringSubmatchIndex(line); f.left == 0 {
			m = firstWord.Get().FindStringSubmatchIndex(line) // a shell command that continues on this line
		}
	default:
		if strings.Trim(line, " \t#") == "" && f.hidden < f.left {
			return []span{}
		}
		if m = oneWord.Get().FindStringSubmatchIndex(line); m != nil && !f.isPromptInput(line, line[m[2]:m[3]]) {
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

// isPromptInput reports whether the word, which is the whole line, is probably the input after a prompt.
func (f *Filter) isPromptInput(line, word string) bool {
	indented := len(line)-len(strings.TrimLeft(line, " \t#")) > f.indent
	return word != "" && !strings.ContainsAny(word, " \t") && !strings.HasSuffix(word, ":") && (looksSecret(word) || indented && f.left > 1)
}

// begin updates the state if the line starts something that continues on the next line.
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

// listAfter returns the kind of list that starts on the next line.
func listAfter(line string) state {
	switch {
	case accounts.Get().MatchString(line):
		return inAccounts
	case strings.HasSuffix(strings.TrimRight(line, " \t"), "[admins]"):
		return inSettings
	case strings.Contains(line, "LoginModule") && !strings.Contains(line, ";"):
		return inModule
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
	if name := strings.Trim(line, " \t#"); name == "chpasswd:" { // users and passwords in cloud-init
		return strings.Index(line, name), true
	}
	m := blockScalar.Get().FindStringSubmatch(line[:min(len(line), 256)]) // longer than any name
	if m == nil || strengthOf(m[2]) < wordName && !strings.HasSuffix(m[2], "auth") {
		return 0, false
	}
	return len(m[1]), true
}

// announce updates the state if the line ends with the name of a secret whose value is on a following line.
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
	if asksPassword.Get().MatchString(end) {
		f.inside, f.left = inTyped, 1
		return
	}
	if !containsAny(strings.ToLower(end), stems) {
		return
	}
	if isSecretName(end) {
		f.inside, f.left = inField, 3
	} else if f.opens(end) {
		return
	} else if m := loneFlag.Get().FindStringSubmatch(end); m != nil && strengthOf(m[1]) >= wordName {
		f.inside, f.left = inOperand, 1
		if strings.HasSuffix(trimmed, `\`) {
			f.left = 0
		}
	} else if lonePath.Get().MatchString(trimmed) && strengthOf(trimmed) >= wordName {
		f.inside, f.left = inRejected, 1
	} else if s := nameAtEnd(trimmed); s >= wordName {
		f.inside, f.left = inPrompt, 1
		if s >= codeName {
			f.left = 2
		}
	}
}

// nameAtEnd returns the strongest name in a line that ends with a colon, an equals sign or a tag.
func nameAtEnd(line string) strength {
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

// namedBelow reports whether the line contains a value whose name is on one of the following lines, because the fields
// of an object can be in any order.
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

// isSecretName reports whether a line is a field with the name of a secret, or a type field that marks a secret.
func isSecretName(line string) bool {
	line = line[max(0, len(line)-256):]
	m := nameField.Get().FindStringSubmatch(line)
	return m != nil && strengthOf(strings.Join(m[1:], "")) >= wordName || secureType.Get().MatchString(line)
}

// feedsNext reports whether a line of a shell trace prints the input of the command on the next line.
func feedsNext(line, next string) bool {
	return strings.Contains(next, "+") && fed.Get().MatchString(line) && feeds.Get().MatchString(next)
}

// fieldIn finds the value field in a line.
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
