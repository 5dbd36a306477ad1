// Command sbom prints the bill of materials of a Go binary as SPDX 2.3 JSON: the modules that the linker recorded in
// the binary, with their versions and checksums.
//
// Usage: sbom BINARY VERSION CREATED, where CREATED is an RFC 3339 time.
package main

import (
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/json"
	"fmt"
	"os"
	"strings"
)

type document struct {
	SPDXVersion       string         `json:"spdxVersion"`
	DataLicense       string         `json:"dataLicense"`
	SPDXID            string         `json:"SPDXID"`
	Name              string         `json:"name"`
	DocumentNamespace string         `json:"documentNamespace"`
	CreationInfo      creation       `json:"creationInfo"`
	Packages          []module       `json:"packages"`
	Relationships     []relationship `json:"relationships"`
}

type creation struct {
	Created  string   `json:"created"`
	Creators []string `json:"creators"`
}

type module struct {
	SPDXID           string      `json:"SPDXID"`
	Name             string      `json:"name"`
	VersionInfo      string      `json:"versionInfo"`
	DownloadLocation string      `json:"downloadLocation"`
	FilesAnalyzed    bool        `json:"filesAnalyzed"`
	ExternalRefs     []reference `json:"externalRefs,omitempty"`
	Checksums        []checksum  `json:"checksums,omitempty"`
}

type reference struct {
	Category string `json:"referenceCategory"`
	Type     string `json:"referenceType"`
	Locator  string `json:"referenceLocator"`
}

type checksum struct {
	Algorithm string `json:"algorithm"`
	Value     string `json:"checksumValue"`
}

type relationship struct {
	Element string `json:"spdxElementId"`
	Type    string `json:"relationshipType"`
	Related string `json:"relatedSpdxElement"`
}

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: sbom BINARY VERSION CREATED")
		os.Exit(2)
	}
	doc, err := describe(os.Args[1], os.Args[2], os.Args[3])
	if err == nil {
		e := json.NewEncoder(os.Stdout)
		e.SetIndent("", "  ")
		err = e.Encode(doc)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "sbom:", err)
		os.Exit(1)
	}
}

func describe(binary, version, created string) (document, error) {
	content, err := os.ReadFile(binary)
	if err != nil {
		return document{}, err
	}
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return document{}, err
	}
	sum := fmt.Sprintf("%x", sha256.Sum256(content))
	doc := document{
		SPDXVersion: "SPDX-2.3", DataLicense: "CC0-1.0", SPDXID: "SPDXRef-DOCUMENT",
		Name: "muster-" + version, DocumentNamespace: "urn:sha256:" + sum,
		CreationInfo: creation{created, []string{"Tool: muster/scripts/sbom"}},
		Packages: []module{
			{
				SPDXID:           "SPDXRef-muster",
				Name:             "muster",
				VersionInfo:      version,
				DownloadLocation: "NOASSERTION",
				Checksums:        []checksum{{"SHA256", sum}},
			},
			golang("std", strings.TrimPrefix(info.GoVersion, "go")),
		},
		Relationships: []relationship{{"SPDXRef-DOCUMENT", "DESCRIBES", "SPDXRef-muster"}},
	}
	for _, dep := range info.Deps {
		if dep.Replace != nil {
			dep = dep.Replace
		}
		doc.Packages = append(doc.Packages, golang(dep.Path, dep.Version))
	}
	for _, p := range doc.Packages[1:] {
		doc.Relationships = append(doc.Relationships, relationship{"SPDXRef-muster", "CONTAINS", p.SPDXID})
	}
	return doc, nil
}

// golang describes a module by its package URL, which vulnerability scanners use.
func golang(path, version string) module {
	id := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' {
			return r
		}
		return '-'
	}, path)
	return module{
		SPDXID: "SPDXRef-" + id, Name: path, VersionInfo: version, DownloadLocation: "NOASSERTION",
		ExternalRefs: []reference{{"PACKAGE-MANAGER", "purl", "pkg:golang/" + path + "@" + version}},
	}
}
