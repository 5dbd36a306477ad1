package units

import (
	"fmt"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// mayExec returns an error if the file system of path does not allow programs to run.
func mayExec(path string) error {
	var mount unix.Statfs_t
	if err := unix.Statfs(path, &mount); err != nil {
		return fmt.Errorf("reading the mount options of %s: %w", path, err)
	}
	if mount.Flags&unix.ST_NOEXEC != 0 {
		return fmt.Errorf("%s is mounted noexec", filepath.Dir(path))
	}
	return nil
}
