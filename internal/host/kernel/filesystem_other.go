//go:build !linux

package kernel

import (
	"errors"
	"fmt"
)

// FileSystemAt is implemented only on Linux.
func FileSystemAt(path string) (FileSystem, error) {
	return FileSystem{}, fmt.Errorf("reading the usage of the file system of %s: %w", path, errors.ErrUnsupported)
}
