// Package jsonfile writes all of muster's JSON: documents for a terminal or a bundle, and its state files. Other
// packages define the fields.
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

// Write atomically replaces the file at path with value as JSON, with exactly this mode regardless of the umask. It
// creates the directory, accessible to all users.
func Write(path string, value any, mode os.FileMode) error {
	data, err := Marshal(value)
	if err != nil {
		return err
	}
	return Replace(path, data, mode)
}

// Replace is Write for a text that is not JSON.
func Replace(path string, data []byte, mode os.FileMode) error {
	if err := MakeDir(filepath.Dir(path)); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	leftover.Remove(path)
	// Next to the file, not in TMPDIR, so that it gets the SELinux label of that directory.
	beside := renameio.WithTempDir(filepath.Dir(path))
	if err := renameio.WriteFile(path, data, mode, beside, renameio.WithStaticPermissions(mode)); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return nil
}

// MakeDir is os.MkdirAll for directories that every user can enter, regardless of the umask. Hardened images set the
// umask to 077, but muster-agent, which has its own user, reads files that bootstrap wrote.
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
