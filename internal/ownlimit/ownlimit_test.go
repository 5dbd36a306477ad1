package ownlimit_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

	"muster/internal/ownlimit"
)

// The four errors are those of socket(2) that are about the caller or the kernel.
func TestOurOwnLimitsAreRecognizedHoweverTheyAreWrapped(t *testing.T) {
	for _, errno := range []syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM} {
		for name, err := range map[string]error{
			"bare":        errno,
			"of a dial":   &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("socket", errno)},
			"of a file":   &os.PathError{Op: "open", Path: "/etc/hosts", Err: errno},
			"of a caller": fmt.Errorf("listing: %w", &net.OpError{Op: "dial", Err: errno}),
		} {
			what := ownlimit.Of(err)
			wrapped := ownlimit.Wrap(err)
			if what == "" || !errors.Is(wrapped, ownlimit.ErrExhausted) || !errors.Is(wrapped, errno) || !strings.HasPrefix(wrapped.Error(), "unknown: "+what) {
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

func TestTheOtherEndsErrorsAreNotOurs(t *testing.T) {
	for _, err := range []error{nil, syscall.ECONNREFUSED, syscall.ENOENT, syscall.EACCES, syscall.EAGAIN, syscall.ENOSPC, errors.New("too many open files")} {
		if what := ownlimit.Of(err); what != "" || !errors.Is(ownlimit.Wrap(err), err) || errors.Is(ownlimit.Wrap(err), ownlimit.ErrExhausted) {
			t.Errorf("%v is taken for our own: %q", err, what)
		}
	}
}
