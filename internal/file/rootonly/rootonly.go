// Package rootonly tells whether only root can change what a path names: the file, and
// every directory and symbolic link on the way to it. A program that root runs, and
// settings that root reads, must be such a file. What follows from a doubt is for the
// callers.
//
//	/usr/local/bin/muster   root's, as are /usr/local/bin, /usr/local, /usr and /     no doubt
//	/srv/deploy/muster      root's, but /srv/deploy belongs to uid 1000               doubt: its owner can replace the file
//	/tmp/muster             root's, but /tmp is open to all                           doubt: the sticky bit does not help before the file is there
//
// A POSIX ACL needs no look of its own: where it lets others write, the mask, which is
// shown as the group's permissions, has the w (acl(5)). An ACL that the kernel does not
// have, on a network file system, cannot be seen, so that a file there is in doubt.
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

// Doubt is why somebody other than root can change what a path names.
type Doubt struct {
	Path string // the component at fault, without the root
	Why  string // "belongs to uid 1000"
	// Remote: it is on a file system on which the mode and the owner do not decide.
	Remote bool
}

func (d *Doubt) Error() string { return d.Path + " " + d.Why }

// maxLinks is how many symbolic links Linux follows (MAXSYMLINKS).
const maxLinks = 40

// entry is what is known of one component.
type entry struct {
	mode   fs.FileMode
	uid    uint32
	target string // of a symbolic link
}

// Check looks at path below root (usually "/"), of which the owner counts as root
// too. It returns a *Doubt, or another error where a component cannot be looked at.
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

// walk goes from / to path, through links as the kernel does, and returns the path
// without links. Each directory decides over the names in it, links among them, whose
// own owner and mode mean nothing.
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
		if err := doubt(next, e, owner); err != nil {
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
	return doubt(path, e, owner)
}

func doubt(path string, e entry, owner uint32) error {
	switch {
	case e.uid != 0 && e.uid != owner:
		return &Doubt{Path: path, Why: fmt.Sprintf("belongs to uid %d", e.uid)}
	case e.mode.Perm()&0o002 != 0:
		return &Doubt{Path: path, Why: fmt.Sprintf("can be written by every user (mode %04o)", bits(e.mode))}
	case e.mode.Perm()&0o020 != 0:
		return &Doubt{Path: path, Why: fmt.Sprintf("can be written by its group or through an ACL (mode %04o)", bits(e.mode))}
	}
	return nil
}

// bits is the mode as chmod takes it.
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

// Is reports whether err is a Doubt, and which.
func Is(err error) (*Doubt, bool) {
	var d *Doubt
	return d, errors.As(err, &d)
}
