package manual_test

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"muster/internal/manual"
	"muster/internal/term"
)

var pages = fstest.MapFS{
	"disk.md": {
		Data: []byte(
			"# disk: there is room\n\nAbout disks.\n\n## disk-full\n\nIt is full.\n\n## `inodes-full`: no more files\n\nToo many files.\n",
		),
	},
	"clock.md":   {Data: []byte("# clock: it is right\n\n## Notes\n\nNo finding's.\n")},
	"readme.txt": {Data: []byte("## hidden\n")},
}

func TestIDs(t *testing.T) {
	ids, err := manual.IDs(pages)
	if want := []string{"clock", "disk", "disk-full", "inodes-full"}; err != nil || !slices.Equal(ids, want) {
		t.Errorf("got %q, %v, want %q", ids, err, want)
	}
}

func TestPage(t *testing.T) {
	for id, want := range map[string]string{
		"clock": "# clock: it is right\n\n## Notes\n\nNo finding's.\n",
		"disk-full": "## disk-full\n\nIt is full.\n\n# disk: there is room\n\nAbout disks.\n\n## `inodes-full`: no more files\n\nToo many " +
			"files.\n",
		"inodes-full": "## `inodes-full`: no more files\n\nToo many files.\n\n# disk: there is room\n\nAbout disks.\n\n## disk-full\n\nIt is " +
			"full.\n\n",
	} {
		if got, err := manual.Page(pages, id); err != nil || got != want {
			t.Errorf("%s: got %q, %v", id, got, err)
		}
	}
	for id, hint := range map[string]string{"disk-fill": "did you mean disk-full", "../disk": "disk", "": "muster explain lists them",
		"zzzzzzzz": "muster explain lists them"} {
		if _, err := manual.Page(pages, id); err == nil || !strings.Contains(err.Error(), hint) {
			t.Errorf("%q: %v", id, err)
		}
	}
}

const markdown = `# clock: it is right

One **paragraph** that
goes on, [see](https://example.org) é.

- first item that is longer than the line is
- second

1. numbered

| cause | do |
|---|---|
| skew | chronyc |

    chronyc    makestep

` + "```sh\n- kept  as it is\n```\nafter\n"

func TestPlain(t *testing.T) {
	want := `clock: it is right

One paragraph that goes on,
see (https://example.org) ?.

- first item that is longer
  than the line is
- second

1. numbered

  cause - do
  skew - chronyc

    chronyc    makestep

    - kept  as it is
after
`
	if got := manual.Plain(markdown, term.Style{Width: 28}); got != want {
		t.Errorf("got\n%s", got)
	}
	if got := manual.Plain("# a\n", term.Style{Color: true}); got != "\x1b[1ma\x1b[0m\n" {
		t.Errorf("got %q", got)
	}
}
