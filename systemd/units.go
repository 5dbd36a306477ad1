// Package systemd embeds muster's unit files, so that a binary without a package can install them. The packages contain
// the same files. Package muster/internal/host/units installs them.
package systemd

import (
	"embed"
	"io/fs"

	"muster/internal/host/units"
)

//go:embed *.service *.socket
var files embed.FS

// Units returns the unit files with the given names, in that order, or all of them. It panics if a name is unknown,
// because that is a bug in the caller.
func Units(names ...string) []units.Unit {
	if len(names) == 0 {
		names, _ = fs.Glob(files, "*.*")
	}
	var out []units.Unit
	for _, name := range names {
		content, err := files.ReadFile(name)
		if err != nil {
			panic(err)
		}
		out = append(out, units.Unit{Name: name, Content: content})
	}
	return out
}
