// Command man writes the man pages of all commands to a directory. They contain the date from SOURCE_DATE_EPOCH
// (reproducible-builds.org), so that the output is reproducible.
package main

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"muster/internal/cli"
)

func main() {
	if len(os.Args) != 3 {
		fail(fmt.Errorf("usage: man VERSION DIRECTORY"))
	}
	fail(write(os.Args[1], os.Args[2]))
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "man:", err)
		os.Exit(1)
	}
}

func write(version, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	root := cli.Command(version, slog.New(slog.NewTextHandler(io.Discard, nil)))
	root.DisableAutoGenTag = true
	root.InitDefaultCompletionCmd()
	return pages(root, doc.GenManHeader{Section: "1", Source: "muster " + version, Manual: "muster"}, dir)
}

// pages writes the page of a command and those of its subcommands.
func pages(cmd *cobra.Command, header doc.GenManHeader, dir string) error {
	for _, child := range cmd.Commands() {
		if child.IsAvailableCommand() {
			if err := pages(child, header, dir); err != nil {
				return err
			}
		}
	}
	var page bytes.Buffer
	header.Title = "" // GenMan sets it
	if err := doc.GenMan(cmd, &header, &page); err != nil {
		return err
	}
	name := strings.ReplaceAll(cmd.CommandPath(), " ", "-") + ".1"
	return os.WriteFile(filepath.Join(dir, name), complete(page.Bytes(), cmd), 0o644)
}
