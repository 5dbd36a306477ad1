package ecsconfig

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"muster/internal/base/lazyregexp"
)

// maxAssignment is the maximum length of "KEY=value" in bytes. Linux does not start a program with a longer variable
// (MAX_ARG_STRLEN, 32 pages of 4 KiB, including the final NUL).
const maxAssignment = 32*4096 - 1

// Effects of a problem.
const (
	agentExits   = "the ECS agent exits with code 1 each time it starts"
	ecsRefuses   = "ECS rejects the registration, and the ECS agent exits with code 5"
	noContainer  = "Docker cannot start the ECS agent's container"
	lineIgnored  = "the ECS agent ignores the line"
	partOfValue  = "the ECS agent reads it as part of the value"
	noSuchRegion = "the ECS agent uses the endpoints of a region that does not exist"
)

// consequence compares what the ECS agent reads from the line as written with what it would read from the intended line.
func (s statement) consequence() (Severity, string) {
	k := byName[s.key]
	switch {
	case !s.split:
		return Ignored, lineIgnored
	case k == nil:
		return Cosmetic, ""
	}
	seen, raw := s.seen, s.raw
	if k.Reader == Init { // systemd accepts more forms
		seen, raw = strings.TrimSpace(seen), unquote(strings.TrimSpace(raw))
	}
	if seen != s.key {
		return Misread, "the ECS agent does not see " + s.key
	}
	reads, meant := k.read(raw), k.read(s.value)
	switch {
	case reads.Fault == "" && reads.Text == meant.Text:
		return Cosmetic, ""
	case reads.Fault == "":
		return Misread, partOfValue
	}
	return reads.Severity, k.effect(reads)
}

// effect describes the effect of an invalid value.
func (k *Key) effect(r Reading) string {
	switch {
	case k.Kind == region:
		return noSuchRegion
	case r.Severity == Fatal:
		return agentExits
	case r.Severity == Refused:
		return ecsRefuses
	case r.Severity == Misread && k.Kind == exactSwitch:
		return "ecs-init treats it as unset"
	case r.Severity == Misread:
		return partOfValue
	case r.Text == "":
		return "the ECS agent ignores the value"
	}
	return "the ECS agent uses " + r.Text
}

// flaw returns a problem of the intended line that Repair cannot fix.
func (s statement) flaw(line string, last map[string]int) (Problem, bool) {
	text := strings.TrimSpace(line)
	p := Problem{Key: s.key, Severity: Ignored, Effect: lineIgnored}
	switch {
	case s.key == "":
		return s.lineProblem(text)
	case len(text) > maxAssignment:
		p.Severity, p.Effect = Fatal, noContainer
		p.What = fmt.Sprintf("is too long: %d bytes, but Linux allows at most %d in one environment variable", len(text), maxAssignment)
		return p, true
	case strings.Contains(s.value, "\x00"):
		p.Severity, p.Effect, p.What = Fatal, noContainer, "contains a NUL byte"
		return p, true
	}
	k := byName[s.key]
	if k == nil {
		return s.unknown(last)
	}
	if k.Note == windowsOnly {
		p.Severity, p.Effect, p.What = Cosmetic, "", "applies to Windows only"
		return p, true
	}
	return s.valueProblem(k)
}

// valueProblem evaluates the value of a known key.
func (s statement) valueProblem(k *Key) (Problem, bool) {
	p := Problem{Key: s.key}
	r := k.read(s.value)
	p.What, p.Severity = r.Fault, r.Severity
	if r.Fault != "" {
		p.Effect = k.effect(r)
	}
	if r.Want != "" {
		p.Effect = r.Want + "; " + p.Effect
	}
	switch fault := unwritable(s.key, s.value); {
	case s.key == "ECS_CLUSTER" && s.value == "":
		p.What, p.Severity, p.Effect = "is empty", Ignored, "the ECS agent joins the cluster \"default\""
	case fault != "" && (r.Fault == "" || r.Severity == Refused && s.key == "ECS_CLUSTER"):
		p.What = fault
		if r.Fault == "" {
			p.Severity, p.Effect = Misread, partOfValue
		}
	}
	return p, p.What != ""
}

