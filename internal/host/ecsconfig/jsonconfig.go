package ecsconfig

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"muster/internal/base/nearest"
)

// jsonForm parses a value of ecs.config.json like the field of the agent's Config, and returns it in the form of
// ecs.config.
type jsonForm func(json.RawMessage) (string, error)

func jsonString(raw json.RawMessage) (text string, err error) {
	err = json.Unmarshal(raw, &text)
	return text, err
}

func jsonInteger(raw json.RawMessage) (string, error) {
	var n int64
	err := json.Unmarshal(raw, &n)
	if n == 0 {
		return "", err // treated as unset
	}
	return strconv.FormatInt(n, 10), err
}

// jsonDuration parses nanoseconds.
func jsonDuration(raw json.RawMessage) (string, error) {
	var d time.Duration
	err := json.Unmarshal(raw, &d)
	if d == 0 {
		return "", err
	}
	return d.String(), err
}

// jsonFlag accepts unquoted values of strconv.ParseBool, and null (agent/config/conditional.go).
func jsonFlag(raw json.RawMessage) (string, error) {
	if string(raw) == "null" {
		return "", nil
	}
	on, err := strconv.ParseBool(string(raw))
	return strconv.FormatBool(on), err
}

func jsonStrings(raw json.RawMessage) (string, error) { return compact[[]string](raw) }
func jsonPorts(raw json.RawMessage) (string, error)   { return compact[[]uint16](raw) }
func jsonObject(raw json.RawMessage) (string, error)  { return compact[map[string]any](raw) }

// compact checks that raw unmarshals into T, and returns it without whitespace.
func compact[T any](raw json.RawMessage) (string, error) {
	var into T
	if err := json.Unmarshal(raw, &into); err != nil {
		return "", err
	}
	var out bytes.Buffer
	err := json.Compact(&out, raw)
	return out.String(), err
}

// errField reports a field whose type the agent does not accept.
type errField struct{ name, want string }

func (e errField) Error() string { return e.name + " (expected: " + e.want + ")" }

// fields reads the fields of one configuration object, ignoring case as encoding/json does. It also returns unknown
// fields.
func fields(data []byte) (values map[string]Value, unknown []string, err error) {
	var object map[string]json.RawMessage
	if err := json.Unmarshal(data, &object); err != nil {
		return nil, nil, err
	}
	values = map[string]Value{}
	for name, raw := range object {
		k := fieldKey(name)
		if k == nil {
			unknown = append(unknown, name)
			continue
		}
		text, err := k.Kind.json(raw)
		if err != nil {
			return nil, nil, errField{k.Field, k.Kind.Name}
		}
		if text != "" {
			values[k.Name] = Value{Key: k.Name, Raw: text, Text: strings.TrimSpace(text)}
		}
	}
	return values, unknown, nil
}

func fieldKey(name string) *Key {
	for i := range keys {
		if k := &keys[i]; k.Field != "" && k.Kind.json != nil && strings.EqualFold(k.Field, name) {
			return k
		}
	}
	return nil
}

// readJSON reads ecs.config.json (fileConfig). The agent exits if it is invalid JSON or has a field of the wrong type.
func readJSON(t SourceFile) (map[string]Value, []Problem) {
	p := Problem{File: t.Path, Severity: Fatal, Effect: agentExits}
	switch {
	case errors.Is(t.Err, ErrDirectory):
		p.What = "is a directory"
		return nil, []Problem{p}
	case t.Err != nil:
		return nil, nil // the agent continues without a file that it cannot open
	case len(bytes.TrimSpace(t.Data)) == 0:
		return nil, nil
	}
	values, unknown, err := fields(t.Data)
	var typed errField
	switch {
	case errors.As(err, &typed):
		p.Line, p.What = lineOf(t.Data, typed.name), "has a field of the wrong type: "+typed.Error()
		return nil, []Problem{p}
	case err != nil:
		p.Line, p.What = syntaxLine(t.Data, err), "is not a JSON object"
		return nil, []Problem{p}
	}
	if arn := deprecatedCluster(t.Data); arn != "" && values["ECS_CLUSTER"].Text == "" {
		values["ECS_CLUSTER"] = Value{Key: "ECS_CLUSTER", Raw: arn, Text: strings.TrimSpace(arn)}
	}
	for key, v := range values {
		v.Origin, v.File = FromJSON, t.Path
		if key == "ECS_CLUSTER" {
			v.Fault = readCluster(v.Raw, "").Fault
		}
		values[key] = v
	}
	return values, unknownFields(t, unknown)
}

