// Package systemd holds the unit files of muster, for a bare binary to install.
// The packages ship the same files. What is done with them is for package
// muster/internal/host/units.
package systemd

import (
	"embed"
	"io/fs"

	"muster/internal/host/units"
)

//go:embed *.service *.socket
var files embed.FS

// Units returns all unit files, or those named, in the order given. A name
// that is not a file of this package panics: it is a slip in the calling code.
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
