// Package safefile opens files for reading that other users may have replaced. It does not
// interpret the files.
//
// A read never blocks and is always limited in size: pipes, devices, sockets and
// directories are rejected, if possible before they are opened. The function to use
// depends on who can write to the directory:
//
//	who can write                    symbolic links     use       examples
//	only root                        followed           Open      ecs.config, muster.env, os-release, resolv.conf, /proc
//	other users, a group, a task     only inside it     OpenIn    /var/log, /var/log/ecs, /run/muster-agent
//
// Links in root's directories are common and deliberate: /etc/os-release and
// /etc/resolv.conf are links in most distributions, and ecs.config often is one. In a
// log directory, a link to the outside is rejected: muster runs as root, and would
// otherwise copy /etc/shadow into a bundle under the name of a log.
package safefile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Reasons for rejecting a file, in addition to system errors.
var (
	ErrNotRegular = errors.New("it is not a regular file")
	ErrTooLarge   = errors.New("it is too large")
	// ErrOutside reports a symbolic link that points outside the directory.
	ErrOutside = errors.New("it is a symbolic link that points outside its directory, so it was not followed")
)

// O_NONBLOCK keeps a pipe without a writer from blocking the reader.
const flags = os.O_RDONLY | syscall.O_NONBLOCK

// Open opens the regular file at path, following symbolic links.
func Open(path string) (*os.File, error) {
	// Opening some devices, such as a watchdog, has side effects.
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if err := regular(path, info); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(path, flags, 0)
	if err != nil {
		return nil, err
	}
	return stillRegular(path, file)
}

// OpenIn opens the regular file called name in dir. The directory can be a link; links inside it must point to files
// below it.
func OpenIn(dir, name string) (*os.File, error) {
	path := filepath.Join(dir, name)
	root, err := openRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	info, err := root.Stat(name)
	if err != nil {
		return nil, outside(path, err)
	}
	if err := regular(path, info); err != nil {
		return nil, err
	}
	file, err := root.OpenFile(name, flags, 0)
	if err != nil {
		return nil, outside(path, err)
	}
	return stillRegular(path, file)
}

// openRoot does not block if the directory is a pipe, unlike os.OpenRoot.
func openRoot(dir string) (*os.Root, error) {
	info, err := os.Stat(dir)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return nil, &fs.PathError{Op: "open", Path: dir, Err: syscall.ENOTDIR}
	}
	return os.OpenRoot(dir)
}

// Read reads the whole file at path, opened like Open. For a file larger than limit bytes, it returns ErrTooLarge and no
// data.
func Read(path string, limit int64) ([]byte, error) {
	file, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return all(path, file, limit)
}

// ReadIn reads the whole file called name in dir, opened like OpenIn, with a limit like Read.
func ReadIn(dir, name string, limit int64) ([]byte, error) {
	file, err := OpenIn(dir, name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return all(filepath.Join(dir, name), file, limit)
}

// all reads up to one byte more than limit, because files can grow, and files in /proc report size 0.
func all(path string, file io.Reader, limit int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return nil, &fs.PathError{Op: "read", Path: path, Err: fmt.Errorf("%w: larger than %d bytes", ErrTooLarge, limit)}
	}
	return data, nil
}

// stillRegular checks the open file again, because the path may have been replaced since.
func stillRegular(path string, file *os.File) (*os.File, error) {
	info, err := file.Stat()
	if err == nil {
		err = regular(path, info)
	}
	if err != nil {
		_ = file.Close()
		return nil, err
	}
	return file, nil
}

func regular(path string, info fs.FileInfo) error {
	if info.Mode().IsRegular() {
		return nil
	}
	return &fs.PathError{Op: "open", Path: path, Err: fmt.Errorf("%w but %s", ErrNotRegular, kind(info.Mode()))}
}

func kind(mode fs.FileMode) string {
	switch {
	case mode.IsDir():
		return "a directory"
	case mode&fs.ModeNamedPipe != 0:
		return "a named pipe"
	case mode&fs.ModeSocket != 0:
		return "a socket"
	case mode&fs.ModeDevice != 0:
		return "a device"
	default:
		return "of another type (" + mode.Type().String() + ")"
	}
}

// outside adds the full path to an error of an os.Root. An error that is not a system error is its refusal to leave the
// directory, which package os does not export.
func outside(path string, err error) error {
	var of *fs.PathError
	if !errors.As(err, &of) {
		return err
	}
	var system syscall.Errno
	if err = of.Err; !errors.As(err, &system) {
		err = ErrOutside
	}
	return &fs.PathError{Op: "open", Path: path, Err: err}
}
