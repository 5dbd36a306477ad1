package fieldcase

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"muster/internal/base/nearest"
)

// unknownKey returns an error for the first key in n that type t does not have. yaml's own KnownFields does not check
// below an UnmarshalYAML method.
func unknownKey(n *yaml.Node, t reflect.Type) error {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch n.Kind {
	case yaml.DocumentNode:
		return unknownKey(n.Content[0], t)
	case yaml.AliasNode:
		return nil // its anchor is checked at its position
	case yaml.SequenceNode:
		if t.Kind() != reflect.Slice {
			return nil // decoding reports the mismatch
		}
		for _, item := range n.Content {
			if err := unknownKey(item, t.Elem()); err != nil {
				return err
			}
		}
	case yaml.MappingNode:
		return unknownKeyOfMapping(n, t)
	}
	return nil
}

func unknownKeyOfMapping(n *yaml.Node, t reflect.Type) error {
	var fields map[string]reflect.Type
	switch t.Kind() {
	case reflect.Struct:
		fields = fieldsOf(t)
	case reflect.Map:
	default:
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		of := t
		if fields == nil {
			of = t.Elem()
		} else if field, ok := fields[key.Value]; ok {
			of = field
		} else if key.Tag != "!!merge" {
			known := slices.Sorted(maps.Keys(fields))
			hint := nearest.Hint(key.Value, known, "known are "+strings.Join(known, ", "))
			return fmt.Errorf("line %d: unknown key %q: %s", key.Line, key.Value, hint)
		}
		if err := unknownKey(value, of); err != nil {
			return err
		}
	}
	return nil
}

// fieldsOf returns the keys that yaml decodes into a struct, and their types.
func fieldsOf(t reflect.Type) map[string]reflect.Type {
	fields := map[string]reflect.Type{}
	for i := range t.NumField() {
		f := t.Field(i)
		name, option, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		switch {
		case option == "inline":
			maps.Copy(fields, fieldsOf(f.Type))
		case name == "-" || !f.IsExported():
		case name != "":
			fields[name] = f.Type
		default:
			fields[strings.ToLower(f.Name)] = f.Type
		}
	}
	return fields
}
