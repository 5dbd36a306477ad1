// Package jsonfile writes muster's own small files. What is in them is their
// owners' business.
package jsonfile

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"
)

// Write replaces the file at path by value in JSON, whole or not at all, with
// this mode whatever the umask, and makes its directory.
func Write(path string, value any, mode os.FileMode) error {
	data, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	// Beside it, not in TMPDIR, for the label that SELinux has for the place.
	beside := renameio.WithTempDir(filepath.Dir(path))
	if err := renameio.WriteFile(path, append(data, '\n'), mode, beside, renameio.WithStaticPermissions(mode)); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return nil
}
