package ownlimit_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

	"muster/internal/base/ownlimit"
)

// A lookup that cannot open a socket returns a net.DNSError that wraps nothing: see newDNSError in package net.
func TestLookupWithoutASocketIsRecognized(t *testing.T) {
	limit := syscall.Rlimit{}
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	none := limit
	none.Cur = 0
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &none); err != nil {
		t.Fatal(err)
	}
	resolver := net.Resolver{PreferGo: true}
	_, err := resolver.LookupHost(t.Context(), "muster.invalid.")
	if failed := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); failed != nil {
		t.Fatal(failed)
	}
	what := ownlimit.Of(err)
	if what != "this process is out of file descriptors" || !errors.Is(ownlimit.Wrap(err), ownlimit.ErrExhausted) {
		t.Errorf("%q, %v", what, err)
	}
	for _, other := range []error{&net.DNSError{Err: "no such host"}, &net.DNSError{Err: "server misbehaving", Name: "too many open files"}} {
		if what := ownlimit.Of(other); what != "" {
			t.Errorf("%v is reported as our own limit: %q", other, what)
		}
	}
}

// The four errors are those of socket(2) that are caused by the caller or the kernel.
func TestWrappedLimitsAreRecognized(t *testing.T) {
	for _, errno := range []syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM} {
		for name, err := range map[string]error{
			"bare":        errno,
			"of a dial":   &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("socket", errno)},
			"of a file":   &os.PathError{Op: "open", Path: "/etc/hosts", Err: errno},
			"of a caller": fmt.Errorf("listing: %w", &net.OpError{Op: "dial", Err: errno}),
		} {
			what := ownlimit.Of(err)
			wrapped := ownlimit.Wrap(err)
			if what == "" || !errors.Is(wrapped, ownlimit.ErrExhausted) || !errors.Is(wrapped, errno) ||
				!strings.HasPrefix(wrapped.Error(), "unknown: "+what) {
				t.Errorf("%s %s: %q, %v", errno, name, what, wrapped)
			}
			if again := ownlimit.Wrap(wrapped); again.Error() != wrapped.Error() {
				t.Errorf("wrapped twice: %v", again)
			}
			if to := ownlimit.Fix(what); to.Text == "" || len(to.Commands) == 0 {
				t.Errorf("%q has no fix", what)
			}
		}
	}
}

func TestErrorsOfThePeerAreNotOurs(t *testing.T) {
	for _, err := range []error{nil, syscall.ECONNREFUSED, syscall.ENOENT, syscall.EACCES, syscall.EAGAIN, syscall.ENOSPC,
		errors.New("too many open files")} {
		what := ownlimit.Of(err)
		if what != "" || !errors.Is(ownlimit.Wrap(err), err) || errors.Is(ownlimit.Wrap(err), ownlimit.ErrExhausted) {
			t.Errorf("%v is reported as our own limit: %q", err, what)
		}
	}
}
