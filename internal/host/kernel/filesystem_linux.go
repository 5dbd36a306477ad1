package kernel

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// FileSystemAt returns the usage of the file system of path. It can block forever on an unresponsive NFS server.
func FileSystemAt(path string) (FileSystem, error) {
	var at unix.Stat_t
	var of unix.Statfs_t
	if err := unix.Stat(path, &at); err != nil {
		return FileSystem{}, fmt.Errorf("reading the attributes of %s: %w", path, err)
	}
	if err := unix.Statfs(path, &of); err != nil {
		return FileSystem{}, fmt.Errorf("reading the usage of the file system of %s: %w", path, err)
	}
	block := uint64(of.Frsize)
	return FileSystem{
		Device: at.Dev, Size: of.Blocks * block, Free: of.Bfree * block, Available: of.Bavail * block,
		Inodes: of.Files, Left: of.Ffree, ReadOnly: of.Flags&unix.ST_RDONLY != 0,
	}, nil
}
