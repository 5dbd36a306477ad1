// Package docs_test checks the documentation as a whole.
package docs_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// pages are all Markdown files of the repository that people read, by path from here.
func pages(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	add := func(path string) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all[filepath.Clean(path)] = string(text)
	}
	add("../README.md")
	add("../HACKING.md")
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if err == nil && filepath.Ext(path) == ".md" {
			add(path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

var (
	fence   = regexp.MustCompile("(?ms)^```.*?^```")
	link    = regexp.MustCompile(`\]\(([^()\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ (.+)$`)
	dropped = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// anchors are the fragments that GitHub gives to the headings of a page.
func anchors(text string) map[string]bool {
	all := map[string]bool{}
	for _, m := range heading.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
		all[strings.ReplaceAll(dropped.ReplaceAllString(strings.ToLower(m[1]), ""), " ", "-")] = true
	}
	return all
}

func TestEveryLinkLeadsToAFileAndAHeading(t *testing.T) {
	all := pages(t)
	for path, text := range all {
		for _, m := range link.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
			file, fragment, _ := strings.Cut(m[1], "#")
			if strings.Contains(m[1], "://") {
				continue
			}
			target := path
			if file != "" {
				target = filepath.Join(filepath.Dir(path), file)
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s: the link to %s leads nowhere: %v", path, m[1], err)
			} else if fragment != "" && !anchors(all[target])[fragment] {
				t.Errorf("%s: the link to %s leads to no heading", path, m[1])
			}
		}
	}
}

// Readers find pages through the index.
func TestTheIndexListsEveryPage(t *testing.T) {
	index := pages(t)["README.md"]
	for path := range pages(t) {
		switch strings.Split(path, string(filepath.Separator))[0] {
		case "start", "guides", "reference", "why":
			if !strings.Contains(index, "]("+filepath.ToSlash(path)+")") {
				t.Errorf("docs/README.md does not list %s", path)
			}
		}
	}
}
