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

// Spec describes the program to run.
type Spec struct {
	Path   string // in Chroot
	Args   []string
	Env    []string
	Chroot string
	UID    int            // 0 is root; the GID is the same number
	Limits map[int]uint64 // RLIMIT_... to soft and hard limit
	Cgroup string         // directory of a cgroup to join first

	Calls []string // calls to intercept, by the names in names
	Clock bool     // intercept the clock, so that SetClock works

	Offset time.Duration // initial difference of the wall clock from the real one
}

// marker is the environment variable that makes Main install the filter and execute the target program.
const marker = "MUSTER_FAULTS_LAUNCH"

// socketFD is the descriptor of the first entry of exec.Cmd's ExtraFiles.
const socketFD = 3

// Main must be the first call in main of a program that uses this package. In a process that Start created it does not
// return.
func Main() {
	text, ok := os.LookupEnv(marker)
	if !ok {
		return
	}
	runtime.LockOSThread() // the filter applies to the thread
	var s Spec
	err := json.Unmarshal([]byte(text), &s)
	if err == nil {
		err = become(s)
	}
	fmt.Fprintln(os.Stderr, "faults: cannot start the program:", err)
	os.Exit(exitLaunch)
}

// exitLaunch is the exit code for a failed launch. muster does not use it.
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

// confine installs the filter and sends the listener descriptor to the parent.
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
