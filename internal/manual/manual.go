// Package manual finds the page on a check or a finding by its id, and shows its
// Markdown on a terminal. The pages are handed in; docs/checks has them.
package manual

import (
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"

	"muster/internal/base/nearest"
)

// heading is that of a section on one finding: its id, alone or with a title.
var heading = regexp.MustCompile("(?m)^## `?([a-z0-9]+(?:-[a-z0-9]+)*)`?(?:: .*)?$")

// IDs are those of all pages and of the sections in them, sorted.
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

// Sections are the ids of the findings that a page has a section on.
func Sections(page string) []string {
	var ids []string
	for _, m := range heading.FindAllStringSubmatch(page, -1) {
		ids = append(ids, m[1])
	}
	return ids
}

// Page is the page on a check, or that with the section on a finding, which then
// comes first. An id that has none is refused with those that look like it.
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
	return fmt.Errorf("there is no check and no finding %q: %s", id, nearest.Hint(id, ids, "muster explain lists them"))
}
