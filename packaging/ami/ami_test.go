// Package ami_test holds the image recipes to what their tools take. That what
// they run does bake an image is seen in test/integration.
package ami_test

import (
	"bytes"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"muster/test/need"
)

// component is a document of the Task Orchestrator and Executor as its user guide
// has it: nothing that is not named there is taken.
type component struct {
	Name          string
	Description   string
	SchemaVersion string `yaml:"schemaVersion"`
	Parameters    []map[string]struct {
		Type, Default, Description string
		AllowedValues              []string `yaml:"allowedValues"`
	}
	Phases []struct {
		Name  string
		Steps []step
	}
}

type step struct {
	Name, Action   string
	OnFailure      string `yaml:"onFailure"`
	TimeoutSeconds int    `yaml:"timeoutSeconds"`
	MaxAttempts    int    `yaml:"maxAttempts"`
	Inputs         yaml.Node
}

// strictly decodes YAML that has no field besides those of the type.
func strictly(t *testing.T, text []byte, into any) {
	t.Helper()
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(into); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestTheComponentIsADocumentThatImageBuilderTakes(t *testing.T) {
	text := read(t, "image-builder.yaml")
	var c component
	strictly(t, text, &c)
	if c.SchemaVersion != "1.0" || c.Name == "" || len(text) > 64<<10 {
		t.Errorf("name %q, schemaVersion %s, %d bytes", c.Name, c.SchemaVersion, len(text))
	}
	declared := parameters(t, c)
	for _, used := range regexp.MustCompile(`\{\{(.*?)\}\}`).FindAllStringSubmatch(string(text), -1) {
		if !slices.Contains(declared, strings.TrimSpace(used[1])) {
			t.Errorf("%s is no parameter", used[0])
		}
	}
	var phases []string
	for _, p := range c.Phases {
		phases = append(phases, p.Name)
		var names []string
		for _, s := range p.Steps {
			names = append(names, s.Name)
			s.judge(t)
		}
		if slices.Sort(names); len(names) == 0 || len(slices.Compact(slices.Clone(names))) != len(names) {
			t.Errorf("the steps of %s are %v", p.Name, names)
		}
	}
	if !slices.Equal(phases, []string{"build", "validate", "test"}) {
		t.Errorf("the phases are %v", phases)
	}
}

func parameters(t *testing.T, c component) (names []string) {
	t.Helper()
	for _, one := range c.Parameters {
		for name, p := range one {
			if names = append(names, name); len(one) != 1 || p.Type != "string" ||
				!regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]{0,126}$`).MatchString(name) {
				t.Errorf("parameter %s: %+v", name, one)
			}
		}
	}
	return names
}

// judge checks a step by the rules of its action.
func (s step) judge(t *testing.T) {
	t.Helper()
	text, err := yaml.Marshal(&s.Inputs)
	if err != nil {
		t.Fatal(err)
	}
	switch s.Action {
	case "WebDownload":
		var inputs []struct {
			Source, Destination, Checksum, Algorithm string
			Overwrite                                bool
		}
		strictly(t, text, &inputs)
		for _, i := range inputs {
			if i.Source == "" || i.Destination == "" || i.Checksum == "" || i.Algorithm != "SHA256" {
				t.Errorf("%s downloads without a check: %+v", s.Name, i)
			}
		}
	case "ExecuteBash":
		var inputs struct{ Commands []string }
		strictly(t, text, &inputs)
		s.bash(t, inputs.Commands)
	default:
		t.Errorf("%s: the action %q is not known here", s.Name, s.Action)
	}
}

// bash checks the one script that a step's commands are. Without -e a failure
// in its middle would be none, and bash takes no "! command" for one.
func (s step) bash(t *testing.T, commands []string) {
	t.Helper()
	if len(commands) < 2 || commands[0] != "set -euo pipefail" {
		t.Errorf("%s goes on after a failure: %q", s.Name, commands)
	}
	for _, c := range commands {
		if strings.HasPrefix(c, "!") {
			t.Errorf("%s: the status of %q counts for nothing", s.Name, c)
		}
	}
	check := exec.CommandContext(t.Context(), need.Program(t, "bash", "apt-get install bash"), "-n")
	check.Stdin = strings.NewReader(strings.Join(commands, "\n"))
	if said, err := check.CombinedOutput(); err != nil {
		t.Errorf("%s: %v: %s", s.Name, err, said)
	}
}
