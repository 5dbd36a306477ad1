// Command distributor builds an SSM Distributor package from the rpm and deb packages in dist/: one zip per
// architecture and format, with the scripts that Systems Manager runs, and the manifest
// (docs.aws.amazon.com/systems-manager, "Create a package in Distributor").
//
// Usage: distributor VERSION
package main

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

type manifest struct {
	SchemaVersion string                                      `json:"schemaVersion"`
	Publisher     string                                      `json:"publisher"`
	Version       string                                      `json:"version"`
	Packages      map[string]map[string]map[string]fileOfArch `json:"packages"` // by platform, platform version and architecture
	Files         map[string]checksums                        `json:"files"`
}

type fileOfArch struct {
	File string `json:"file"`
}

type checksums struct {
	Checksums map[string]string `json:"checksums"`
}

// format is a package format, with the platforms that use it. The platforms have Distributor's names.
type format struct {
	name               string // pattern of the package's file name in dist
	install, uninstall string
	platforms          []string
	arch               map[string]string // maps Distributor's name of an architecture to the format's name
}

func formats() []format {
	return []format{
		{"muster-*-1.%s.rpm", "rpm -U --replacepkgs --oldpackage ./*.rpm", "rpm -e muster",
			[]string{"amazon", "redhat", "rocky"}, map[string]string{"x86_64": "x86_64", "arm64": "aarch64"}},
		{"muster_*_%s.deb", "dpkg --force-confold --install ./*.deb", "dpkg --remove muster",
			[]string{"debian", "ubuntu"}, map[string]string{"x86_64": "amd64", "arm64": "arm64"}},
	}
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: distributor VERSION")
		os.Exit(2)
	}
	if err := build("dist", os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "distributor:", err)
		os.Exit(1)
	}
}

func build(dist, version string) error {
	out := filepath.Join(dist, "distributor")
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	m := manifest{
		SchemaVersion: "2.0",
		Publisher:     "muster",
		Version:       version,
		Packages:      map[string]map[string]map[string]fileOfArch{},
		Files:         map[string]checksums{},
	}
	for _, f := range formats() {
		for arch, theirs := range f.arch {
			// The glob is needed because the formats write versions differently: 1.0.0-rc1 becomes 1.0.0~rc1.
			source, err := only(filepath.Join(dist, fmt.Sprintf(f.name, theirs)))
			if err != nil {
				return err
			}
			name := "muster-" + f.platforms[0] + "-" + arch + ".zip"
			packed, err := pack(source, f)
			if err != nil {
				return err
			}
			if err := os.WriteFile(filepath.Join(out, name), packed, 0o644); err != nil {
				return err
			}
			m.Files[name] = checksums{map[string]string{"sha256": fmt.Sprintf("%x", sha256.Sum256(packed))}}
			for _, platform := range f.platforms {
				if m.Packages[platform] == nil {
					m.Packages[platform] = map[string]map[string]fileOfArch{"_any": {}}
				}
				m.Packages[platform]["_any"][arch] = fileOfArch{name}
			}
		}
	}
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(out, "manifest.json"), append(text, '\n'), 0o644)
}

// only returns the single file that matches the pattern.
func only(pattern string) (string, error) {
	found, err := filepath.Glob(pattern)
	if err != nil || len(found) != 1 {
		return "", fmt.Errorf("%d files match %s, want 1: make package builds it and removes others", len(found), pattern)
	}
	return found[0], nil
}

// pack returns the zip file of one package. The output is reproducible.
func pack(source string, f format) ([]byte, error) {
	content, err := os.ReadFile(source)
	if err != nil {
		return nil, err
	}
	const head = "#!/bin/sh\nset -e\ncd \"$(dirname \"$0\")\"\n"
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, file := range []struct {
		name    string
		content []byte
	}{
		{filepath.Base(source), content},
		{"install.sh", []byte(head + f.install + "\n")},
		{"update.sh", []byte(head + f.install + "\n")},
		{"uninstall.sh", []byte(head + f.uninstall + "\n")},
	} {
		to, err := w.Create(file.name)
		if err == nil {
			_, err = to.Write(file.content)
		}
		if err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
