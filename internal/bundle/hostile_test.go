package bundle_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"muster/internal/bundle"
)

const shadow = "root:$6$salt$hash:20000:0:99999:7:::\n"

// Root creates the bundle, and it leaves the instance. If a user replaces a log with a link, the bundle must not
// contain the target.
func TestLogLinkOutOfItsDirectoryIsNotCollected(t *testing.T) {
	s := sick(t)
	secret := filepath.Join(t.TempDir(), "shadow")
	if err := os.WriteFile(secret, []byte(shadow), 0o600); err != nil {
		t.Fatal(err)
	}
	logs := []string{"var/log/ecs/ecs-agent.log", "var/log/cloud-init.log", "var/log/cloud-init-output.log"}
	for _, name := range logs {
		path := filepath.Join(s.Config.Root, name)
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(secret, path); err != nil {
			t.Fatal(err)
		}
	}
	m, files := unpacked(t, s, bundle.Extras()...)
	for name, text := range files {
		if strings.Contains(text, "$6$salt") {
			t.Errorf("%s has the other file", name)
		}
	}
	if files["logs/ecs-init.log"] == "" {
		t.Error("the log beside it is missing")
	}
	var said strings.Builder
	for _, f := range m.Failed {
		said.WriteString(f.Error + "\n")
	}
	for _, name := range []string{"-agent.log", "-init.log", "-init-output.log"} { // the filter masks the test's directory
		want := name + ": it is a symbolic link that points outside its directory, so it was not followed"
		if !strings.Contains(said.String(), want) {
			t.Errorf("the manifest does not say %q: %s", want, said.String())
		}
	}
}

// Opening a pipe without a writer like a file would block.
func TestPipesInPlaceOfFilesDoNotBlockTheBundle(t *testing.T) {
	s := sick(t)
	err := filepath.WalkDir(s.Config.Root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		if err := os.Remove(path); err != nil {
			return err
		}
		return unix.Mkfifo(path, 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
	m, files := unpacked(t, s, bundle.Extras()...)
	if files["results.json"] == "" || len(m.Failed) == 0 {
		t.Errorf("%d files; failed: %v", len(files), m.Failed)
	}
}
