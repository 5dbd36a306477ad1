package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"muster/internal/base/fix"
)

// lock keeps a second bootstrap out until it is released or the process ends.
type lock struct {
	file       *os.File
	unfinished bool // a run of this boot did not finish: its mark is still there
}

func (l *lock) release() { _ = l.file.Close() }

// mark notes that this run has begun to change things, or has finished. It is the
// file's first byte.
func (l *lock) mark(unfinished bool) error {
	size := int64(0)
	if unfinished {
		size = 1
	}
	return l.file.Truncate(size)
}

// lock waits for a run that is under way; after it, there is nothing left to change.
func (r *run) lock(ctx context.Context) (*lock, error) {
	path := r.Config.Path("/run/muster/bootstrap.lock")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("taking the lock: %w", err)
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, fmt.Errorf("taking the lock: %w", err)
	}
	ctx, stop := context.WithTimeout(ctx, r.pace.lock)
	defer stop()
	for waiting := false; ; {
		err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			info, err := file.Stat()
			return &lock{file: file, unfinished: err == nil && info.Size() > 0}, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			_ = file.Close()
			return nil, fmt.Errorf("taking the lock %s: %w", path, err)
		}
		if !waiting {
			r.info("lock", "another muster bootstrap is running; waiting for it")
			waiting = true
		}
		select {
		case <-ctx.Done():
			_ = file.Close()
			return nil, fix.Wrap(fmt.Errorf("another muster bootstrap has held %s for %s", path, r.pace.lock),
				fix.Do("Find the process, and stop it if it hangs:", "sudo fuser -v "+path))
		case <-time.After(100 * time.Millisecond):
		}
	}
}
