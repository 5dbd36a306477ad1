// Package jsonfile writes the JSON that muster shows and keeps: documents for a
// terminal and a bundle, and its own small files. Their fields belong to other packages.
package jsonfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"

	"muster/internal/file/leftover"
)

// Write replaces the file at path by value in JSON, whole or not at all, with
// this mode whatever the umask, and makes its directory, which all may enter.
func Write(path string, value any, mode os.FileMode) error {
	data, err := Marshal(value)
	if err != nil {
		return err
	}
	if err := MakeDir(filepath.Dir(path)); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	leftover.Remove(path)
	// Beside it, not in TMPDIR, for the label that SELinux has for the place.
	beside := renameio.WithTempDir(filepath.Dir(path))
	if err := renameio.WriteFile(path, data, mode, beside, renameio.WithStaticPermissions(mode)); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return nil
}

// MakeDir is os.MkdirAll for directories that every user may enter, whatever the umask:
// hardened images have 077, and
// muster-agent, a user of its own, must reach what bootstrap wrote.
func MakeDir(dir string) error {
	err := os.Mkdir(dir, 0o755)
	if errors.Is(err, fs.ErrNotExist) && MakeDir(filepath.Dir(dir)) == nil {
		err = os.Mkdir(dir, 0o755)
	}
	if err == nil {
		return os.Chmod(dir, 0o755)
	}
	if info, bad := os.Stat(dir); bad == nil && info.IsDir() {
		return nil
	}
	return err
}
