//go:build linux

package inject

import (
	"fmt"
	"maps"
	"slices"
	"unsafe"

	"golang.org/x/sys/unix"
)

// names maps call numbers to the names of the calls that can be intercepted. These are the calls that change files, and
// the two calls that read the clock. An open is intercepted whatever its mode.
var names = map[uintptr]string{
	unix.SYS_WRITE: "write", unix.SYS_PWRITE64: "pwrite", unix.SYS_OPENAT: "open", unix.SYS_READ: "read",
	unix.SYS_FSYNC: "fsync", unix.SYS_FDATASYNC: "fdatasync", unix.SYS_FTRUNCATE: "truncate",
	unix.SYS_RENAMEAT: "rename", unix.SYS_RENAMEAT2: "rename", unix.SYS_UNLINKAT: "unlink", unix.SYS_MKDIRAT: "mkdir",
	unix.SYS_LINKAT: "link", unix.SYS_SYMLINKAT: "symlink", unix.SYS_FCHMOD: "chmod", unix.SYS_FCHMODAT: "chmod",
	unix.SYS_FCHOWN: "chown", unix.SYS_FCHOWNAT: "chown", unix.SYS_UTIMENSAT: "utimes",
}

// Offsets of struct seccomp_data.
const (
	dataNr   = 0
	dataArch = 4
	dataArg0 = 16
)

// install installs the filter on the calling thread and returns the descriptor that delivers the kernel's
// notifications. The caller must have locked the OS thread.
func install(s Spec) (int, error) {
	program := filter(s)
	fprog := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return 0, fmt.Errorf("no_new_privs: %w", err)
	}
	// Without WAIT_KILLABLE_RECV, a signal repeats a notification that was already read, and the Go runtime sends
	// itself many signals. The flag exists since Linux 5.19.
	for _, flags := range []uintptr{unix.SECCOMP_FILTER_FLAG_NEW_LISTENER | unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV,
		unix.SECCOMP_FILTER_FLAG_NEW_LISTENER} {
		fd, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, flags, uintptr(unsafe.Pointer(&fprog)))
		if errno == 0 {
			return int(fd), nil
		}
		if errno != unix.EINVAL {
			return 0, fmt.Errorf("seccomp: %w", errno)
		}
	}
	return 0, fmt.Errorf("seccomp: %w: the kernel knows no user notification", unix.EINVAL)
}

// filter returns the BPF program. It sends the calls of Spec to the listener and allows all others.
func filter(s Spec) []unix.SockFilter {
	load := func(at uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: at}
	}
	// next skips n instructions unless the loaded value equals k.
	next := func(k uint32, n uint8) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: k, Jf: n}
	}
	ret := func(what uint32) unix.SockFilter { return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: what} }
	out := []unix.SockFilter{
		load(dataArch),
		next(arch, 1),
		{Code: unix.BPF_JMP | unix.BPF_JA, K: 1},
		ret(unix.SECCOMP_RET_ALLOW),
		load(dataNr),
	}
	ask := func(nr uintptr) {
		out = append(out, next(uint32(nr), 1), ret(unix.SECCOMP_RET_USER_NOTIF))
	}
	for _, nr := range slices.Sorted(maps.Keys(names)) {
		if slices.Contains(s.Calls, names[nr]) {
			ask(nr)
		}
	}
	if s.Clock {
		ask(firstCall)
		out = append(
			out,
			next(unix.SYS_CLOCK_GETTIME, 4),
			load(dataArg0),
			next(unix.CLOCK_REALTIME, 1),
			ret(unix.SECCOMP_RET_USER_NOTIF),
			ret(unix.SECCOMP_RET_ALLOW),
		)
	}
	return append(out, ret(unix.SECCOMP_RET_ALLOW))
}
