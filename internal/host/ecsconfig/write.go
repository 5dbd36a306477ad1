package ecsconfig

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"muster/internal/base/fix"
)

// Write atomically and durably replaces the content of the file at path with data. old is
// the content that Load returned; if the file differs from it, the error is ErrChanged, a
// guard against other writers, not a lock. Write follows symbolic links, creates a missing
// file (0600) and its directory (0755), and keeps owner, mode, SELinux label and ACL.
// changed reports whether the file was replaced; a file that already equals data is not.
func Write(path string, old, data []byte) (changed bool, err error) {
	return write(path, old, data, func(string) error { return nil })
}

// write is Write with a hook. It calls the function before ahead of each step, so that tests can make a step fail or
// kill the process there.
func write(path string, old, data []byte, before func(step string) error) (bool, error) {
	target, err := follow(path)
	if err != nil {
		return false, fmt.Errorf("writing %s: %w", path, err)
	}
	current, err := Load(target)
	if err != nil {
		return false, err
	}
	w := newWriter(target, data)
	if bytes.Equal(current, data) {
		_ = w.clear() // nothing to write, so no error
		return false, nil
	}
	if !bytes.Equal(current, old) {
		return false, fmt.Errorf("writing %s: %w", path, ErrChanged)
	}
	for _, step := range w.steps() {
		err := before(step.name)
		if err == nil {
			err = step.do()
		}
		if err != nil {
			w.abort()
			return w.replaced, fix.Wrap(fmt.Errorf("writing %s: %w", path, err), writeFix(w.dir, target, err))
		}
	}
	return true, nil
}

// follow returns the file that path leads to, which may not exist. Unlike filepath.EvalSymlinks, it follows a dangling
// link, and leaves ".." to the kernel.
func follow(path string) (string, error) {
	for range 40 { // the limit of Linux (MAXSYMLINKS)
		next, err := os.Readlink(path)
		if err != nil {
			return path, nil // not a link; Load reports any other problem
		}
		if !filepath.IsAbs(next) {
			dir, _ := filepath.Split(path)
			next = dir + next
		}
		path = next
	}
	return "", syscall.ELOOP
}

// writer performs one replacement, step by step.
//
// github.com/google/renameio is not used: it does not keep the owner, follow links or sync the directory, and its random
// names make the leftover of a killed run look like a user's backup. With a fixed name, the next run finds the leftover;
// a lock excludes concurrent runs.
type writer struct {
	target, dir, temp string
	data              []byte
	file              *os.File
	madeDir, replaced bool
}

func newWriter(target string, data []byte) *writer {
	dir, base := filepath.Split(target)
	if dir == "" {
		dir = "./"
	}
	return &writer{target: target, dir: dir, temp: dir + "." + base + ".muster-tmp", data: data}
}

type step struct {
	name string
	do   func() error
}

func (w *writer) steps() []step {
	return []step{
		{"clear", w.clear},
		{"make directory", w.makeDir},
		{"create", w.create},
		{"keep owner and mode", w.keepOwnerAndMode},
		{"keep labels", w.keepLabels},
		{"write", func() error { _, err := w.file.Write(w.data); return err }},
		{"sync", func() error { return w.file.Sync() }},
		{"close", func() error { return w.file.Close() }},
		{"replace", w.replace},
		{"sync directory", w.syncDir},
	}
}

// clear removes the leftover of a killed run.
func (w *writer) clear() error {
	if err := os.Remove(w.temp); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func (w *writer) makeDir() error {
	err := os.Mkdir(w.dir, 0o755)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	w.madeDir = err == nil
	return err
}

func (w *writer) create() (err error) {
	w.file, err = os.OpenFile(w.temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	return err
}

func (w *writer) keepOwnerAndMode() error {
	info, err := os.Stat(w.target)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if owner, ok := info.Sys().(*syscall.Stat_t); ok {
		if err := w.file.Chown(int(owner.Uid), int(owner.Gid)); err != nil {
			return err
		}
	}
	return w.file.Chmod(info.Mode().Perm())
}

// keepLabels copies the attributes that control access to the file, as far as possible: a file system without them is no
// error. Others, like security.ima, describe the old content and must not be copied.
func (w *writer) keepLabels() error {
	for _, name := range []string{"security.selinux", "system.posix_acl_access"} {
		value := make([]byte, 64<<10) // XATTR_SIZE_MAX
		if n, err := unix.Getxattr(w.target, name, value); err == nil {
			_ = unix.Fsetxattr(int(w.file.Fd()), name, value[:n], 0)
		}
	}
	return nil
}

func (w *writer) replace() error {
	err := os.Rename(w.temp, w.target)
	w.replaced = err == nil
	return err
}

func (w *writer) syncDir() error {
	if err := syncPath(w.dir); err != nil || !w.madeDir {
		return err
	}
	return syncPath(w.dir + "..")
}

func syncPath(dir string) error {
	handle, err := os.OpenFile(dir, os.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	defer handle.Close()
	return handle.Sync()
}

// abort removes the temporary file. It ignores errors, which would hide the cause.
func (w *writer) abort() {
	if w.file != nil {
		_ = w.file.Close()
		_ = os.Remove(w.temp)
	}
}

// writeFix returns the fix for err, if known.
func writeFix(dir, target string, err error) fix.Fix {
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fix.Do("Free space or inodes on this file system:", "df -h "+dir, "df -i "+dir)
	case errors.Is(err, syscall.EROFS):
		return fix.Do("Find out why the file system is read-only, then mount it read-write:",
			"sudo dmesg -T | grep -iE 'read-only|i/o error'", "sudo mount -o remount,rw $(df --output=target "+dir+" | tail -n 1)")
	case errors.Is(err, fs.ErrPermission):
		return fix.Do(
			"Run muster as root; if it already runs as root, remove the immutable flag:",
			"sudo lsattr "+target,
			"sudo chattr -i "+target,
		)
	}
	return fix.Fix{}
}
