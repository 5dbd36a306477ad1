package ecsconfig

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"muster/internal/base/fix"
	"muster/internal/file/safefile"
)

// What keeps Load from reading a settings file, beside what the system reports.
var (
	// ErrDirectory: Docker makes one when it is asked to mount a file that is missing.
	ErrDirectory = errors.New("it is a directory, but the ECS agent expects a file")
	// ErrNotRegular is a pipe, a socket or a device.
	ErrNotRegular = safefile.ErrNotRegular
	// ErrTooLarge is more than any settings file has.
	ErrTooLarge = errors.New("it is larger than 16 MiB, the limit for a settings file")
	// ErrChanged says that the file is no longer what the caller loaded. Nothing was
	// written; load it again and start over.
	ErrChanged = errors.New("another program has changed it since it was read")
)

// maxSize is the most bytes of a file that Load takes in. A real ecs.config has a few
// hundred.
const maxSize = 16 << 20

// Load reads the file at path, which may be a symbolic link. A missing file is an empty
// one. Whatever else is not a readable regular file of at most 16 MiB is an error that
// names path.
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

// loadFix is what to do about err, where that is known.
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
