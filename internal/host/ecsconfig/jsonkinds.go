package ecsconfig

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"unicode/utf8"

	"muster/internal/base/lazyregexp"
)

// The kinds whose values are JSON. The agent reads some with json.Unmarshal,
// which takes nothing after the JSON, and some with a json.Decoder, which does
// (agent/config/parse.go).
var (
	// attributes and tags that cannot be read end the agent with code 1.
	attributes = &Kind{Name: objects.what, open: '{', json: jsonObject, read: func(value, _ string) Reading {
		return readMap(value, "attribute", badAttribute)
	}}
	tags = &Kind{Name: objects.what, open: '{', json: jsonObject, read: func(value, _ string) Reading {
		return readMap(value, "tag", badTag)
	}}

	// routes are decoded as cniTypes.IPNet.
	routes = &Kind{Name: blocks.what, open: '[', json: jsonStrings, read: func(value, _ string) Reading {
		var into []cidr
		return blocks.judge(json.Unmarshal([]byte(value), &into), taken(strings.TrimSpace(value)), Fatal)
	}}

	drivers = &Kind{Name: driverNames.what, open: '[', forgiving: true, json: jsonStrings, read: readDrivers}

	portList   = &Kind{Name: ports.what, open: '[', forgiving: true, json: jsonPorts, read: decoded[[]uint16](ports)}
	stringList = &Kind{Name: words.what, open: '[', forgiving: true, json: jsonStrings, read: decoded[[]string](words)}

	// labels are read by ecs-init, and of the pause container by the agent; both
	// go on without those that they cannot read.
	labels = &Kind{Name: objects.what, open: '{', json: jsonObject, read: unmarshalled[map[string]string](objects)}

	registries = &Kind{Name: logins.what, open: '{', json: jsonObject,
		read: unmarshalled[map[string]struct{ Auth, Username, Password, Email string }](logins)}
)

// shape is what JSON must look like.
type shape struct{ what, example string }

var (
	objects     = shape{"JSON object of strings", `{"name":"value"}`}
	blocks      = shape{"JSON array of CIDR blocks", `["10.0.15.0/24"]`}
	driverNames = shape{"JSON array of logging drivers", `["json-file","awslogs"]`}
	ports       = shape{"JSON array of ports", "[22,2375]"}
	words       = shape{"JSON array of strings", `["efsAuth"]`}
	logins      = shape{"JSON object of registries", `{"https://index.docker.io/v1/":{"username":"NAME","password":"PASSWORD"}}`}
)

// judge adds to r what is wrong with JSON that was read with err. Of json's own
// error it keeps only the place, because its text quotes from the value.
func (s shape) judge(err error, r Reading, severity Severity) Reading {
	if err == nil {
		return r
	}
	r.Severity, r.Want = severity, "it must be a "+s.what+", such as "+s.example
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &syntax):
		r.Fault = fmt.Sprintf("is not valid JSON at byte %d", syntax.Offset)
	case errors.Is(err, io.ErrUnexpectedEOF):
		r.Fault = "is not valid JSON: it is incomplete"
	default:
		r.Fault = "is not a " + s.what
	}
	return r
}

// unmarshalled reads a T, and discards what is none.
func unmarshalled[T any](s shape) func(value, def string) Reading {
	return func(value, def string) Reading {
		var into T
		if err := json.Unmarshal([]byte(value), &into); err != nil {
			return s.judge(err, discarded(def, ""), Ignored)
		}
		return taken(strings.TrimSpace(value))
	}
}

// decoded reads a T with a decoder, and discards what is none.
func decoded[T any](s shape) func(value, def string) Reading {
	return func(value, def string) Reading {
		var into T
		part, err := decode(value, &into)
		if err != nil {
			return s.judge(err, discarded(def, ""), Ignored)
		}
		return taken(part)
	}
}

// decode reads the first JSON value of the text, and returns its part of it.
// Only blanks count as not set.
func decode(value string, into any) (part string, err error) {
	d := json.NewDecoder(strings.NewReader(value))
	if err := d.Decode(into); err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	return strings.TrimSpace(value[:min(int(d.InputOffset()), len(value))]), nil
}

