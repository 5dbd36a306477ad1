package config

import (
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"time"

	"muster/internal/redact"
)

// Setting describes one setting, for the flags, for `config show` and for docs/reference/configuration.md.
type Setting struct {
	Variable string // MUSTER_CFN_STACK
	Flag     string // cfn-stack
	Default  string
	Desc     string
	Commands []string // commands that have the flag
	Type     string   // of the value, in the help of the flag: duration, size, int or string
	Bool     bool
	Recorded bool

	field int
}

// Settings lists every setting in the order of Config's fields.
func Settings() []Setting {
	t := reflect.TypeFor[Config]()
	var all []Setting
	for i := range t.NumField() {
		f := t.Field(i)
		if !f.IsExported() {
			continue
		}
		variable := variableOf(f.Name)
		all = append(all, Setting{
			Variable: variable,
			Flag:     flagName(variable),
			Default:  f.Tag.Get("default"),
			Desc:     descriptions[f.Name],
			Commands: strings.Fields(f.Tag.Get("in")),
			Type:     typeName(f.Type),
			Bool:     f.Type.Kind() == reflect.Bool,
			Recorded: f.Tag.Get("record") == "true",
			field:    i,
		})
	}
	return all
}

func typeName(t reflect.Type) string {
	switch t {
	case reflect.TypeFor[time.Duration]():
		return "duration"
	case reflect.TypeFor[Size]():
		return "size"
	case reflect.TypeFor[int]():
		return "int"
	}
	return "string"
}

var (
	acronymEnd = regexp.MustCompile(`([A-Z]+)([A-Z][a-z])`)
	wordEnd    = regexp.MustCompile(`([a-z])([A-Z])`)
)

// variableOf splits a field's name into words in the same way as envconfig's split_words, which envconfig does not
// export. A test checks that both match.
func variableOf(field string) string {
	field = acronymEnd.ReplaceAllString(field, "${1}_${2}")
	return Prefix + strings.ToUpper(wordEnd.ReplaceAllString(field, "${1}_${2}"))
}

func flagName(variable string) string {
	return strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(variable, Prefix), "_", "-"))
}

func (s Setting) value(c *Config) string {
	v := reflect.ValueOf(c).Elem().Field(s.field).Interface()
	if d, ok := v.(time.Duration); ok {
		return duration(d)
	}
	return fmt.Sprint(v)
}

// duration formats a duration as 10m instead of 10m0s.
func duration(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// Shown is one line of `muster config show`. Secrets in Value are masked.
type Shown struct {
	Variable string `json:"variable"`
	Flag     string `json:"flag"`
	Value    string `json:"value"`
	Origin   Origin `json:"origin"`
}

// Show returns every setting with its value and origin. Secrets are masked.
func (c *Config) Show() []Shown {
	var shown []Shown
	for _, s := range Settings() {
		value := redact.Value(s.Variable, s.value(c))
		if s.Variable == "MUSTER_ECS" {
			value = c.ECS.shown()
		}
		shown = append(shown, Shown{s.Variable, s.Flag, value, c.Origin(s.Variable)})
	}
	return shown
}

// Markdown returns the table for docs/reference/configuration.md.
func Markdown() string {
	var b strings.Builder
	b.WriteString("| variable | flag of | default | what it is |\n|---|---|---|---|\n")
	for _, s := range Settings() {
		def := ""
		if s.Default != "" {
			def = "`" + s.Default + "`"
		}
		fmt.Fprintf(&b, "| `%s` | `--%s` of %s | %s | %s |\n", s.Variable, s.Flag, strings.Join(s.Commands, ", "), def, s.Desc)
	}
	return b.String()
}
