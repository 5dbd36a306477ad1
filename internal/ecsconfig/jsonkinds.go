package ecsconfig

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// The kinds whose values are JSON. The agent reads some with json.Unmarshal,
// which takes nothing after the JSON, and some with a json.Decoder, which does
// (agent/config/parse.go).
var (
	// attributes and tags that cannot be read end the agent with code 1.
	attributes = &Kind{Name: "JSON object of strings", open: '{', json: jsonObject, read: func(value, _ string) Reading {
		return readMap(value, "an attribute", badAttribute)
	}}
	tags = &Kind{Name: "JSON object of strings", open: '{', json: jsonObject, read: func(value, _ string) Reading {
		return readMap(value, "a tag", badTag)
	}}

	// routes are decoded as cniTypes.IPNet.
	routes = &Kind{Name: "JSON array of CIDR blocks", open: '[', json: jsonStrings, read: func(value, _ string) Reading {
		r := taken(strings.TrimSpace(value))
		if fault := misfit[[]cidr](value, `a JSON array of CIDR blocks, such as ["10.0.15.0/24"]`); fault != "" {
			r.Fault, r.Severity = fault, Fatal
		}
		return r
	}}

	drivers = &Kind{Name: "JSON array of logging drivers", open: '[', forgiving: true, json: jsonStrings, read: readDrivers}

	portList = &Kind{Name: "JSON array of ports", open: '[', forgiving: true, json: jsonPorts,
		read: decoded[[]uint16](`a JSON array of ports, such as [22,2375]`)}

	stringList = &Kind{Name: "JSON array of strings", open: '[', forgiving: true, json: jsonStrings,
		read: decoded[[]string](`a JSON array of strings, such as ["efsAuth"]`)}

	// labels are read by ecs-init, and of the pause container by the agent; both
	// go on without those that they cannot read.
	labels = &Kind{Name: "JSON object of strings", open: '{', json: jsonObject, read: func(value, def string) Reading {
		if fault := misfit[map[string]string](value, objectOfStrings); fault != "" {
			return discarded(def, fault)
		}
		return taken(strings.TrimSpace(value))
	}}

	registries = &Kind{Name: "JSON object of registries", open: '{', json: jsonObject, read: func(value, def string) Reading {
		fault := misfit[map[string]struct{ Auth, Username, Password, Email string }](value, "a JSON object of registries, each an object of strings")
		if fault != "" {
			return discarded(def, fault)
		}
		return taken(strings.TrimSpace(value))
	}}
)

const objectOfStrings = `a JSON object of strings, such as {"name":"value"}`

// misfit says why value does not unmarshal into T, or "". Of json's own error it
// keeps only the place, because its text quotes from the value.
func misfit[T any](value, want string) string {
	var into T
	err := json.Unmarshal([]byte(value), &into)
	return unlike(err, want)
}

func unlike(err error, want string) string {
	var syntax *json.SyntaxError
	switch {
	case err == nil:
		return ""
	case errors.As(err, &syntax):
		return fmt.Sprintf("is not valid JSON from byte %d on: it must be %s", syntax.Offset, want)
	}
	return "is not " + want
}

// decoded reads a T with a decoder, and discards what is none.
func decoded[T any](want string) func(value, def string) Reading {
	return func(value, def string) Reading {
		var into T
		part, fault := decode(value, &into, want)
		if fault != "" {
			return discarded(def, fault)
		}
		return taken(part)
	}
}

// decode reads the first JSON value of the text, and returns its part of it.
func decode(value string, into any, want string) (part, fault string) {
	d := json.NewDecoder(strings.NewReader(value))
	err := d.Decode(into)
	if errors.Is(err, io.EOF) {
		return "", "" // only blanks, which the agent takes as not set
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return "", "is not valid JSON: it must be " + want
	}
	return strings.TrimSpace(value[:min(int(d.InputOffset()), len(value))]), unlike(err, want)
}

