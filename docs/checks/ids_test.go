package checks_test

import (
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"muster/check"
	"muster/check/catalog"
	"muster/docs/checks"
	"muster/internal/manual"
)

var update = flag.Bool("update", false, "add new ids to check/testdata/ids.golden")

// ids are those of all checks, and of all that they may find.
func ids() []string {
	var all []string
	for _, c := range catalog.Checks(catalog.World{}) {
		all = append(append(all, c.ID), check.IDs(c.Findings)...)
	}
	slices.Sort(all)
	return all
}

// Scripts and dashboards go by the ids: none is ever taken away or renamed.
func TestTheIDsAreFrozen(t *testing.T) {
	path := filepath.Join("..", "..", "check", "testdata", "ids.golden")
	data, err := os.ReadFile(path)
	if err != nil && !*update {
		t.Fatal(err)
	}
	frozen, now := strings.Fields(string(data)), ids()
	if *update {
		frozen = slices.Compact(slices.Sorted(slices.Values(slices.Concat(frozen, now))))
		if err := os.WriteFile(path, []byte(strings.Join(frozen, "\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, id := range frozen {
		if !slices.Contains(now, id) {
			t.Errorf("%s is gone: its meaning is frozen", id)
		}
	}
	for _, id := range now {
		if !slices.Contains(frozen, id) {
			t.Errorf("%s is new: go test ./docs/checks -update", id)
		}
		if !regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`).MatchString(id) {
			t.Errorf("%q is not kebab-case", id)
		}
	}
}

// Each check has its page, each finding its section on the page of its check,
// and there are no others.
func TestEveryIDIsInTheManual(t *testing.T) {
	documented, err := manual.IDs(checks.Pages())
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range documented {
		if !slices.Contains(ids(), id) {
			t.Errorf("the manual tells of %s, which no check finds", id)
		}
	}
	for _, c := range catalog.Checks(catalog.World{}) {
		page, err := fs.ReadFile(checks.Pages(), c.ID+".md")
		if err != nil {
			t.Errorf("docs/checks/%s.md: %v", c.ID, err)
			continue
		}
		sections := manual.Sections(string(page))
		for _, id := range check.IDs(c.Findings) {
			if !slices.Contains(sections, id) {
				t.Errorf("docs/checks/%s.md has no section ## %s", c.ID, id)
			}
		}
	}
}

// Every page answers the same questions in the same order, so that a reader at
// 3 a.m. knows where to look. The sections on findings are part of the fix.
func TestEveryPageHasTheSameHeadings(t *testing.T) {
	want := []string{"What it means", "How to confirm it by hand", "How to fix it", "How to prevent it", "Sources"}
	for _, c := range catalog.Checks(catalog.World{}) {
		page, err := fs.ReadFile(checks.Pages(), c.ID+".md")
		if err != nil {
			t.Error(err)
			continue
		}
		var got []string
		for _, section := range strings.Split(string(page), "\n## ")[1:] {
			heading, text, _ := strings.Cut(section, "\n")
			if strings.TrimSpace(text) == "" {
				t.Errorf("docs/checks/%s.md: the section %q is empty", c.ID, heading)
			}
			switch fix := slices.Contains(got, "How to fix it") && !slices.Contains(got, "How to prevent it"); {
			case !slices.Contains(check.IDs(c.Findings), strings.Trim(heading, "`")):
				got = append(got, heading)
			case !fix:
				t.Errorf("docs/checks/%s.md: the finding %s is not below \"How to fix it\"", c.ID, heading)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("docs/checks/%s.md has the headings %q, want %q", c.ID, got, want)
		}
	}
}
