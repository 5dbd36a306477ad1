//go:build linux

package main

import (
	"syscall"
	"time"
)

// orphaned kills this process group after the given time. It is needed if the parent, which normally kills the group,
// was killed itself.
func orphaned(after time.Duration) {
	time.AfterFunc(after, func() { _ = syscall.Kill(0, syscall.SIGKILL) })
}
