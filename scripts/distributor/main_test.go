package main

import (
	"archive/zip"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Systems Manager rejects a package whose manifest has a wrong file name or checksum, but only at upload.
func TestManifestMatchesItsFiles(t *testing.T) {
	dist := t.TempDir()
	for _, f := range formats() {
		for _, arch := range f.arch {
			if err := os.WriteFile(filepath.Join(dist, strings.Replace(fmt.Sprintf(f.name, arch), "*", "1.2.3~rc1", 1)), []byte(arch),
				0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := build(dist, "1.2.3-rc1"); err != nil {
		t.Fatal(err)
	}
	var m manifest
	text, _ := os.ReadFile(filepath.Join(dist, "distributor/manifest.json"))
	if err := json.Unmarshal(text, &m); err != nil || m.SchemaVersion != "2.0" || m.Version != "1.2.3-rc1" || len(m.Files) != 4 {
		t.Fatalf("%+v, %v", m, err)
	}
	for _, versions := range m.Packages {
		for _, file := range versions["_any"] {
			if sum := m.Files[file.File].Checksums["sha256"]; len(sum) != 64 {
				t.Errorf("%s has the checksum %q", file.File, sum)
			}
			names := packed(t, filepath.Join(dist, "distributor", file.File))
			if !strings.HasPrefix(names[0], "muster") || !slices.Equal(names[1:], []string{"install.sh", "update.sh", "uninstall.sh"}) {
				t.Errorf("%s holds %v", file.File, names)
			}
		}
	}
}

// packed returns the names in a ZIP file.
func packed(t *testing.T, path string) (names []string) {
	t.Helper()
	in, err := zip.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	for _, f := range in.File {
		names = append(names, f.Name)
	}
	return names
}

func TestMissingPackagesErrorSaysHowToBuildThem(t *testing.T) {
	if err := build(t.TempDir(), "1.2.3"); err == nil || !strings.Contains(err.Error(), "make package builds it") {
		t.Error(err)
	}
}
