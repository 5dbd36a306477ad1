package main

import (
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"muster/internal/cli"
)

// Every command has a page with an example, except for the commands that cobra adds, whose pages have no example.
func TestEveryCommandHasAPageWithAnExample(t *testing.T) {
	dir := t.TempDir()
	if err := write("test", dir); err != nil {
		t.Fatal(err)
	}
	pages := 0
	var visit func(*cobra.Command)
	visit = func(c *cobra.Command) {
		if c.IsAvailableCommand() || !c.HasParent() {
			pages++
			name := strings.ReplaceAll(c.CommandPath(), " ", "-")
			text, err := os.ReadFile(filepath.Join(dir, name+".1"))
			if err != nil ||
				!strings.Contains(string(text), ".SH EXAMPLE\n.EX\n  "+strings.TrimSpace(strings.SplitN(c.Example, "\n", 2)[0])) ||
				c.Example == "" {
				t.Errorf("%s: no page, or no example in it: %v", name, err)
			}
		}
		for _, child := range c.Commands() {
			visit(child)
		}
	}
	visit(cli.Command("test", slog.New(slog.NewTextHandler(io.Discard, nil))))
	if pages < 9 {
		t.Errorf("only %d commands were found", pages)
	}
}

func TestThePagesAreReproducible(t *testing.T) {
	t.Setenv("SOURCE_DATE_EPOCH", "86400")
	first, second := t.TempDir(), t.TempDir()
	for _, dir := range []string{first, second} {
		if err := write("test", dir); err != nil {
			t.Fatal(err)
		}
	}
	names, err := filepath.Glob(first + "/*.1")
	if err != nil || len(names) == 0 {
		t.Fatalf("%v, %d pages", err, len(names))
	}
	for _, name := range names {
		a, _ := os.ReadFile(name)
		b, err := os.ReadFile(filepath.Join(second, filepath.Base(name)))
		if err != nil || string(a) != string(b) || !strings.Contains(string(a), "Jan 1970") {
			t.Errorf("%s: %v", filepath.Base(name), err)
		}
	}
}
