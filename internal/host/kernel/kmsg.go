package kernel

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// OOMKill is a process that the kernel killed because memory ran out.
type OOMKill struct {
	SinceBoot time.Duration
	Process   string
	// Cgroup means that a cgroup's memory limit, such as a task's, was reached. Otherwise the host's memory ran out.
	Cgroup bool
}

// maxRecords limits the records read from the kernel log, a ring of at least 256 KiB.
const maxRecords = 100_000

// OOMKills reads the kernel log at path, /dev/kmsg, without blocking. Each read returns one record:
// Documentation/ABI/testing/dev-kmsg.
func OOMKills(path string) ([]OOMKill, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("reading the kernel's log: %s: %w", path, err)
	}
	defer func() { _ = unix.Close(fd) }()
	var kills []OOMKill
	record := make([]byte, 8<<10) // CONSOLE_EXT_LOG_MAX
	for range maxRecords {
		n, err := unix.Read(fd, record)
		switch {
		case errors.Is(err, unix.EPIPE), errors.Is(err, unix.EINTR): // overwritten before it was read
			continue
		case errors.Is(err, unix.EAGAIN), err == nil && n == 0:
			return kills, nil
		case err != nil:
			return kills, fmt.Errorf("reading the kernel's log: %s: %w", path, err)
		}
		for line := range strings.Lines(string(record[:n])) {
			if kill, is := parseKill(line); is {
				kills = append(kills, kill)
			}
		}
	}
	return kills, nil
}

// parseKill parses "6,1234,987654321,-;Out of memory: Killed process 4242 (java) ...": mm/oom_kill.c,
// __oom_kill_process. Before Linux 5.0, it was "Kill process".
func parseKill(line string) (OOMKill, bool) {
	head, text, ok := strings.Cut(line, ";")
	fields := strings.Split(head, ",")
	if !ok || len(fields) < 4 {
		return OOMKill{}, false
	}
	micros, err := strconv.ParseInt(fields[2], 10, 53)
	before, after, killed := strings.Cut(text, "Killed process ")
	if err != nil || !killed {
		return OOMKill{}, false
	}
	_, after, _ = strings.Cut(after, "(")
	name, _, closed := strings.Cut(after, ")")
	return OOMKill{time.Duration(micros) * time.Microsecond, name, strings.HasPrefix(before, "Memory cgroup ")}, closed
}
