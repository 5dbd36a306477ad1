package jsonfile

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestWriteCreatesTheDirectoryAndReplacesAtomically(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "b", "f.json")
	for _, value := range []string{"first, which is longer", "second"} {
		if err := Write(path, value, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	data, err := os.ReadFile(path)
	if err != nil || string(data) != "\"second\"\n" {
		t.Errorf("%q, %v", data, err)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), "*")); len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
}

func TestWriteErrorNamesThePath(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{filepath.Join(file, "below", "f.json"), dir} {
		if err := Write(path, 1, 0o600); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("Write(%s) error %v does not name it", path, err)
		}
	}
	if err := Write(filepath.Join(dir, "f.json"), func() {}, 0o600); err == nil {
		t.Error("a value without a JSON form was written")
	}
}
