package rootonly

import (
	"io/fs"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// remote lists the file systems on which a server or a process decides who can write (statfs(2), linux/magic.h).
var remote = map[int64]string{
	unix.NFS_SUPER_MAGIC: "NFS", unix.SMB_SUPER_MAGIC: "SMB", unix.SMB2_SUPER_MAGIC: "SMB", unix.CIFS_SUPER_MAGIC: "SMB",
	unix.FUSE_SUPER_MAGIC: "FUSE", unix.V9FS_MAGIC: "9p", unix.AFS_SUPER_MAGIC: "AFS", unix.CEPH_SUPER_MAGIC: "Ceph",
}

func local(root, path string) error {
	var at, top unix.Statfs_t
	for name, stat := range map[string]*unix.Statfs_t{filepath.Join(root, path): &at, root: &top} {
		if err := unix.Statfs(name, stat); err != nil {
			return &fs.PathError{Op: "statfs", Path: name, Err: err}
		}
	}
	return foreign(path, at.Type, top.Type)
}

// foreign compares the file system types of the path and of the root directory. A diskless host has its root on NFS, a
// rootless container on FUSE: that server already controls the whole system.
func foreign(path string, at, top int64) error {
	name := remote[at]
	if name == "" || name == remote[top] {
		return nil
	}
	return &Insecure{path, "is on a network or user file system (" + name + "), whose write permissions cannot be verified", true}
}
