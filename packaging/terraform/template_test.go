package terraform_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// stack is the CloudFormation template, and the conditions that hold.
type stack struct {
	Parameters map[string]struct {
		Type    string `yaml:"Type"`
		Default any    `yaml:"Default"`
	} `yaml:"Parameters"`
	Resources map[string]struct {
		Type       string               `yaml:"Type"`
		Properties map[string]yaml.Node `yaml:"Properties"`
	} `yaml:"Resources"`
	holds map[string]bool
}

func readStack(t *testing.T) stack {
	t.Helper()
	text, err := os.ReadFile(stackFile)
	if err != nil {
		t.Fatal(err)
	}
	var s stack
	if err := yaml.Unmarshal(text, &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// value is a node with its functions: !If is decided, a parameter is its default, another
// reference is a string such as "!Ref Cluster".
func (s stack) value(t *testing.T, n yaml.Node) any {
	t.Helper()
	switch {
	case n.Tag == "!If":
		branch := n.Content[2]
		if s.holds[n.Content[0].Value] {
			branch = n.Content[1]
		}
		return s.value(t, *branch)
	case n.Tag == "!Ref" && s.Parameters[n.Value].Type != "":
		return fmt.Sprint(s.Parameters[n.Value].Default)
	case n.Tag == "!Sub" && n.Kind == yaml.SequenceNode:
		return n.Content[0].Value
	case n.Tag == "!Sub":
		return n.Value
	case n.Kind == yaml.SequenceNode:
		var all []any
		for _, c := range n.Content {
			if value := s.value(t, *c); value != "!Ref AWS::NoValue" {
				all = append(all, value)
			}
		}
		return all
	case n.Kind == yaml.MappingNode:
		all := map[string]any{}
		for i := 0; i < len(n.Content); i += 2 {
			all[n.Content[i].Value] = s.value(t, *n.Content[i+1])
		}
		return all
	case strings.HasPrefix(n.Tag, "!!"):
		return n.Value
	}
	return n.Tag + " " + n.Value
}

func (s stack) property(t *testing.T, resource, name string) any {
	t.Helper()
	node, is := s.Resources[resource].Properties[name]
	if !is {
		return nil
	}
	return s.value(t, node)
}

func (s stack) text(t *testing.T, resource, name string) string {
	t.Helper()
	text, _ := s.property(t, resource, name).(string)
	return text
}
