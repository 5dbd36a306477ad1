package check

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"muster/internal/base/fix"
	"muster/internal/host/kernel"
)

// The limits of the share of the last minute, in percent, in which tasks waited.
// A busy CPU slows the agent down; memory that all tasks wait for stops it.
const (
	memoryStalls, memoryStops = 5.0, 20.0
	cpuStalls, ioStalls       = 90.0, 50.0
	leastMemory               = 32 << 20 // bytes available
	recently                  = time.Hour
)

func (w World) pressure(context.Context) []Finding {
	looks := []struct {
		of   string
		look func() (Status, string)
	}{
		{"memory", w.memory},
		{"CPU", func() (Status, string) { return w.stalls("cpu", cpuStalls) }},
		{"I/O", func() (Status, string) { return w.stalls("io", ioStalls) }},
		{"memory", func() (Status, string) { return w.stalls("memory", memoryStalls) }},
	}
	worst := Pass
	var evidence, short []string
	for _, l := range looks {
		status, seen := l.look()
		if worse(status, worst) {
			worst = status
		}
		if status != Pass && !slices.Contains(short, l.of) {
			short = append(short, l.of)
		}
		if seen != "" {
			evidence = append(evidence, seen)
		}
	}
	found, unread := w.kills()
	if unread != nil {
		evidence = append(evidence, unread.Error())
	}
	if worst != Pass {
		found = append([]Finding{{Kind: StarvedHost, Status: worst, Summary: "the host is starved: processes wait for " + strings.Join(short, ", "),
			Evidence: evidence, Fix: fix.Do("Find what uses the memory, CPU or I/O, then use a larger instance or limit the tasks:", "top -b -n 1 -o %MEM | head -n 20", "sudo docker stats --no-stream")}}, found...)
	}
	switch {
	case len(found) > 0:
		return found
	case len(evidence) == 0:
		return Skipped("the kernel reports neither pressure nor memory")
	}
	return Passed("the host is not starved of memory, CPU or I/O", evidence...)
}

// stalls judges one file of /proc/pressure. A kernel may lack them, or have been
// booted without psi=1.
func (w World) stalls(name string, limit float64) (Status, string) {
	text, err := kernel.ReadFile(w.Config.Path("/proc/pressure/" + name))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, errors.ErrUnsupported) {
		return Pass, ""
	}
	p, parsed := kernel.ParsePressure(text)
	if err := cmp.Or(err, parsed); err != nil {
		return Pass, err.Error()
	}
	status, share := Pass, p.Full
	if name == "cpu" {
		share = p.Some // all tasks never wait for the CPU at once
	}
	switch {
	case name == "memory" && share >= memoryStops:
		status = Fail
	case share >= limit:
		status = Warn
	}
	return status, fmt.Sprintf("/proc/pressure/%s: some avg60=%.2f full avg60=%.2f", name, p.Some, p.Full)
}

func (w World) memory() (Status, string) {
	text, err := kernel.ReadFile(w.Config.Path("/proc/meminfo"))
	if errors.Is(err, fs.ErrNotExist) {
		return Pass, ""
	}
	m, parsed := kernel.ParseMemory(text)
	if err := cmp.Or(err, parsed); err != nil {
		return Pass, err.Error()
	}
	status := Pass
	if m.Available < leastMemory {
		status = Fail
	}
	return status, fmt.Sprintf("/proc/meminfo: %s of %s available", size(m.Available), size(m.Total))
}

// kills are the kernel's out-of-memory kills. A container that reached its own limit
// is its owner's business; when the host ran out, any process may be killed, the
// agent and Docker too. The error says why the log could not be read.
func (w World) kills() ([]Finding, error) {
	kills, err := kernel.OOMKills(w.Config.Path("/dev/kmsg"))
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	uptime := w.uptime()
	f := Finding{Kind: OOMKills, Status: Warn, Summary: "the kernel killed processes because of memory limits", SymptomOf: []*Kind{StarvedHost},
		Fix: fix.Do("Use a larger instance, or give tasks memory limits that fit together. To list all kills:", "sudo dmesg -T | grep -i 'killed process'")}
	for _, k := range kills[max(0, len(kills)-10):] {
		of := "the host was out of memory"
		if k.Cgroup {
			of = "it reached its own limit"
		}
		f.Evidence = append(f.Evidence, fmt.Sprintf("%+.20q was killed %s after boot: %s", k.Process, k.SinceBoot.Round(time.Second), of))
		killed := fmt.Sprintf("%+.20q", k.Process)
		if !k.Cgroup && uptime > 0 && uptime-k.SinceBoot < recently {
			f.Status, f.Summary = Fail, "the host ran out of memory within the last hour: the kernel killed "+killed
		}
	}
	if f.Evidence == nil {
		return nil, err
	}
	return []Finding{f}, err
}

// uptime is zero where it is unknown.
func (w World) uptime() time.Duration {
	text, err := kernel.ReadFile(w.Config.Path("/proc/uptime"))
	if err != nil {
		return 0
	}
	up, err := kernel.ParseUptime(text)
	if err != nil {
		return 0
	}
	return up
}
