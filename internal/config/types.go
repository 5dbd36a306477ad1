package config

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"muster/internal/redact"
)

// OnFailure is the action if an instance does not register.
type OnFailure string

// The values of OnFailure.
const (
	OnFailureReport    OnFailure = "report"
	OnFailureAbandon   OnFailure = "abandon"
	OnFailureUnhealthy OnFailure = "unhealthy"
)

// UnmarshalText accepts the values above.
func (o *OnFailure) UnmarshalText(text []byte) error {
	return oneOf(o, text, OnFailureReport, OnFailureAbandon, OnFailureUnhealthy)
}

// PortsPolicy is the effect of a closed replication port on verify.
type PortsPolicy string

// The values of PortsPolicy.
const (
	PortsWarn   PortsPolicy = "warn"
	PortsFail   PortsPolicy = "fail"
	PortsIgnore PortsPolicy = "ignore"
)

// UnmarshalText accepts the values above.
func (p *PortsPolicy) UnmarshalText(text []byte) error {
	return oneOf(p, text, PortsWarn, PortsFail, PortsIgnore)
}

// CFNAuth is how a CloudFormation signal is authorized.
type CFNAuth string

// The values of CFNAuth.
const (
	CFNIdentity CFNAuth = "identity"
	CFNSigV4    CFNAuth = "sigv4"
)

// UnmarshalText accepts the values above.
func (a *CFNAuth) UnmarshalText(text []byte) error {
	return oneOf(a, text, CFNIdentity, CFNSigV4)
}

// Dimensions selects metrics to publish in addition to those per cluster and per service.
type Dimensions struct{ Container, Instance bool }

// UnmarshalText parses container, instance, or both separated by a comma.
func (d *Dimensions) UnmarshalText(text []byte) error {
	*d = Dimensions{}
	for name := range strings.SplitSeq(string(text), ",") {
		switch strings.TrimSpace(name) {
		case "container":
			d.Container = true
		case "instance":
			d.Instance = true
		case "":
		default:
			return errors.New("it must be container, instance, or container,instance")
		}
	}
	return nil
}

func (d Dimensions) String() string {
	var names []string
	if d.Container {
		names = append(names, "container")
	}
	if d.Instance {
		names = append(names, "instance")
	}
	return strings.Join(names, ",")
}

// Metrics selects the additional metrics.
type Metrics struct{ Limits, Agent bool }

// UnmarshalText parses limits, agent, or both separated by a comma.
func (m *Metrics) UnmarshalText(text []byte) error {
	*m = Metrics{}
	for name := range strings.SplitSeq(string(text), ",") {
		switch strings.TrimSpace(name) {
		case "limits":
			m.Limits = true
		case "agent":
			m.Agent = true
		case "":
		default:
			return errors.New("it must be limits, agent, or limits,agent")
		}
	}
	return nil
}

func (m Metrics) String() string {
	var names []string
	if m.Limits {
		names = append(names, "limits")
	}
	if m.Agent {
		names = append(names, "agent")
	}
	return strings.Join(names, ",")
}

// Size is a number of bytes.
type Size int64

// UnmarshalText parses a size in MB, such as 64MB. One MB is a million bytes.
func (s *Size) UnmarshalText(text []byte) error {
	number, isMB := strings.CutSuffix(strings.ToUpper(string(text)), "MB")
	n, err := strconv.ParseUint(strings.TrimSpace(number), 10, 20)
	if !isMB || err != nil || n == 0 {
		return errors.New("not a size such as 64MB")
	}
	*s = Size(n) * megabyte
	return nil
}

const megabyte = 1_000_000

func (s Size) String() string { return strconv.FormatInt(int64(s)/megabyte, 10) + "MB" }

func oneOf[T ~string](target *T, text []byte, values ...T) error {
	if !slices.Contains(values, T(text)) {
		return fmt.Errorf("it must be one of %q", values)
	}
	*target = T(text)
	return nil
}

// ECSSetting is one key of ecs.config.
type ECSSetting struct{ Key, Value string }

// ECSSettings are settings for ecs.config, in the order given. Each key occurs once.
type ECSSettings []ECSSetting

// keyAhead matches the start of a KEY=, at the beginning or after white space. A value extends to the next match, so
// JSON with spaces needs no quotes.
var keyAhead = regexp.MustCompile(`(?:^|\s)([A-Z][A-Z0-9_]*)=`)

// lowerKey matches a key in lower or mixed case.
var lowerKey = regexp.MustCompile(`^\s*[A-Za-z][A-Za-z0-9_]*=`)

// UnmarshalText parses KEY=VALUE pairs separated by white space. If a key occurs twice, the last value wins.
func (e *ECSSettings) UnmarshalText(text []byte) error {
	*e = nil
	s := string(text)
	at := keyAhead.FindAllStringSubmatchIndex(s, -1)
	before := s
	if len(at) > 0 {
		before = s[:at[0][0]]
	}
	if lowerKey.MatchString(before) {
		return errors.New("the keys of the ECS agent are in upper case, such as ECS_RESERVED_MEMORY=; the value is not shown, because it may " +
			"be a secret")
	}
	if strings.TrimSpace(before) != "" {
		return errors.New("it does not begin with KEY=, such as ECS_RESERVED_MEMORY=; the value is not shown, because it may be a secret")
	}
	for i, m := range at {
		end := len(s)
		if i+1 < len(at) {
			end = at[i+1][0]
		}
		e.set(s[m[2]:m[3]], strings.TrimSpace(s[m[1]:end]))
	}
	return nil
}

func (e *ECSSettings) set(key, value string) {
	*e = append(slices.DeleteFunc(*e, func(s ECSSetting) bool { return s.Key == key }), ECSSetting{key, value})
}

func (e ECSSettings) String() string { return e.join(func(s ECSSetting) string { return s.Value }) }

func (e ECSSettings) shown() string {
	return e.join(func(s ECSSetting) string { return redact.Value(s.Key, s.Value) })
}

func (e ECSSettings) join(value func(ECSSetting) string) string {
	var pairs []string
	for _, s := range e {
		pairs = append(pairs, s.Key+"="+value(s))
	}
	return strings.Join(pairs, " ")
}
