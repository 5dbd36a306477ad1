package bundle

import (
	"archive/tar"
	"cmp"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"syscall"

	"github.com/google/renameio/v2"

	"muster/internal/file/jsonfile"
	"muster/internal/file/leftover"
	"muster/internal/file/safefile"
)

// pack writes the files as a tar archive, in one directory, starting with the manifest.
func pack(out io.Writer, s Source, m Manifest, files []file) error {
	manifest, err := jsonfile.Marshal(m)
	if err != nil {
		return err
	}
	zipped := gzip.NewWriter(out)
	archive := tar.NewWriter(zipped)
	dir := "muster-" + cmp.Or(s.InstanceID, "instance") + "-" + m.At.Format("20060102T150405Z")
	for _, f := range append([]file{{name: "MANIFEST.json", data: manifest}}, files...) {
		head := &tar.Header{Name: path.Join(dir, f.name), Mode: 0o600, Size: int64(len(f.data)), ModTime: m.At, Format: tar.FormatPAX}
		if err := archive.WriteHeader(head); err != nil {
			return fmt.Errorf("writing the bundle: %w", err)
		}
		if _, err := archive.Write(f.data); err != nil {
			return fmt.Errorf("writing the bundle: %w", err)
		}
	}
	if err := errors.Join(archive.Close(), zipped.Close()); err != nil {
		return fmt.Errorf("writing the bundle: %w", err)
	}
	return nil
}

// Place calls write to fill a file that only its owner can read, and then moves it to path atomically. It replaces an
// existing bundle or an empty file. It does not replace anything else (a link, a directory, any other file): root may
// have mistyped the name, or the name may come from a user who is only allowed to run muster debug with sudo.
func Place(path string, write func(io.Writer) error) error {
	switch info, err := os.Lstat(path); {
	case err == nil && !info.Mode().IsRegular():
		return fmt.Errorf("writing the bundle: %s already exists and is not a regular file (%s): use another name", path, info.Mode().Type())
	case err != nil && !errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("writing the bundle: %w", err)
	case err == nil && info.Size() > 0 && !isGzip(path):
		return fmt.Errorf("writing the bundle: %s already exists and is not a bundle: use another name, or remove it", path)
	}
	leftover.Remove(path)
	pending, err := renameio.NewPendingFile(path, renameio.WithTempDir(filepath.Dir(path)), renameio.WithStaticPermissions(0o600))
	if err != nil {
		return withAlternative(path, err)
	}
	defer func() { _ = pending.Cleanup() }()
	if err := write(pending); err != nil {
		return withAlternative(path, err)
	}
	if err := pending.CloseAtomicallyReplace(); err != nil {
		return withAlternative(path, err)
	}
	return nil
}

// isGzip reports whether a file starts with the gzip signature (RFC 1952, 2.3.1).
func isGzip(path string) bool {
	f, err := safefile.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	var head [2]byte
	_, err = io.ReadFull(f, head[:])
	return err == nil && head == [2]byte{0x1f, 0x8b}
}

// withAlternative wraps the error. If the disk is the problem, it adds how to write the bundle elsewhere.
func withAlternative(path string, err error) error {
	for _, full := range []error{syscall.ENOSPC, syscall.EDQUOT, syscall.EROFS, syscall.EIO} {
		if errors.Is(err, full) {
			return fmt.Errorf("placing the bundle at %s: %w; use a file on another disk or in /dev/shm, or write it to standard output: muster "+
				"debug --bundle - >FILE", path, err)
		}
	}
	return fmt.Errorf("placing the bundle at %s: %w", path, err)
}
