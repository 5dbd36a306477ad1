package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"testing"
)

// A scanner accepts a bill of materials only if its ids are well formed and its references exist.
func TestBillOfMaterialsListsEveryModule(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	doc, err := describe(self, "1.2.3", "2026-01-02T03:04:05Z")
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	first := doc.Packages[0]
	if sum := fmt.Sprintf("%x", sha256.Sum256(content)); first.Name != "muster" || first.VersionInfo != "1.2.3" ||
		first.Checksums[0] != (checksum{"SHA256", sum}) {
		t.Errorf("%+v", first)
	}
	text, err := json.Marshal(doc)
	for _, want := range []string{`"spdxVersion":"SPDX-2.3"`, `"dataLicense":"CC0-1.0"`, `"referenceLocator":"pkg:golang/std@`} {
		if err != nil || !bytes.Contains(text, []byte(want)) {
			t.Errorf("no %s: %v", want, err)
		}
	}
}

// Each reference leads to a package, and each package has a reference.
func TestReferencesOfTheBillOfMaterials(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	doc, err := describe(self, "1.2.3", "2026-01-02T03:04:05Z")
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]bool{doc.SPDXID: true}
	for _, p := range doc.Packages {
		if ids[p.SPDXID] || !regexp.MustCompile(`^SPDXRef-[A-Za-z0-9.-]+$`).MatchString(p.SPDXID) {
			t.Errorf("id %s is not valid, or used twice", p.SPDXID)
		}
		ids[p.SPDXID] = true
	}
	for _, r := range doc.Relationships {
		if !ids[r.Element] || !ids[r.Related] {
			t.Errorf("%+v leads nowhere", r)
		}
	}
	if len(doc.Relationships) != len(doc.Packages) { // one CONTAINS for each module, and one DESCRIBES
		t.Errorf("%d relationships of %d packages", len(doc.Relationships), len(doc.Packages))
	}
}

func TestOtherFilesHaveNoBillOfMaterials(t *testing.T) {
	if _, err := describe("main.go", "1.2.3", ""); err == nil {
		t.Error("no error")
	}
}
