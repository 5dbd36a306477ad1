package fix

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A shell runs the commands twice, because users may paste them again.
func TestSetSetsAKeyOnce(t *testing.T) {
	for name, c := range map[string]struct{ before, after string }{
		"a new key":               {"ECS_CLUSTER=prod\n", "ECS_CLUSTER=prod\nECS_X=1\n"},
		"no line feed at the end": {"ECS_CLUSTER=prod", "ECS_CLUSTER=prod\nECS_X=1\n"},
		"a key that is set":       {"ECS_X=0\nECS_CLUSTER=prod\n", "ECS_CLUSTER=prod\nECS_X=1\n"},
		"the last line sets it":   {"ECS_CLUSTER=prod\nECS_X=0", "ECS_CLUSTER=prod\nECS_X=1\n"},
		"an empty file":           {"", "ECS_X=1\n"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "ecs.config")
			if err := os.WriteFile(path, []byte(c.before), 0o600); err != nil {
				t.Fatal(err)
			}
			script := strings.ReplaceAll(strings.Join(Set(path, "ECS_X", "1"), "\n"), "sudo ", "")
			for range 2 {
				if out, err := exec.Command("sh", "-ec", script).CombinedOutput(); err != nil {
					t.Fatalf("%v: %s", err, out)
				}
				if got, _ := os.ReadFile(path); string(got) != c.after {
					t.Errorf("got %q, want %q", got, c.after)
				}
			}
		})
	}
}
