//go:build linux

package inject

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Spec is a program to run.
type Spec struct {
	Path   string // in Chroot
	Args   []string
	Env    []string
	Chroot string
	UID    int            // 0: root. The group has the same id
	Limits map[int]uint64 // RLIMIT_...: soft and hard limit
	Cgroup string         // directory of a cgroup to join first

	Calls []string // to ask about: values of names
	Clock bool     // whether the wall clock may be wrong

	Offset time.Duration // of the wall clock from the start on
}

// marker makes Main become the program.
const marker = "MUSTER_FAULTS_LAUNCH"

// socketFD is the first of exec.Cmd's ExtraFiles.
const socketFD = 3

// Main must be the first thing that a program does which uses this package. In a
// process that Start made it does not return.
func Main() {
	text, ok := os.LookupEnv(marker)
	if !ok {
		return
	}
	runtime.LockOSThread() // the filter is the thread's
	var s Spec
	err := json.Unmarshal([]byte(text), &s)
	if err == nil {
		err = become(s)
	}
	fmt.Fprintln(os.Stderr, "faults: cannot start the program:", err)
	os.Exit(exitLaunch)
}

// exitLaunch is an exit code that muster does not have.
const exitLaunch = 99

func become(s Spec) error {
	if s.Cgroup != "" {
		if err := os.WriteFile(s.Cgroup+"/cgroup.procs", []byte("0"), 0); err != nil {
			return err
		}
	}
	if err := unix.Chroot(s.Chroot); err != nil {
		return fmt.Errorf("chroot %s: %w", s.Chroot, err)
	}
	if err := unix.Chdir("/"); err != nil {
		return err
	}
	for which, to := range s.Limits {
		if err := syscall.Setrlimit(which, &syscall.Rlimit{Cur: to, Max: to}); err != nil {
			return fmt.Errorf("limit %d: %w", which, err)
		}
	}
	if s.UID != 0 {
		for _, err := range []error{syscall.Setgroups(nil), syscall.Setgid(s.UID), syscall.Setuid(s.UID)} {
			if err != nil {
				return err
			}
		}
	}
	if len(s.Calls) > 0 || s.Clock {
		if err := confine(s); err != nil {
			return err
		}
	}
	env := slices.DeleteFunc(s.Env, func(e string) bool { return strings.HasPrefix(e, marker+"=") })
	return unix.Exec(s.Path, append([]string{s.Path}, s.Args...), env)
}

// confine installs the filter and sends the listener to the parent.
func confine(s Spec) error {
	listener, err := install(s)
	if err != nil {
		return err
	}
	if err := unix.Sendmsg(socketFD, []byte{0}, unix.UnixRights(listener), nil, 0); err != nil {
		return fmt.Errorf("sending the listener: %w", err)
	}
	unix.CloseOnExec(socketFD)
	return nil
}
