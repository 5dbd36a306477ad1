package fieldcase

import (
	"fmt"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Words is a list of strings. In a case, a single string is a list of one.
type Words []string

// UnmarshalYAML reads a string or a list of strings.
func (w *Words) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		*w = Words{n.Value}
		return nil
	}
	return n.Decode((*[]string)(w))
}

// Ints is a list of numbers. In a case, a single number is a list of one.
type Ints []int

// UnmarshalYAML reads a number or a list of numbers.
func (i *Ints) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind != yaml.ScalarNode {
		return n.Decode((*[]int)(i))
	}
	v, err := strconv.Atoi(n.Value)
	if err != nil {
		return fmt.Errorf("line %d: %q is not a number", n.Line, n.Value)
	}
	*i = Ints{v}
	return nil
}

// Agent describes the behavior of the instance's ECS agent.
type Agent struct {
	Start        bool   `yaml:"-"`
	Cluster      string // register here, regardless of the configuration
	Config       string // read this instead of /etc/ecs/ecs.config
	Disconnected bool
	Ends         string // required state before the first step; "" accepts any
	NoLogs       bool   `yaml:"no_logs"` // delete its own logs once it has settled
}

// UnmarshalYAML reads a word such as "registers" or "exits 5", or a mapping.
func (a *Agent) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind != yaml.ScalarNode {
		type plain Agent
		a.Start = true
		return n.Decode((*plain)(a))
	}
	switch word := n.Value; {
	case word == "absent":
		*a = Agent{}
	case word == "registers":
		*a = Agent{Start: true, Ends: "registered"}
	case word == "disconnected":
		*a = Agent{Start: true, Disconnected: true, Ends: "registered"}
	case word == "retries" || strings.HasPrefix(word, "exits "):
		*a = Agent{Start: true, Ends: word}
	default:
		return fmt.Errorf("line %d: unknown agent %q", n.Line, word)
	}
	return nil
}

// UnmarshalYAML reads a kind of damage, or a mapping.
func (c *Checkpoint) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		c.Damage = n.Value
		return nil
	}
	type plain Checkpoint
	return n.Decode((*plain)(c))
}

// UnmarshalYAML reads a state, or a mapping.
func (u *Unit) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		u.State = n.Value
		return nil
	}
	type plain Unit
	return n.Decode((*plain)(u))
}

// UnmarshalYAML reads a word, or a mapping.
func (d *Docker) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		d.Is = n.Value
		return nil
	}
	type plain Docker
	return n.Decode((*plain)(d))
}