// readMap reads custom attributes or tags.
func readMap(value, what string, bad func(name, value string) string) Reading {
	r := taken(strings.TrimSpace(value))
	var entries map[string]string
	if fault := unlike(json.Unmarshal([]byte(value), &entries), objectOfStrings); fault != "" {
		r.Fault, r.Severity = fault, Fatal
		return r
	}
	names := make([]string, 0, len(entries))
	for name := range entries {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if fault := bad(name, entries[name]); fault != "" {
			r.Fault, r.Severity = fmt.Sprintf("has %s that ECS refuses: %s %s", what, shown(name), fault), Refused
			return r
		}
	}
	return r
}

// shown quotes a name from a value, which is not known to be no secret.
func shown(name string) string {
	if plainName.MatchString(name) {
		return name
	}
	return "one"
}

var (
	plainName      = regexp.MustCompile(`^[A-Za-z0-9_./:@+=-]{1,64}$`)
	attributeName  = regexp.MustCompile(`^[A-Za-z0-9_./\\-]+$`)
	attributeValue = regexp.MustCompile(`^[A-Za-z0-9_.@/\\: -]*$`)
	tagText        = regexp.MustCompile(`^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$`)
)

// badAttribute: ECS API reference, data type Attribute.
func badAttribute(name, value string) string {
	switch {
	case name == "":
		return "has no name"
	case utf8.RuneCountInString(name) > 128:
		return "has a name of more than 128 characters"
	case utf8.RuneCountInString(value) > 128:
		return fmt.Sprintf("has a value of %d characters, and at most 128 are allowed", utf8.RuneCountInString(value))
	case !attributeName.MatchString(name):
		return `has a name with other characters than letters, digits and -_./\`
	case strings.TrimSpace(value) != value:
		return "has a value that begins or ends with a space"
	case !attributeValue.MatchString(value):
		return `has a value with other characters than letters, digits, spaces and -_.@/\:`
	}
	return ""
}

// badTag: ECS API reference, data type Tag.
func badTag(name, value string) string {
	switch {
	case name == "":
		return "has no key"
	case utf8.RuneCountInString(name) > 128:
		return "has a key of more than 128 characters"
	case utf8.RuneCountInString(value) > 256:
		return fmt.Sprintf("has a value of %d characters, and at most 256 are allowed", utf8.RuneCountInString(value))
	case strings.HasPrefix(strings.ToLower(name), "aws:"):
		return "begins with aws:, which is reserved"
	case !tagText.MatchString(name), !tagText.MatchString(value):
		return "has other characters than letters, digits, spaces and _.:/=+-@"
	}
	return ""
}

// logDrivers are agent/dockerclient/logging_drivers.go.
var logDrivers = []string{"json-file", "syslog", "journald", "gelf", "fluentd", "awslogs", "splunk", "logentries", "sumologic", "none", "awsfirelens"}

// readDrivers: the agent goes on with its default if the value is no JSON, and
// ends with code 1 if it names a driver that it does not know. That includes the
// empty one, which a number in the list becomes.
func readDrivers(value, def string) Reading {
	var names []string
	part, fault := decode(value, &names, `a JSON array of logging drivers, such as ["json-file","awslogs"]`)
	for _, name := range names {
		if slices.Contains(logDrivers, name) {
			continue
		}
		r := Reading{Text: part, Severity: Fatal, Fault: fault}
		if fault == "" {
			r.Fault = "names a logging driver that the ECS agent does not know"
			if driverName.MatchString(name) {
				r.Fault = "names the unknown logging driver " + name
			}
		}
		return r
	}
	if fault != "" {
		return discarded(def, fault)
	}
	if len(names) == 0 {
		return Reading{Text: def, Unset: true}
	}
	return taken(part)
}

var driverName = regexp.MustCompile(`^[A-Za-z0-9_./-]{1,40}$`)

type cidr struct{}

func (*cidr) UnmarshalJSON(data []byte) error {
	var block string
	if err := json.Unmarshal(data, &block); err != nil {
		return err
	}
	_, _, err := net.ParseCIDR(block)
	return err
}
