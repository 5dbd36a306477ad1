package inject

import "golang.org/x/sys/unix"

const (
	arch = unix.AUDIT_ARCH_X86_64
	// firstCall is the first call of a static Go program: it sets the thread pointer
	// before the runtime reads the auxiliary vector (runtime/rt0_linux_amd64.s).
	firstCall = unix.SYS_ARCH_PRCTL
	clockable = true
)
