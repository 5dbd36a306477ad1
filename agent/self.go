package agent

import (
	"bytes"
	"os"
	"strconv"
	"syscall"
	"time"

	"muster/internal/file/safefile"
)

// maxProc bounds what is read of a file of /proc, in bytes.
const maxProc = 1 << 20

// memory is the resident set of this process in bytes: the second number of
// /proc/self/statm, in pages (proc(5)). 0: not known.
func memory() int64 {
	data, err := safefile.Read("/proc/self/statm", maxProc)
	fields := bytes.Fields(data)
	if err != nil || len(fields) < 2 {
		return 0
	}
	pages, _ := strconv.ParseInt(string(fields[1]), 10, 64)
	return pages * int64(os.Getpagesize())
}

// cpu is the time that this process has spent on processors.
func cpu() time.Duration {
	var use syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &use) != nil {
		return 0
	}
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
}

// usage is what this process has used since its start.
type usage struct {
	cpu     time.Duration
	calls   int   // to AWS
	dropped int64 // data points
}

func (a *Agent) usage() usage { return usage{cpu(), a.Calls(), dropped(a.stats())} }

func (u usage) since(before usage) usage {
	return usage{u.cpu - before.cpu, u.calls - before.calls, u.dropped - before.dropped}
}