// unknown evaluates a key that is not in the table.
func (s statement) unknown(last map[string]int) (Problem, bool) {
	p := Problem{Key: s.key, Intended: meant(s.key), Severity: UnknownKey, Effect: "the ECS agent ignores it"}
	_, set := last[p.Intended]
	switch {
	case p.Intended != "" && (isSettingLike(s.key) || !set):
		p.What = "is not a setting of the ECS agent: did you mean " + p.Intended + "?"
		return p, true
	case strings.HasPrefix(strings.ToUpper(s.key), "ECS_"):
		p.Intended, p.What = "", "is not a setting of the ECS agent up to version "+AgentVersion
		return p, true
	}
	if fault := unwritable(s.key, s.value); fault != "" {
		return Problem{Key: s.key, What: fault}, true
	}
	return Problem{}, false
}

func isSettingLike(name string) bool { return strings.Contains(strings.ToUpper(name), "ECS") }

// lineProblem evaluates a line that sets no variable.
func (s statement) lineProblem(text string) (Problem, bool) {
	bare := strings.TrimLeft(text, byteOrderMark)
	p := Problem{Severity: Ignored, Effect: lineIgnored}
	switch {
	case isCommentOrBlank(bare) && continues(bare):
		p.What, p.Severity, p.Effect = endsInBackslash, Cosmetic, ""
	case isCommentOrBlank(bare) && (!s.split || !strings.Contains(bare, "\x00")):
		return Problem{}, false
	case s.split && strings.Contains(text, "\x00"):
		p.What, p.Severity, p.Effect = "contains a NUL byte", Fatal, noContainer
	case s.split && len(text) > maxAssignment:
		p.Severity, p.Effect = Fatal, noContainer
		p.What = fmt.Sprintf("is too long: %d bytes, but Linux allows at most %d in one environment variable", len(text), maxAssignment)
	case s.split && s.seen == "":
		// opts.ValidateEnv in github.com/moby/moby rejects it.
		p.What, p.Severity, p.Effect = `has no name before "="`, Fatal, noContainer
	case s.split:
		p.What, p.Effect = `has no valid variable name before "="`, ""
	case continues(bare):
		p.What = endsInBackslash
	default:
		p.What = `has no "="`
	}
	return p, true
}

const endsInBackslash = "ends in a backslash: systemd joins the next line to this one, but the ECS agent does not"

// continues reports whether systemd joins the next line to this one. It does so if the line ends with a backslash that
// is not itself escaped.
func continues(text string) bool {
	return (len(text)-len(strings.TrimRight(text, `\`)))%2 == 1
}

// unexpanded matches a variable that a template or a shell did not replace.
var unexpanded = lazyregexp.New(`\$\{|\{\{|\$\(|^\$[A-Za-z_]|^<[^>]*>$|^%[A-Za-z_]+%$|^__[A-Z_]+__$`)

// unwritable returns the reason why a value is invalid for every key, or "".
func unwritable(key, value string) string {
	k := byName[key]
	switch length := len(key) + 1 + len(value); {
	case length > maxAssignment:
		return fmt.Sprintf("is too long: %d bytes with its name, but Linux allows at most %d", length, maxAssignment)
	case !utf8.ValidString(value):
		return "is not valid UTF-8"
	case strings.ContainsFunc(value, unicode.IsControl):
		return "contains a line break or another control character"
	case strings.TrimSpace(value) != value:
		return "starts or ends with a space"
	case strings.HasPrefix(value, `"`), strings.HasPrefix(value, `'`):
		return "starts with a quote, which the ECS agent reads as part of the value"
	case continues(value):
		return endsInBackslash
	case k != nil && k.Kind.open == 0 && unexpanded.Get().MatchString(value):
		return "contains a variable that was not replaced"
	}
	return ""
}

// misreading returns an error that describes how the ECS agent misreads a KEY=value line, or nil.
func misreading(key, value string) error {
	s := intended(key + "=" + value)
	switch {
	case len(s.forms) > 0:
		return errors.New(s.forms[0].what)
	case s.rest != "":
		return errors.New("contains another setting")
	}
	return nil
}
