package redact

import (
	"regexp"
	"strconv"
	"strings"
)

// lines is what a Filter remembers of the lines before.
type lines struct {
	inside state
	hidden int // lines since it began
	indent int // of the line that began it
	left   int // lines that it may last
}

// state is what the next line continues.
type state int

const (
	nothing   state = iota
	inPEM           // until its END
	inPuTTY         // as many lines as were announced
	inBlock         // lines of YAML that are indented more
	inBase64        // lines of nothing but base64
	inValue         // one more line: the last ended in a backslash
	inField         // the value of a name, as in "name": "DB_PASSWORD"
	inOperand       // the value of a flag that stood alone, as in an argument vector
	inPrompt        // the value of a line that ended in a colon
)

// maxPEM is the most lines of a private key: one of 16384 bits has 200.
const maxPEM = 300

var (
	pemBegin    = regexp.MustCompile(`(?i)-----BEGIN[A-Z0-9 ]*PRIVATE KEY|---- BEGIN SSH2[A-Z ]*PRIVATE KEY`)
	pemEnd      = regexp.MustCompile(`(?i)-----END[A-Z0-9 ]*-----|---- END SSH2[A-Z ]*----`)
	putty       = regexp.MustCompile(`(?i)\bPrivate-Lines:\s*([0-9]{1,3})\b`)
	blockScalar = regexp.MustCompile(`^([\s#]*)[\s-]*["']?([\w.-]+)["']?\s*:\s*[|>][+-]?[0-9]?[+-]?\s*$`)
	base64Rest  = regexp.MustCompile(`^\s*[A-Za-z0-9+/]+={0,2}\s*$|\s[A-Za-z0-9+/]+={1,2}\s*$`)
	loneFlag    = regexp.MustCompile(`(?:^|[\s"'\[,])(--?[A-Za-z][\w-]+)["']?\s*[,\\` + "`" + `]?\s*$`)
	nameField   = regexp.MustCompile(`(?i)(?:^|[\s{,\[-])["']?\w*(?:name|key)["']?\s*[:=]\s*["']?([\w./-]+)["']?\s*,?\s*$|<(?:\w+:)?\w*(?:name|key)>\s*([\w./-]+)\s*</[\w:]+>\s*$`)
	valueField  = regexp.MustCompile(`(?i)^[\s{\[-]*["']?\w*value["']?\s*[:=]\s*["']?([^\s"'][^"']*?)["']?\s*,?\s*\}?\s*$|<(?:\w+:)?\w*value>\s*([^<]*[^<\s])`)
	fieldsEnd   = regexp.MustCompile(`}|^\s*- |valueFrom`) // of an object
	openTag     = regexp.MustCompile(`<([\w:.-]+)[^<>]*>\s*$`)
	oneWord     = regexp.MustCompile(`^[\s\[]*(?:- )?\s*["']?(\S+?|[^"']*)["']?[\s,\]]*\\?\s*$`)
	firstWord   = regexp.MustCompile(`^\s*["']?([^\s"']+)`)
)

