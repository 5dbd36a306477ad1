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

// Kinds with JSON values. The agent reads some with json.Unmarshal, which rejects text after the JSON, and some with a
// json.Decoder, which ignores it (agent/config/parse.go).
var (
	// The agent exits with code 1 on invalid attributes and tags.
	attributes = &Kind{Name: objects.what, open: '{', json: jsonObject, read: func(value, _ string) Reading {
		return readMap(value, "attribute", badAttribute)
	}}
	tags = &Kind{Name: objects.what, open: '{', json: jsonObject, read: func(value, _ string) Reading {
		return readMap(value, "tag", badTag)
	}}

	// The agent decodes routes as cniTypes.IPNet.
	routes = &Kind{Name: blocks.what, open: '[', json: jsonStrings, read: func(value, _ string) Reading {
		var into []cidr
		return blocks.evaluate(json.Unmarshal([]byte(value), &into), taken(strings.TrimSpace(value)), Fatal)
	}}

	drivers = &Kind{Name: driverNames.what, open: '[', forgiving: true, json: jsonStrings, read: readDrivers}

	portList   = &Kind{Name: ports.what, open: '[', forgiving: true, json: jsonPorts, read: decoded[[]uint16](ports)}
	stringList = &Kind{Name: words.what, open: '[', forgiving: true, json: jsonStrings, read: decoded[[]string](words)}

	// ecs-init reads labels; the agent reads those of the pause container. Both ignore invalid labels.
	labels = &Kind{Name: objects.what, open: '{', json: jsonObject, read: unmarshalled[map[string]string](objects)}

	registries = &Kind{Name: logins.what, open: '{', json: jsonObject,
		read: unmarshalled[map[string]struct{ Auth, Username, Password, Email string }](logins)}
)

// shape describes valid JSON for a key.
type shape struct{ what, example string }

var (
	objects     = shape{"JSON object of strings", `{"name":"value"}`}
	blocks      = shape{"JSON array of CIDR blocks", `["10.0.15.0/24"]`}
	driverNames = shape{"JSON array of logging drivers", `["json-file","awslogs"]`}
	ports       = shape{"JSON array of ports", "[22,2375]"}
	words       = shape{"JSON array of strings", `["efsAuth"]`}
	logins      = shape{"JSON object of registries", `{"https://index.docker.io/v1/":{"username":"NAME","password":"PASSWORD"}}`}
)

// evaluate adds to r the problem of JSON that was read with err. It keeps only the offset of json's error, because the
// error text quotes the value.
func (s shape) evaluate(err error, r Reading, severity Severity) Reading {
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

// unmarshalled reads a T, and discards invalid values.
func unmarshalled[T any](s shape) func(value, def string) Reading {
	return func(value, def string) Reading {
		var into T
		if err := json.Unmarshal([]byte(value), &into); err != nil {
			return s.evaluate(err, discarded(def, ""), Ignored)
		}
		return taken(strings.TrimSpace(value))
	}
}

// decoded reads a T with a json.Decoder, and discards invalid values.
func decoded[T any](s shape) func(value, def string) Reading {
	return func(value, def string) Reading {
		var into T
		part, err := decode(value, &into)
		if err != nil {
			return s.evaluate(err, discarded(def, ""), Ignored)
		}
		return taken(part)
	}
}

// decode reads the first JSON value of the text, and returns the text of that value. A blank value counts as unset.
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
		return objects.evaluate(err, r, Fatal)
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

// shown quotes a name from a value, unless it could be a secret.
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

// badAttribute follows the ECS API reference, data type Attribute.
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

// badTag follows the ECS API reference, data type Tag.
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

// logDrivers lists the drivers of agent/dockerclient/logging_drivers.go.
var logDrivers = []string{
	"json-file", "syslog", "journald", "gelf", "fluentd", "awslogs", "splunk", "logentries", "sumologic", "none", "awsfirelens",
}

// readDrivers parses logging drivers. If the value is not valid JSON, the agent uses its default. On an unknown driver
// it exits with code 1. A number in the list becomes an empty driver, which is unknown.
func readDrivers(value, def string) Reading {
	var names []string
	part, err := decode(value, &names)
	unknown := slices.IndexFunc(names, func(name string) bool { return !slices.Contains(logDrivers, name) })
	switch {
	case unknown < 0 && err != nil:
		return driverNames.evaluate(err, discarded(def, ""), Ignored)
	case unknown < 0 && len(names) == 0:
		return Reading{Text: def, Unset: true}
	case unknown < 0:
		return taken(part)
	case err != nil:
		return driverNames.evaluate(err, Reading{Text: value}, Fatal)
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
