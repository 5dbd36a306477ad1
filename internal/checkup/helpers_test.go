package checkup

import (
	"strings"
	"testing"

	"muster/check"
	"muster/internal/config"
	"muster/internal/instance"
	"muster/internal/sandbox"
)

// sandboxed is an instance in a sandbox, of which this process's environment tells, and
// its file system root.
func sandboxed(t *testing.T) (root string, box *sandbox.Sandbox) {
	t.Helper()
	root = t.TempDir()
	box, err := sandbox.New(sandbox.Options{Root: root, Clusters: []string{"prod"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(box.Close)
	for _, entry := range box.Environ() {
		name, value, _ := strings.Cut(entry, "=")
		t.Setenv(name, value)
	}
	return root, box
}

// open opens this instance with flags, by variable.
func open(t *testing.T, flags map[string]string) *instance.Instance {
	t.Helper()
	host := instance.New(func() (config.Set, error) { return instance.Settings(flags) })
	t.Cleanup(host.Close)
	i, err := host.Open(t.Context(), metadataPatience)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func results(t *testing.T, w check.World, only, skip []string) []check.Result {
	t.Helper()
	checks, err := check.Select(check.Catalog(w), only, skip)
	if err != nil {
		t.Fatal(err)
	}
	return check.Run(t.Context(), checks)
}
