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

// lock prevents a second bootstrap from running until it is released or the process exits.
type lock struct {
	file       *os.File
	unfinished bool // an earlier run in this boot did not finish
}

func (l *lock) release() { _ = l.file.Close() }

// mark records whether this run has started but not finished its changes. The mark is one byte in the lock file.
func (l *lock) mark(unfinished bool) error {
	size := int64(0)
	if unfinished {
		size = 1
	}
	return l.file.Truncate(size)
}

// lock takes the lock. If another run holds it, lock waits for that run.
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