// continued finds the secret in a line that goes on with what began before it;
// nil if it does not.
func (f *Filter) continued(line string) []span {
	f.hidden++
	whole := func(rule string) []span { return []span{{0, len(line), rule}} }
	switch f.inside {
	case inPEM:
		if pemEnd.MatchString(line) || f.hidden >= maxPEM {
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
		if base64Rest.MatchString(line) {
			return whole("base64")
		}
	case inValue:
		if !strings.HasSuffix(line, `\`) {
			f.inside = nothing
		}
		return whole("named-secret")
	case inField, inOperand, inPrompt:
		return f.single(line)
	}
	f.inside = nothing
	return nil
}

// single finds the one value that a line before announced.
func (f *Filter) single(line string) []span {
	var m []int
	switch f.inside {
	case inField:
		if m = valueField.FindStringSubmatchIndex(line); m == nil && f.hidden < f.left && !fieldsEnd.MatchString(line) {
			return []span{}
		}
	case inOperand:
		if m = oneWord.FindStringSubmatchIndex(line); f.left == 0 {
			m = firstWord.FindStringSubmatchIndex(line) // of a shell's line that goes on
		}
	default:
		if strings.TrimSpace(line) == "" && f.hidden < f.left {
			return []span{}
		}
		if m = oneWord.FindStringSubmatchIndex(line); m != nil && !f.answers(line, line[m[2]:m[3]]) {
			m = nil
		}
	}
	f.inside = nothing
	return firstGroup(line, m)
}

// firstGroup is the secret that the first group of a match has.
func firstGroup(line string, m []int) []span {
	if m == nil {
		return nil
	}
	from, to := m[2], m[3]
	if from < 0 {
		from, to = m[4], m[5]
	}
	if text := line[from:to]; !isValue(text) || strings.HasPrefix(text, "-") || strings.Contains(text, Mask) {
		return nil
	}
	return []span{{from, to, "named-secret"}}
}

// answers tells whether a lone word answers the prompt before it.
func (f *Filter) answers(line, word string) bool {
	indented := len(line)-len(strings.TrimLeft(line, " \t")) > f.indent
	return word != "" && !strings.ContainsAny(word, " \t") && !strings.HasSuffix(word, ":") && (looksSecret(word) || indented && f.left > 1)
}

// begin notes what the line begins and does not end.
func (f *Filter) begin(line string) {
	f.hidden, f.left = 0, 0
	f.indent = len(line) - len(strings.TrimLeft(line, " \t#"))
	if at := pemBegin.FindAllStringIndex(line, -1); at != nil && !pemEnd.MatchString(line[at[len(at)-1][1]:]) {
		f.inside = inPEM
	} else if m := putty.FindStringSubmatch(line); m != nil {
		f.left, _ = strconv.Atoi(m[1])
		f.inside = inPuTTY
	} else if m := blockScalar.FindStringSubmatch(line[:min(len(line), 256)]); m != nil && (strengthOf(m[2]) >= wordName || strings.HasSuffix(m[2], "auth")) { // no name is longer
		f.inside, f.indent = inBlock, len(m[1])
	} else if len(line) >= 56 && ofBase64(line[len(line)-1]) && isMixed(lastRun(line)) {
		f.inside = inBase64
	}
}

// announce notes that a masked line ends in the name of a secret whose value
// stands on one of the next lines.
func (f *Filter) announce(line string) {
	end := line[max(0, len(line)-256):]
	trimmed := strings.TrimRight(end, " \t\r")
	if f.inside != nothing || trimmed == "" || !containsAny(strings.ToLower(end), stems) {
		return
	}
	if m := nameField.FindStringSubmatch(end); m != nil && strengthOf(m[1]+m[2]) >= wordName {
		f.inside, f.left = inField, 3
	} else if m := loneFlag.FindStringSubmatch(end); m != nil && strengthOf(m[1]) >= wordName {
		f.inside, f.left = inOperand, 1
		if strings.HasSuffix(trimmed, `\`) {
			f.left = 0
		}
	} else if s := asks(trimmed); s >= wordName {
		f.inside, f.left = inPrompt, 1
		if s >= codeName {
			f.left = 2
		}
	}
}

// asks tells how surely a line that ends in a colon, an equals sign or a tag
// announces a secret.
func asks(line string) strength {
	switch line[len(line)-1] {
	case '>':
		if m := openTag.FindStringSubmatch(line); m != nil {
			return strengthOf(m[1])
		}
	case ':', '=':
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

// namedBelow tells whether the line has the value of a name on the next line.
func namedBelow(line, next string) bool {
	if next == "" || !valueField.MatchString(line) {
		return false
	}
	m := nameField.FindStringSubmatch(next)
	return m != nil && strengthOf(m[1]+m[2]) >= wordName
}

// fieldIn finds the value of such a line.
func fieldIn(line string) []span { return firstGroup(line, valueField.FindStringSubmatchIndex(line)) }

// lastRun is what base64 a line ends in, if it is as long as a line of a key.
func lastRun(line string) string {
	run := line[strings.LastIndexFunc(line, func(c rune) bool { return c >= 0x80 || !ofBase64(byte(c)) })+1:]
	if len(run) < 56 {
		return ""
	}
	return run
}
