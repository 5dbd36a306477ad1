// Package manual finds the page on a check or finding by its id, and renders its Markdown on a terminal. The caller
// passes the pages; docs/checks contains them.
package manual

import (
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"

	"muster/internal/base/nearest"
)

// heading matches the heading of a section on a finding: its id, with or without a title.
var heading = regexp.MustCompile("(?m)^## `?([a-z0-9]+(?:-[a-z0-9]+)*)`?(?:: .*)?$")

// IDs returns the sorted ids of all pages and their sections.
func IDs(pages fs.FS) ([]string, error) {
	names, err := fs.Glob(pages, "*.md")
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, name := range names {
		text, err := fs.ReadFile(pages, name)
		if err != nil {
			return nil, err
		}
		ids = append(append(ids, strings.TrimSuffix(name, ".md")), Sections(string(text))...)
	}
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

// Sections returns the ids of the findings with a section on the page.
func Sections(page string) []string {
	var ids []string
	for _, m := range heading.FindAllStringSubmatch(page, -1) {
		ids = append(ids, m[1])
	}
	return ids
}

// Page returns the page on a check, or the page with the section on a finding, with this section first. For an unknown
// id, the error suggests similar ids.
func Page(pages fs.FS, id string) (string, error) {
	if text, err := fs.ReadFile(pages, id+".md"); err == nil {
		return string(text), nil
	}
	names, err := fs.Glob(pages, "*.md")
	if err != nil {
		return "", err
	}
	for _, name := range names {
		text, err := fs.ReadFile(pages, name)
		if err != nil {
			return "", err
		}
		if page, found := first(string(text), id); found {
			return page, nil
		}
	}
	return "", unknown(pages, id)
}

// first moves the section on one finding to the front of its page.
func first(page, id string) (string, bool) {
	at := heading.FindAllStringSubmatchIndex(page, -1)
	for _, m := range at {
		if page[m[2]:m[3]] != id {
			continue
		}
		end := len(page)
		if next := strings.Index(page[m[1]:], "\n## "); next >= 0 {
			end = m[1] + next + 1
		}
		return strings.TrimSpace(page[m[0]:end]) + "\n\n" + page[:m[0]] + page[end:], true
	}
	return "", false
}

func unknown(pages fs.FS, id string) error {
	ids, err := IDs(pages)
	if err != nil {
		return err
	}
	return fmt.Errorf("unknown check or finding %q: %s", id, nearest.Hint(id, ids, "muster explain lists them"))
}
