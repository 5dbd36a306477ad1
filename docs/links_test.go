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

// pages are the Markdown files that people read, by their path in the repository.
func pages(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	add := func(path string) {
		text, err := os.ReadFile(filepath.Join("..", path))
		if err != nil {
			t.Fatal(err)
		}
		all[path] = string(text)
	}
	add("README.md")
	add("HACKING.md")
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if err == nil && filepath.Ext(path) == ".md" {
			add(filepath.Join("docs", path))
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
			if _, err := os.Stat(filepath.Join("..", target)); err != nil {
				t.Errorf("%s: the link to %s leads nowhere: %v", path, m[1], err)
			} else if fragment != "" && !anchors(all[target])[fragment] {
				t.Errorf("%s: the link to %s leads to no heading", path, m[1])
			}
		}
	}
}

// Readers find pages through the index.
func TestTheIndexListsEveryPage(t *testing.T) {
	all := pages(t)
	for path := range all {
		below, _ := filepath.Rel("docs", path)
		switch strings.Split(below, string(filepath.Separator))[0] {
		case "start", "guides", "reference", "why":
			if !strings.Contains(all["docs/README.md"], "]("+filepath.ToSlash(below)+")") {
				t.Errorf("docs/README.md does not list %s", path)
			}
		}
	}
}

// The guides on questions about ECS answer first, then show how to check, then cite.
func TestQuestionsHaveACheckAndSources(t *testing.T) {
	index := pages(t)["docs/README.md"]
	_, questions, _ := strings.Cut(index, "Questions about ECS")
	questions, _, _ = strings.Cut(questions, "\n## ")
	guides := link.FindAllStringSubmatch(questions, -1)
	if len(guides) < 10 {
		t.Errorf("the index lists %d questions, want at least 10", len(guides))
	}
	for _, m := range guides {
		text := pages(t)["docs/"+m[1]]
		check, sources := strings.Index(text, "\n## Check it\n"), strings.Index(text, "\n## Sources\n")
		if check < 0 || sources < check || !strings.Contains(text[check:sources], "```\n$ ") ||
			!strings.Contains(text[sources:], "https://docs.aws.amazon.com/") {
			t.Errorf("docs/%s needs a section \"Check it\" with a screen, and then \"Sources\" that cite AWS", m[1])
		}
	}
}

// repositoryPath is a path of this repository, as the pages write it.
var repositoryPath = regexp.MustCompile("`((?:agent|bootstrap|check|internal|packaging|reach|scripts|systemd|test)/[^`\\s:]+)`")

func TestEveryPathThatAPageNamesExists(t *testing.T) {
	for page, text := range pages(t) {
		if strings.HasPrefix(page, "docs/adr") {
			continue // decision records keep the paths of their time
		}
		for _, m := range repositoryPath.FindAllStringSubmatch(text, -1) {
			if strings.Contains(m[1], "NAME") {
				continue // a placeholder
			}
			found, err := filepath.Glob(filepath.Join("..", m[1]))
			if err != nil || len(found) == 0 {
				t.Errorf("%s names %s, which does not exist", page, m[1])
			}
		}
	}
}
