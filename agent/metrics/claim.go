package metrics

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

var (
	// errLockedElsewhere means that another process publishes from this spool, or that this process has no permission
	// to find out.
	errLockedElsewhere = errors.New("not publishing")
	// errNoSpool means that the spool directory does not exist and cannot be created. Therefore no other process can
	// use it.
	errNoSpool = errors.New("no spool directory")
)

// claim locks the spool directory, unless this process already holds the lock. The kernel releases the lock when the
// process ends, however it ends.
//
// A second agent does not exit, but waits for the lock. It still watches its containers, it takes over when the first
// one ends, and systemd does not have to restart it every five seconds. It discards its own minutes, because the first
// agent publishes the same series.
func (s *spool) claim() error {
	if s.lock != nil {
		if s.claimed() {
			return nil
		}
		s.release() // the directory was replaced
	}
	f, err := openSpool(s.dir)
	if err != nil {
		return err
	}
	for {
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if err != nil {
		_ = f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return fmt.Errorf("%w: %s is locked by %s", errLockedElsewhere, s.dir, s.owner())
		}
		return fmt.Errorf("locking %s: %w", s.dir, err)
	}
	s.lock = f
	s.sign()
	return nil
}

// claimed reports whether the lock is on the directory that currently has the name.
func (s *spool) claimed() bool {
	ours, err := s.lock.Stat()
	if err != nil {
		return true
	}
	named, err := os.Stat(s.dir)
	if err != nil {
		return !absent(err)
	}
	return os.SameFile(ours, named)
}

// release releases the lock explicitly. Closing the file is not enough while a child process has been forked but has
// not called exec yet, because it shares the lock.
func (s *spool) release() {
	if s.lock != nil {
		_ = unix.Flock(int(s.lock.Fd()), unix.LOCK_UN)
		_ = s.lock.Close()
	}
	s.lock, s.loaded = nil, false
}

// openSpool opens the spool directory, and creates it if it is missing.
func openSpool(dir string) (*os.File, error) {
	f, err := os.OpenFile(dir, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if absent(err) {
		if made := os.MkdirAll(dir, 0o700); made != nil {
			if _, err := os.Stat(dir); absent(err) {
				return nil, fmt.Errorf("%w: %w", errNoSpool, made)
			}
			return nil, made
		}
		f, err = os.OpenFile(dir, os.O_RDONLY|unix.O_NONBLOCK, 0)
	}
	if errors.Is(err, fs.ErrPermission) {
		return nil, fmt.Errorf("%w: %w", errLockedElsewhere, err)
	}
	return f, err
}

// absent reports whether the error proves that the path does not exist.
func absent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR)
}

// exhausted reports whether the error means that this process lacks a resource, which says nothing about the file.
func exhausted(err error) bool {
	for _, code := range []error{unix.EMFILE, unix.ENFILE, unix.ENOMEM, unix.ENOBUFS} {
		if errors.Is(err, code) {
			return true
		}
	}
	return false
}

const ownerFile = "owner.pid"

// sign writes this process's ID next to the lock. Another process includes the ID in its message about the lock.
func (s *spool) sign() {
	_ = writeFile(filepath.Join(s.dir, ownerFile), []byte(strconv.Itoa(os.Getpid())))
}

func (s *spool) owner() string {
	data, err := readFile(filepath.Join(s.dir, ownerFile), 20)
	pid, bad := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil || bad != nil {
		return "another process"
	}
	return fmt.Sprintf("process %d", pid)
}

// errShort means that a file changed while it was read, which does not prove damage.
var errShort = errors.New("the file changed while it was read")

// readFile reads a regular file of at most limit bytes. It never returns a part of a file.
func readFile(path string, limit int64) ([]byte, error) {
	f, err := openRegular(path, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.Size() > limit {
		return nil, fmt.Errorf("%w: it has %d bytes", errDamaged, info.Size())
	}
	data := make([]byte, info.Size())
	if _, err := io.ReadFull(f, data); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			err = errShort
		}
		return nil, err
	}
	if info, err = f.Stat(); err != nil || info.Size() != int64(len(data)) {
		return nil, errors.Join(errShort, err)
	}
	return data, nil
}

func writeFile(path string, data []byte) error {
	f, err := openRegular(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}

// openRegular opens a regular file. It does not follow a link out of the spool, and a pipe does not block it.
func openRegular(path string, flag int) (*os.File, error) {
	f, err := os.OpenFile(path, flag|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0o600)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a regular file", path)
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}
