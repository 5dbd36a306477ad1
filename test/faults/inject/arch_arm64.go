package inject

import "golang.org/x/sys/unix"

const (
	arch      = unix.AUDIT_ARCH_AARCH64
	firstCall = ^uintptr(0)
	clockable = false
)
