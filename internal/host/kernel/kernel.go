// Package kernel reads the kernel's statistics of this host: file systems, pressure, memory and OOM kills. It defines no
// thresholds.
package kernel

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"muster/internal/file/safefile"
)

// FileSystem is the usage of a file system, in bytes and inodes.
type FileSystem struct {
	Device       uint64 // equal for two paths on the same file system
	Size         uint64
	Free         uint64 // for root
	Available    uint64 // for other users
	Inodes, Left uint64 // zero if the file system creates inodes on demand
	ReadOnly     bool
}

// Used returns the used space in percent, computed like df.
func (f FileSystem) Used() float64 { return percent(f.Size-f.Free, f.Size-f.Free+f.Available) }

// InodesUsed returns the used inodes in percent.
func (f FileSystem) InodesUsed() float64 { return percent(f.Inodes-f.Left, f.Inodes) }

func percent(part, whole uint64) float64 {
	if whole == 0 {
		return 0
	}
	return 100 * float64(part) / float64(whole)
}

// Pressure is the share of the last minute, in percent, in which some tasks, or all of them, waited for a resource:
// Documentation/accounting/psi.rst.
type Pressure struct{ Some, Full float64 }

// ParsePressure parses a file of /proc/pressure.
func ParsePressure(text string) (Pressure, error) {
	var p Pressure
	found := false
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		for _, w := range words {
			value, is := strings.CutPrefix(w, "avg60=")
			share, err := strconv.ParseFloat(value, 64)
			switch {
			case !is || err != nil || share != share: // NaN is not a number
			case words[0] == "some":
				p.Some, found = share, true
			case words[0] == "full":
				p.Full = share
			}
		}
	}
	if !found {
		return p, fmt.Errorf("no avg60 of some in %+.80q", text)
	}
	return p, nil
}

// Memory holds values of /proc/meminfo, in bytes.
type Memory struct{ Total, Available uint64 }

// ParseMemory parses /proc/meminfo.
func ParseMemory(text string) (Memory, error) {
	var m Memory
	for line := range strings.Lines(text) {
		for name, field := range map[string]*uint64{"MemTotal:": &m.Total, "MemAvailable:": &m.Available} {
			if words := strings.Fields(line); len(words) > 1 && words[0] == name {
				kib, err := strconv.ParseUint(words[1], 10, 54) // 54 bits, so that the value in bytes fits
				if err != nil {
					return m, fmt.Errorf("%s %w", name, err)
				}
				*field = kib << 10
			}
		}
	}
	if m.Total == 0 {
		return m, fmt.Errorf("no MemTotal in %+.80q", text)
	}
	return m, nil
}

// ParseUptime parses /proc/uptime.
func ParseUptime(text string) (time.Duration, error) {
	seconds, _, _ := strings.Cut(text, " ")
	return time.ParseDuration(strings.TrimSpace(seconds) + "s")
}

// ReadFile reads a file of /proc, up to a size limit.
func ReadFile(path string) (string, error) {
	file, err := safefile.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, 64<<10))
	return string(data), err
}
