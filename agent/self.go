package agent

import (
	"bytes"
	"os"
	"strconv"
	"syscall"
	"time"

	"muster/internal/file/safefile"
)

// maxProc limits the bytes read from a file of /proc.
const maxProc = 1 << 20

// memory returns the resident set of this process in bytes: the second number of /proc/self/statm, in pages (proc(5)).
// It returns 0 if it is unknown.
func memory() int64 {
	data, err := safefile.Read("/proc/self/statm", maxProc)
	fields := bytes.Fields(data)
	if err != nil || len(fields) < 2 {
		return 0
	}
	pages, _ := strconv.ParseInt(string(fields[1]), 10, 64)
	return pages * int64(os.Getpagesize())
}

// cpu returns the CPU time that this process has used.
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
	calls   int   // AWS API calls
	dropped int64 // data points
}

func (a *Agent) usage() usage { return usage{cpu(), a.Calls(), dropped(a.stats())} }

func (u usage) since(before usage) usage {
	return usage{u.cpu - before.cpu, u.calls - before.calls, u.dropped - before.dropped}
}
