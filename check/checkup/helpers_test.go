package checkup

import (
	"strings"
	"testing"

	"muster/check"
	"muster/check/catalog"
	"muster/internal/config"
	"muster/internal/instance"
	"muster/internal/sandbox"
)

// sandboxed starts an instance in a sandbox, sets this process's environment for it, and returns its root directory.
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

// open opens this instance with flags, which map setting variables to values.
func open(t *testing.T, flags map[string]string) *instance.Instance {
	t.Helper()
	host := instance.New(func() (config.Set, error) { return config.Gather(flags) })
	t.Cleanup(host.Close)
	i, err := host.Open(t.Context(), metadataPatience)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func results(t *testing.T, w catalog.World, only, skip []string) []check.Result {
	t.Helper()
	checks, err := check.Select(catalog.Checks(w), only, skip)
	if err != nil {
		t.Fatal(err)
	}
	return check.Run(t.Context(), checks)
}
