// Package inject runs a program and intercepts its system calls. It can make a call fail as on a broken disk, kill the
// program at a call, or give the program a wrong wall clock. The program itself is not changed.
//
//	p, err := inject.Start(inject.Spec{Path: "/usr/local/bin/muster", Args: ..., Chroot: dir},
//		func(c inject.Call) inject.Verdict {
//			if c.Name == "fsync" { return inject.Fail(syscall.EIO) }
//			return inject.Go
//		})
//	p.SetClock(10 * 365 * 24 * time.Hour)
//
// The kernel passes each call to this process through seccomp's user notification (seccomp_unotify(2), Linux 5.9 or
// newer), so no tracer is needed. A Go program reads the clock through the vDSO, without a system call. To make the
// clock wrong, this package removes the vDSO from the auxiliary vector at the program's first call, before the runtime
// reads the vector. This works on amd64 only.
//
// The program that calls Start must call Main first. Start executes that program again, to install the filter and then
// execute the target program.
package inject