// deprecatedCluster returns the predecessor of the Cluster field.
func deprecatedCluster(data []byte) string {
	var old struct{ ClusterArn string }
	_ = json.Unmarshal(data, &old)
	return old.ClusterArn
}

func unknownFields(t SourceFile, names []string) (problems []Problem) {
	for _, name := range names {
		if strings.EqualFold(name, "ClusterArn") {
			continue
		}
		p := Problem{File: t.Path, Line: lineOf(t.Data, name), Severity: UnknownKey, Effect: "the ECS agent ignores it",
			What: "has a field that the ECS agent does not know"}
		if plainName.Get().MatchString(name) {
			p.Key, p.What = name, "is not a field of the ECS agent's configuration"
		}
		if k := byName[canonical(name)]; k != nil && k.Field != "" {
			p.Intended, p.What = k.Name, p.What+": did you mean "+k.Field+"?"
		} else if near := nearest.Of(name, fieldNames()); len(near) > 0 {
			p.Intended, p.What = fieldKey(near[0]).Name, p.What+": did you mean "+near[0]+"?"
		}
		problems = append(problems, p)
	}
	return problems
}

func fieldNames() (names []string) {
	for _, k := range keys {
		if k.Field != "" && k.Kind.json != nil {
			names = append(names, k.Field)
		}
	}
	return names
}

// lineOf returns the line number of a field, or 0 if it is not found.
func lineOf(data []byte, name string) int {
	before, _, ok := bytes.Cut(bytes.ToLower(data), []byte(`"`+strings.ToLower(name)+`"`))
	if !ok {
		return 0
	}
	return bytes.Count(before, []byte("\n")) + 1
}

func syntaxLine(data []byte, err error) int {
	var syntax *json.SyntaxError
	if !errors.As(err, &syntax) {
		return 0
	}
	return bytes.Count(data[:min(int(syntax.Offset), len(data))], []byte("\n")) + 1
}

// readUserData reads {"ECSAgentConfiguration": {...}} (userDataConfig). The agent ignores other user data; muster never
// quotes it.
func readUserData(data []byte) (map[string]Value, []Problem) {
	var document map[string]json.RawMessage
	if len(data) == 0 || json.Unmarshal(data, &document) != nil {
		return nil, nil
	}
	for name, raw := range document {
		if !strings.EqualFold(name, "ECSAgentConfiguration") {
			continue
		}
		values, _, err := fields(raw)
		if err != nil {
			what := "has an ECSAgentConfiguration that the ECS agent cannot read"
			if typed := (errField{}); errors.As(err, &typed) {
				what = fmt.Sprintf("has an ECSAgentConfiguration with a field of the wrong type: %v", typed)
			}
			return nil, []Problem{{File: "user data", Severity: Ignored, What: what, Effect: "the ECS agent ignores all of it"}}
		}
		for key, v := range values {
			v.Origin = FromUserData
			values[key] = v
		}
		return values, nil
	}
	return nil, nil
}

// unreadable returns the problem of a file that ecs-init cannot read. A file that only muster cannot read is not a
// problem.
func unreadable(t SourceFile) []Problem {
	p := Problem{Severity: Misread, Effect: nothingRead}
	switch {
	case errors.Is(t.Err, fs.ErrPermission):
		return nil
	case errors.Is(t.Err, ErrDirectory):
		p.What = "is a directory, not a file"
	case errors.Is(t.Err, ErrNotRegular):
		p.What, p.Effect = "is not a regular file", "ecs-init may wait for it forever"
	case errors.Is(t.Err, ErrTooLarge):
		p.What = "is larger than 16 MiB"
	default:
		p.What = "cannot be read"
	}
	return []Problem{p}
}
