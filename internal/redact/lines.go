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
	inContent        // until the content of the file whose path names a secret
)

const (
	// tracePrompt is the prefix of commands in the output of set -x, optionally with the file and line number that PS4
	// often adds.
	tracePrompt = `(?:^|[\s"'])\++(?:\s*\(?[\w./-]+:[0-9]+\)?:?)?\s+`
	// printed matches a command that prints text, and its last argument.
	printed = `(?:echo|printf)\s+(?:-\w+\s+)*(?:\S*%s\S*\s+)?\$?((?:'[^']*'|"[^"]*"|[^\s"']\S*)(?:\s+(?:'[^']*'|"[^"]*"|[^\s"'+]\S*))?)`
	// readsSecret matches the arguments of a command that reads a secret from standard input.
	readsSecret = `(?:-stdin\b|\bchpasswd\b|\bsudo\s+(?:-\w+\s+)*-S\b|--with-token\b|--passphrase-fd\b|\bcryptsetup\s|\bkinit\s+[^-\s]|` +
		`\bsmbpasswd\s|\bread\s+[^|]*(?:pass|pwd|secret|token)|\btee\s+(?:-a\s+)?\S*(?:pass|pw|secret|token|cred)|` +
		`\brealm\s+join\b|\bvault\s+login\b|\bsecrets?\s+(?:create|set|put)\b)`
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
	putty         = lazyregexp.New(`(?i)\bPrivate-Lines:\s*([0-9]{1,3})\b`)
	blockScalar   = lazyregexp.New(`^([\s#]*)[\s-]*["']?([\w.-]+)["']?\s*:\s*[|>][+-]?[0-9]?[+-]?\s*$`)
	// longString matches the first line of a multi-line string in TOML, Python, HCL or a shell.
	longString = lazyregexp.New(`([\w.-]+)["']?\s*[:=]\s*(?:("""|''')|["']?(?:\$\(\s*cat\s*)?<<[-~]?\s*["']?(\w+)["']?)\s*$`)
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
	asksPassword = lazyregexp.New(`\bexpect\b.*(?i:assword|passphrase)`)
	// fed matches the first command of a pipeline in a shell trace. The trace shows each command of the pipeline on a
	// separate line, in any order.
	fed = lazyregexp.New(tracePrompt + printed + `\s*$`)
	// feeds matches the command in a pipeline that reads a secret.
	feeds = lazyregexp.New(tracePrompt + `[^|]*` + readsSecret)
	// hereSecret matches a here-document for such a command.
	hereSecret = lazyregexp.New(`(?:^|[^<])<<[-~]?\s*["']?([A-Za-z_]\w*)["']?`)
	reads      = lazyregexp.New(readsSecret)
	accounts   = lazyregexp.New(`(?i)\bset the following '?random'? passwords\s*$`)
	lonePath   = lazyregexp.New(`^[\s#]*[\w.-]+$|\svar\.[\w-]+$`)
	fieldsEnd  = lazyregexp.New(`}|^\s*- |valueFrom`) // end of the fields of an object
	openTag    = lazyregexp.New(`<([\w:.-]+)[^<>]*>\s*$`)
)

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
	if m := hereSecret.Get().FindStringSubmatch(line); m != nil && (reads.Get().MatchString(line) || hereFile(line)) {
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
	switch {
	case strings.Contains(line, "+") && feeds.Get().MatchString(line):
		f.inside = inPipe
	case secureType.Get().MatchString(end):
		f.inside, f.left = inField, 3
	case asksPassword.Get().MatchString(end):
		f.inside, f.left = inTyped, 1
	case containsAny(strings.ToLower(end), stems):
		f.announceName(end, trimmed)
	}
}

// announceName updates the state if a line that ends with end, or trimmed without its blanks, ends with the name of a
// secret.
func (f *Filter) announceName(end, trimmed string) {
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
