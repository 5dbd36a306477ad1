package kernel

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// FileSystemAt measures the file system that path is on. On a dead NFS server it
// may never return.
func FileSystemAt(path string) (FileSystem, error) {
	var at unix.Stat_t
	var of unix.Statfs_t
	if err := unix.Stat(path, &at); err != nil {
		return FileSystem{}, fmt.Errorf("looking at %s: %w", path, err)
	}
	if err := unix.Statfs(path, &of); err != nil {
		return FileSystem{}, fmt.Errorf("measuring the file system of %s: %w", path, err)
	}
	block := uint64(of.Frsize)
	return FileSystem{
		Device: at.Dev, Size: of.Blocks * block, Free: of.Bfree * block, Available: of.Bavail * block,
		Inodes: of.Files, Left: of.Ffree, ReadOnly: of.Flags&unix.ST_RDONLY != 0,
	}, nil
}
