package announce_test

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// schema supports the part of JSON Schema that docs/schema/event.json uses.
type schema struct {
	Type                 string
	Const                any
	Enum                 []any
	Format               string
	MinLength, MaxLength *int
	Minimum              *float64
	Required             []string
	AdditionalProperties *bool
	Properties           map[string]*schema

	Schema, Title, Description string // not used in checks
}

func readSchema(t *testing.T) *schema {
	t.Helper()
	file, err := os.Open("../../docs/schema/event.json")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var s schema
	d := json.NewDecoder(dollar{file})
	d.DisallowUnknownFields() // a keyword that this test does not support would not be checked
	if err := d.Decode(&s); err != nil {
		t.Fatal(err)
	}
	return &s
}

// dollar replaces the one keyword that is not a valid Go name.
type dollar struct{ file *os.File }

func (d dollar) Read(p []byte) (int, error) {
	n, err := d.file.Read(p)
	copy(p, strings.Replace(string(p[:n]), `"$schema"`, `"schema" `, 1))
	return n, err
}

// check returns the violations of a value.
func (s *schema) check(path string, v any) (wrong []string) {
	bad := func(format string, args ...any) { wrong = append(wrong, path+": "+fmt.Sprintf(format, args...)) }
	if s.Const != nil && v != s.Const {
		bad("%v is not %v", v, s.Const)
	}
	if s.Enum != nil && !slices.Contains(s.Enum, v) {
		bad("%v is none of %v", v, s.Enum)
	}
	switch v := v.(type) {
	case string:
		s.checkString(v, bad)
	case float64:
		if s.Minimum != nil && v < *s.Minimum || s.Type != "" && s.Type != "integer" {
			bad("the number %v", v)
		}
	case map[string]any:
		wrong = append(wrong, s.checkMembers(path, v, bad)...)
	default:
		bad("%T", v)
	}
	return wrong
}

func (s *schema) checkString(v string, bad func(format string, args ...any)) {
	n := utf8.RuneCountInString(v)
	if s.MinLength != nil && n < *s.MinLength || s.MaxLength != nil && n > *s.MaxLength {
		bad("%d characters", n)
	}
	if _, err := time.Parse(time.RFC3339Nano, v); s.Format == "date-time" && err != nil {
		bad("%v", err)
	}
	if s.Type != "" && s.Type != "string" {
		bad("a string")
	}
}

// checkMembers checks an object, and returns the violations of its members.
func (s *schema) checkMembers(path string, v map[string]any, bad func(format string, args ...any)) (wrong []string) {
	for _, name := range s.Required {
		if _, ok := v[name]; !ok {
			bad("%s is missing", name)
		}
	}
	for name, member := range v {
		if of := s.Properties[name]; of != nil {
			wrong = append(wrong, of.check(path+"."+name, member)...)
		} else if s.AdditionalProperties != nil && !*s.AdditionalProperties {
			bad("%s is unknown", name)
		}
	}
	return wrong
}

func TestTheSchemaCheckCanFail(t *testing.T) {
	s := readSchema(t)
	for _, text := range []string{
		`[]`, `{}`, `{"schemaVersion":1,"id":"x","kind":"unhealthy","at":"today"}`,
		`{"schemaVersion":2,"id":"x","kind":"unhealthy","at":"2026-03-01T10:00:00Z"}`,
		`{"schemaVersion":1,"id":"x","kind":"odd","at":"2026-03-01T10:00:00Z"}`,
		`{"schemaVersion":1,"id":"x","kind":"oom","at":"2026-03-01T10:00:00Z","more":1}`,
		`{"schemaVersion":1,"id":"x","kind":"oom","at":"2026-03-01T10:00:00Z","repeated":0}`,
		`{"schemaVersion":1,"id":"","kind":"oom","at":"2026-03-01T10:00:00Z"}`,
	} {
		var v any
		if err := json.Unmarshal([]byte(text), &v); err != nil {
			t.Fatal(err)
		}
		if s.check("detail", v) == nil {
			t.Errorf("passed: %s", text)
		}
	}
}
