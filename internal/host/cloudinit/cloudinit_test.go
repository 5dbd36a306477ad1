package cloudinit_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"muster/internal/host/cloudinit"
)

func root(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for path, text := range files {
		path = filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const result, status = "/var/lib/cloud/data/result.json", "/run/cloud-init/status.json"

func TestRead(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		want  cloudinit.Result
	}{
		"done": {map[string]string{result: `{"v1": {"datasource": "DataSourceEc2Local", "errors": ["a", "b"]}}`,
			status: `{"v1": {"stage": null}}`},
			cloudinit.Result{DataSource: "DataSourceEc2Local", Errors: []string{"a", "b"}}},
		"in its last stage": {map[string]string{status: `{"v1": {"datasource": null, "stage": "modules-final"}}`},
			cloudinit.Result{Running: "modules-final"}},
		"between stages": {map[string]string{status: `{"v1": {"stage": null}}`}, cloudinit.Result{Running: "between two stages"}},
	} {
		got, err := cloudinit.Read(root(t, c.files))
		if err != nil || got.DataSource != c.want.DataSource || got.Running != c.want.Running || !slices.Equal(got.Errors, c.want.Errors) {
			t.Errorf("%s: got %+v, %v", name, got, err)
		}
	}
}

func TestUnreadableFiles(t *testing.T) {
	if _, err := cloudinit.Read(t.TempDir()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without cloud-init: %v", err)
	}
	for _, path := range []string{result, status} {
		if got, err := cloudinit.Read(root(t, map[string]string{path: "{"})); err == nil || errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: got %+v, %v", path, got, err)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(`{"v1": {"datasource": "DataSourceNone", "errors": []}}`)
	f.Add(`{"v1": {"stage": "init"}}`)
	f.Fuzz(func(t *testing.T, text string) {
		for _, path := range []string{result, status} {
			if got, err := cloudinit.Read(root(t, map[string]string{path: text})); err == nil && (path == status) != (got.Running != "") {
				t.Errorf("%s: %q is %+v", path, text, got)
			}
		}
	})
}
