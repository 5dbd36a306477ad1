package agent

import (
	"bytes"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"time"

	"muster/internal/safefile"
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

// spending is what had been spent when it was published last.
type spending struct {
	cpu     time.Duration
	calls   int
	dropped int64
}

// Forget gives back what watching does not need: free memory, and the pages of the
// program itself, of which starting and publishing touch nearly all. Those that are
// needed come back from the page cache.
func Forget() {
	debug.FreeOSMemory()
	maps, _ := safefile.Read("/proc/self/maps", maxProc) // from-to permissions offset device inode path (proc(5))
	program, _ := os.Readlink("/proc/self/exe")
	for line := range strings.Lines(string(maps)) {
		fields := strings.Fields(line)
		if len(fields) < 6 || fields[5] != program || fields[1][1] == 'w' { // what was written is nowhere else
			continue
		}
		from, to, _ := strings.Cut(fields[0], "-")
		begin, _ := strconv.ParseUint(from, 16, 32) // a PIE lies higher, and has relocated data that seem never written
		end, err := strconv.ParseUint(to, 16, 32)
		if err == nil {
			_, _, _ = syscall.Syscall(syscall.SYS_MADVISE, uintptr(begin), uintptr(end-begin), syscall.MADV_DONTNEED)
		}
	}
}
