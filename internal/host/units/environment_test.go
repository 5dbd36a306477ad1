package units_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"muster/internal/host/units"
)

func dropIns(t testing.TB, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for path, text := range files {
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestEnvironmentIsReadLikeSystemd(t *testing.T) {
	const etc, lib = "/etc/systemd/system/docker.service.d/", "/usr/lib/systemd/system/docker.service.d/"
	for name, c := range map[string]struct {
		files map[string]string
		want  []units.Assignment
	}{
		"no drop-in": {nil, nil},
		"quotes and several on a line": {map[string]string{etc + "a.conf": "[Service]\nEnvironment=\"A=x y\" 'B=\"' C=z\n"},
			[]units.Assignment{{"A", "x y", etc + "a.conf", 2}, {"B", `"`, etc + "a.conf", 2}, {"C", "z", etc + "a.conf", 2}}},
		"a continued line": {map[string]string{etc + "a.conf": "[Service]\nEnvironment=A=1 \\\n  B=2\n"},
			[]units.Assignment{{"A", "1", etc + "a.conf", 3}, {"B", "2", etc + "a.conf", 3}}},
		"an empty value resets all": {map[string]string{etc + "a.conf": "[Service]\nEnvironment=A=1\n",
			etc + "b.conf": "[Service]\nEnvironment=\nEnvironment=B=2\n"},
			[]units.Assignment{{"B", "2", etc + "b.conf", 3}}},
		"the administrator's file hides the vendor's": {map[string]string{lib + "a.conf": "[Service]\nEnvironment=A=1\n",
			etc + "a.conf": "[Service]\nEnvironment=A=2\n"},
			[]units.Assignment{{"A", "2", etc + "a.conf", 2}}},
		"other sections, comments, other files": {map[string]string{etc + "a.conf": "[Unit]\nEnvironment=A=1\n[Service]\n#Environment=A=1\n;" +
			"Environment=A=1\nEnvironmentFile=x\n", etc + "b.txt": "[Service]\nEnvironment=A=1\n"}, nil},
	} {
		got, err := units.Environment(dropIns(t, c.files), "docker.service")
		if err != nil || !cmp.Equal(got, c.want) {
			t.Errorf("%s: got %+v, %v", name, got, err)
		}
	}
}

func TestUnreadableDropInIsAnError(t *testing.T) {
	root := dropIns(t, map[string]string{"/etc/systemd/system/ecs.service.d": "a file"})
	if got, err := units.Environment(root, "ecs.service"); err == nil {
		t.Errorf("got %+v", got)
	}
}

func FuzzEnvironment(f *testing.F) {
	f.Add("[Service]\nEnvironment=\"A=x y\" B=2 \\\n C=3\n")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := units.Environment(dropIns(t, map[string]string{"/etc/systemd/system/x.service.d/a.conf": text}), "x.service")
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range got {
			if a.Line < 1 {
				t.Errorf("%+v of %q", a, text)
			}
		}
	})
}
