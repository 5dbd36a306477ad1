//go:build !linux

package kernel

import (
	"errors"
	"fmt"
)

// FileSystemAt measures a file system on Linux only.
func FileSystemAt(path string) (FileSystem, error) {
	return FileSystem{}, fmt.Errorf("measuring the file system of %s: %w", path, errors.ErrUnsupported)
}
