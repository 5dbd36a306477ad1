// Package ownlimit recognizes errors that say something about this process or this
// host, and nothing about the service that was asked: no file descriptor, no memory,
// no buffer. Callers that report a failed call check for it first, because "too many open
// files" from connect(2) is not "Docker is not running".
package ownlimit

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"

	"muster/internal/base/fix"
)

// ErrExhausted marks an error that Wrap has recognized.
var ErrExhausted = errors.New("unknown")

// limit is a resource that can be used up.
type limit struct {
	errno syscall.Errno
	what  string
	to    fix.Fix
}

// limits are the errors of socket(2), connect(2) and open(2) that are about the
// caller or the kernel, and not about the other end.
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
		{syscall.ENFILE, "this host is out of file descriptors", fix.Do("Find what holds them, or raise fs.file-max:",
			"cat /proc/sys/fs/file-nr", "sudo sysctl -w fs.file-max=1000000")},
		{syscall.ENOBUFS, "this host is out of network buffers", memory},
		{syscall.ENOMEM, "this process cannot get memory", memory},
	}
}

// find looks for the error number. Go's resolver keeps no more than its text.
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

// Of names the resource that is used up, as a clause: "this process is out of file
// descriptors". It is empty for every other error.
func Of(err error) string {
	l, _ := find(err)
	return l.what
}

// Wrap puts the resource in front of err: "unknown: this process is out of file
// descriptors: ...", and marks it as ErrExhausted. Every other error is returned as
// it is.
func Wrap(err error) error {
	l, is := find(err)
	if !is || errors.Is(err, ErrExhausted) {
		return err
	}
	return fmt.Errorf("%w: %s: %w", ErrExhausted, l.what, err)
}

// Fix is what to do about the resource that Of has named.
func Fix(what string) fix.Fix {
	for _, l := range limits() {
		if l.what == what {
			return l.to
		}
	}
	return fix.Fix{}
}
