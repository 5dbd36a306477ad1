// Package ownlimit recognizes errors that this process or host causes and not the called service: it is out of file
// descriptors, memory or buffers. Callers check for them before they report a failed call, because "too many open
// files" from connect(2) does not mean "Docker is not running".
package ownlimit

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"

	"muster/internal/base/fix"
)

// ErrExhausted marks an error that Wrap recognized.
var ErrExhausted = errors.New("unknown")

// limit is a resource that can be exhausted.
type limit struct {
	errno syscall.Errno
	what  string
	to    fix.Fix
}

// limits lists the errors of socket(2), connect(2) and open(2) that are caused by the caller or the kernel, not by the
// peer.
func limits() []limit {
	memory := fix.Do(
		"Free memory on this host, or raise the limit of the unit:",
		"free -m",
		"systemctl show muster-agent -p MemoryMax -p MemoryCurrent",
	)
	return []limit{
		{
			syscall.EMFILE,
			"this process is out of file descriptors",
			fix.Do("Raise the limit of the process. For muster-agent, check the limit, then restart it:",
				"systemctl show muster-agent -p LimitNOFILE", "sudo systemctl restart muster-agent"),
		},
		{syscall.ENFILE, "this host is out of file descriptors", fix.Do("Find out what uses them, or raise fs.file-max:",
			"cat /proc/sys/fs/file-nr", "sudo sysctl -w fs.file-max=1000000")},
		{syscall.ENOBUFS, "this host is out of network buffers", memory},
		{syscall.ENOMEM, "this process is out of memory", memory},
	}
}

// find returns the limit for err. Go's resolver keeps only the text of the error.
func find(err error) (limit, bool) {
	var lookup *net.DNSError
	isLookup := errors.As(err, &lookup)
	for _, l := range limits() {
		if errors.Is(err, l.errno) || isLookup && strings.HasSuffix(lookup.Err, l.errno.Error()) {
			return l, true
		}
	}
	return limit{}, false
}

// Of returns the exhausted resource as a clause: "this process is out of file descriptors". It returns "" for any other
// error.
func Of(err error) string {
	l, _ := find(err)
	return l.what
}

// Wrap prefixes err with the resource: "unknown: this process is out of file descriptors: ...", and marks it as
// ErrExhausted. It returns any other error unchanged.
func Wrap(err error) error {
	l, is := find(err)
	if !is || errors.Is(err, ErrExhausted) {
		return err
	}
	return fmt.Errorf("%w: %s: %w", ErrExhausted, l.what, err)
}

// Fix returns the fix for a resource returned by Of.
func Fix(what string) fix.Fix {
	for _, l := range limits() {
		if l.what == what {
			return l.to
		}
	}
	return fix.Fix{}
}
