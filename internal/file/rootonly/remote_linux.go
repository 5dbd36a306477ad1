package rootonly

import (
	"io/fs"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// remote are the file systems whose server, or whose process, decides who may write
// (statfs(2), linux/magic.h).
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

// foreign takes the types of two file systems, of the path and of the root directory. A
// host without a disk has its root on NFS, and a rootless container on FUSE: whoever
// decides there decides over all of the system.
func foreign(path string, at, top int64) error {
	name := remote[at]
	if name == "" || name == remote[top] {
		return nil
	}
	return &Doubt{path, "is on a network or user file system (" + name + "), which decides by itself who may write", true}
}
