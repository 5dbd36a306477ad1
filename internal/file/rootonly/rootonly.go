// Package rootonly reports whether only root can change the file at a path, and every
// directory and symbolic link on the way to it. Programs that root runs, and settings that
// root reads, must be such files. Callers decide how to handle an insecure path.
//
//	/usr/local/bin/muster   root's, as are /usr/local/bin, /usr/local, /usr and /     secure
//	/srv/deploy/muster      root's, but /srv/deploy belongs to uid 1000               insecure: its owner can replace the file
//	/tmp/muster             root's, but /tmp is open to all                           insecure: anyone can create the file before root does
//
// POSIX ACLs need no separate check: if one lets others write, the mask, which is shown as
// the group permissions, includes w (acl(5)). ACLs of a network file system are invisible
// to the kernel, so files there count as insecure.
package rootonly

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// Insecure is the reason why a user other than root can change the file at a path.
type Insecure struct {
	Path string // the insecure component, without the root
	Why  string // "belongs to uid 1000"
	// Remote means that mode and owner do not control access on this file system.
	Remote bool
}

func (d *Insecure) Error() string { return d.Path + " " + d.Why }

// maxLinks is the maximum number of symbolic links that Linux follows (MAXSYMLINKS).
const maxLinks = 40

// entry is the metadata of one component.
type entry struct {
	mode   fs.FileMode
	uid    uint32
	target string // target of a symbolic link
}

// Check checks path below root (usually "/"); the owner of root counts as root too. It returns an *Insecure, or another
// error if a component is unreadable.
func Check(root, path string) error {
	info, err := os.Stat(root)
	if err != nil {
		return err
	}
	look := func(path string) (entry, error) { return lookAt(filepath.Join(root, path)) }
	last, err := walk(path, ownerOf(info), look)
	if err != nil {
		return err
	}
	return local(root, last)
}

func lookAt(path string) (entry, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return entry{}, err
	}
	e := entry{mode: info.Mode(), uid: ownerOf(info)}
	if e.mode&fs.ModeSymlink != 0 {
		e.target, err = os.Readlink(path)
	}
	return e, err
}

func ownerOf(info fs.FileInfo) uint32 {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return stat.Uid
	}
	return ^uint32(0)
}

// walk follows path from / like the kernel, and returns the path without links. Each directory controls the names in it,
// including links, whose own owner and mode have no effect.
func walk(path string, owner uint32, look func(string) (entry, error)) (string, error) {
	at, rest := "/", strings.Split(filepath.Clean(path), "/")
	if err := check("/", owner, look); err != nil {
		return "", err
	}
	for links := 0; len(rest) > 0; {
		name := rest[0]
		rest = rest[1:]
		switch name {
		case "", ".":
			continue
		case "..":
			at = filepath.Dir(at)
			continue
		}
		next := filepath.Join(at, name)
		e, err := look(next)
		if err != nil {
			return "", err
		}
		if e.mode&fs.ModeSymlink != 0 {
			if links++; links > maxLinks {
				return "", &fs.PathError{Op: "open", Path: path, Err: syscall.ELOOP}
			}
			if filepath.IsAbs(e.target) {
				at = "/"
			}
			rest = append(strings.Split(e.target, "/"), rest...)
			continue
		}
		if err := insecure(next, e, owner); err != nil {
			return "", err
		}
		at = next
	}
	return at, nil
}

func check(path string, owner uint32, look func(string) (entry, error)) error {
	e, err := look(path)
	if err != nil {
		return err
	}
	return insecure(path, e, owner)
}

func insecure(path string, e entry, owner uint32) error {
	switch {
	case e.uid != 0 && e.uid != owner:
		return &Insecure{Path: path, Why: fmt.Sprintf("belongs to uid %d", e.uid)}
	case e.mode.Perm()&0o002 != 0:
		return &Insecure{Path: path, Why: fmt.Sprintf("can be written by every user (mode %04o)", bits(e.mode))}
	case e.mode.Perm()&0o020 != 0:
		return &Insecure{Path: path, Why: fmt.Sprintf("can be written by its group or through an ACL (mode %04o)", bits(e.mode))}
	}
	return nil
}

// bits returns the mode in chmod notation.
func bits(mode fs.FileMode) uint32 {
	n := uint32(mode.Perm())
	if mode&fs.ModeSticky != 0 {
		n |= syscall.S_ISVTX
	}
	if mode&fs.ModeSetgid != 0 {
		n |= syscall.S_ISGID
	}
	if mode&fs.ModeSetuid != 0 {
		n |= syscall.S_ISUID
	}
	return n
}

// Is returns the Insecure in err, if any.
func Is(err error) (*Insecure, bool) {
	var d *Insecure
	return d, errors.As(err, &d)
}
