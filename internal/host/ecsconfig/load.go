package ecsconfig

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"muster/internal/base/fix"
	"muster/internal/file/safefile"
)

// Errors of Load, in addition to those of the operating system.
var (
	// ErrDirectory means that the path is a directory. Docker creates one when it mounts a missing file.
	ErrDirectory = errors.New("it is a directory, but the ECS agent expects a file")
	// ErrNotRegular means that the path is a pipe, a socket or a device.
	ErrNotRegular = safefile.ErrNotRegular
	// ErrTooLarge means that the file is larger than any valid settings file.
	ErrTooLarge = errors.New("it is larger than 16 MiB, the limit for a settings file")
	// ErrChanged means that the file changed since the caller loaded it. Nothing was written. The caller can load it
	// again and retry.
	ErrChanged = errors.New("another program changed it since it was read")
)

// maxSize limits the file size. A typical ecs.config has a few hundred bytes.
const maxSize = 16 << 20

// Load reads the file at path, which may be a symbolic link. A missing file is read as empty. The error names path if it
// is not a readable regular file of at most 16 MiB.
func Load(path string) ([]byte, error) {
	data, err := load(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		var reason *fs.PathError
		if errors.As(err, &reason) {
			err = reason.Err
		}
		return nil, fix.Wrap(fmt.Errorf("reading %s: %w", path, err), loadFix(path, err))
	}
	return data, nil
}

// loadFix returns the fix for err, if known.
func loadFix(path string, err error) fix.Fix {
	switch {
	case errors.Is(err, ErrDirectory), errors.Is(err, ErrNotRegular), errors.Is(err, ErrTooLarge):
		return fix.Do("Move it aside:", "sudo mv "+path+" "+path+".old")
	case errors.Is(err, fs.ErrPermission):
		return fix.Do("Run muster as root.")
	}
	return fix.Fix{}
}

func load(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return nil, ErrDirectory
	}
	data, err := safefile.Read(path, maxSize)
	if errors.Is(err, safefile.ErrTooLarge) {
		return nil, ErrTooLarge
	}
	return data, err
}