// readMap reads custom attributes or tags.
func readMap(value, what string, bad func(name, value string) string) Reading {
	r := taken(strings.TrimSpace(value))
	var entries map[string]string
	if err := json.Unmarshal([]byte(value), &entries); err != nil {
		return objects.judge(err, r, Fatal)
	}
	names := make([]string, 0, len(entries))
	for name := range entries {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if fault := bad(name, entries[name]); fault != "" {
			r.Fault, r.Severity = fmt.Sprintf("has %s %s %s", what, shown(name), fault), Refused
			return r
		}
	}
	return r
}

// shown quotes a name from a value, which is not known to be no secret.
func shown(name string) string {
	if plainName.Get().MatchString(name) {
		return name
	}
	return "(not shown)"
}

var (
	plainName      = lazyregexp.New(`^[A-Za-z0-9_./:@+=-]{1,64}$`)
	attributeName  = lazyregexp.New(`^[A-Za-z0-9_./\\-]+$`)
	attributeValue = lazyregexp.New(`^[A-Za-z0-9_.@/\\: -]*$`)
	tagText        = lazyregexp.New(`^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$`)
)

// badAttribute: ECS API reference, data type Attribute.
func badAttribute(name, value string) string {
	switch {
	case name == "":
		return "without a name"
	case utf8.RuneCountInString(name) > 128:
		return "with a name of more than 128 characters"
	case utf8.RuneCountInString(value) > 128:
		return fmt.Sprintf("with a value of %d characters; ECS allows 128", utf8.RuneCountInString(value))
	case !attributeName.Get().MatchString(name):
		return `with characters in its name other than A-Z a-z 0-9 - _ . / \`
	case strings.TrimSpace(value) != value:
		return "with a leading or trailing space in its value"
	case !attributeValue.Get().MatchString(value):
		return `with characters in its value other than A-Z a-z 0-9 - _ . @ / \ : and spaces`
	}
	return ""
}

// badTag: ECS API reference, data type Tag.
func badTag(name, value string) string {
	switch {
	case name == "":
		return "without a key"
	case utf8.RuneCountInString(name) > 128:
		return "with a key of more than 128 characters"
	case utf8.RuneCountInString(value) > 256:
		return fmt.Sprintf("with a value of %d characters; ECS allows 256", utf8.RuneCountInString(value))
	case strings.HasPrefix(strings.ToLower(name), "aws:"):
		return "with the reserved prefix aws:"
	case !tagText.Get().MatchString(name), !tagText.Get().MatchString(value):
		return "with characters other than letters, digits, spaces and _ . : / = + - @"
	}
	return ""
}

// logDrivers are agent/dockerclient/logging_drivers.go.
var logDrivers = []string{
	"json-file", "syslog", "journald", "gelf", "fluentd", "awslogs", "splunk", "logentries", "sumologic", "none", "awsfirelens",
}

// readDrivers: the agent goes on with its default if the value is no JSON, and
// ends with code 1 if it names a driver that it does not know. That includes the
// empty one, which a number in the list becomes.
func readDrivers(value, def string) Reading {
	var names []string
	part, err := decode(value, &names)
	unknown := slices.IndexFunc(names, func(name string) bool { return !slices.Contains(logDrivers, name) })
	switch {
	case unknown < 0 && err != nil:
		return driverNames.judge(err, discarded(def, ""), Ignored)
	case unknown < 0 && len(names) == 0:
		return Reading{Text: def, Unset: true}
	case unknown < 0:
		return taken(part)
	case err != nil:
		return driverNames.judge(err, Reading{Text: value}, Fatal)
	}
	r := Reading{Text: part, Severity: Fatal, Fault: "lists a logging driver that the ECS agent does not know"}
	if driverName.Get().MatchString(names[unknown]) {
		r.Fault = "lists the unknown logging driver " + names[unknown]
	}
	return r
}

var driverName = lazyregexp.New(`^[A-Za-z0-9_./-]{1,40}$`)

type cidr struct{}

func (*cidr) UnmarshalJSON(data []byte) error {
	var block string
	if err := json.Unmarshal(data, &block); err != nil {
		return err
	}
	_, _, err := net.ParseCIDR(block)
	return err
}
