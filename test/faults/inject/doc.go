// Package inject runs a program and decides about its system calls: one fails as it
// does on a broken disk, one never comes back because the program is killed at it, and
// the wall clock is a wrong one. The program is not changed and knows nothing of it.
//
//	p, err := inject.Start(inject.Spec{Path: "/usr/local/bin/muster", Args: ..., Chroot: dir},
//		func(c inject.Call) inject.Verdict {
//			if c.Name == "fsync" { return inject.Fail(syscall.EIO) }
//			return inject.Go
//		})
//	p.SetClock(10 * 365 * 24 * time.Hour)
//
// The kernel asks this process about each call through seccomp's user notification
// (seccomp_unotify(2), Linux 5.9 or newer), so that no tracer is needed. A Go program
// reads the clock through the vDSO, without a system call; where the clock is to be
// wrong, the vDSO is removed from the auxiliary vector at the first call of the
// program, which is before the runtime reads it. That works on amd64 only.
//
// The program that calls Start must call Main first: Start executes it again, to
// install the filter and to become the program.
package inject
