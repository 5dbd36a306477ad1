package instance

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"muster/check"
	"muster/internal/base/fix"
	"muster/internal/host/kernel"
)

// Limits for the share of the last minute, in percent, in which tasks waited. A busy CPU slows the agent down. If all
// tasks wait for memory, the agent makes no progress.
const (
	memoryStalls, memoryStops = 5.0, 20.0
	cpuStalls, ioStalls       = 90.0, 50.0
	leastMemory               = 32 << 20 // available bytes
	recently                  = time.Hour
)

func (g Group) pressure(context.Context) []check.Finding {
	looks := []struct {
		of   string
		look func() (check.Status, string)
	}{
		{"memory", g.memory},
		{"CPU", func() (check.Status, string) { return g.stalls("cpu", cpuStalls) }},
		{"I/O", func() (check.Status, string) { return g.stalls("io", ioStalls) }},
		{"memory", func() (check.Status, string) { return g.stalls("memory", memoryStalls) }},
	}
	worst := check.Pass
	var evidence, short []string
	for _, l := range looks {
		status, seen := l.look()
		if check.Worse(status, worst) {
			worst = status
		}
		if status != check.Pass && !slices.Contains(short, l.of) {
			short = append(short, l.of)
		}
		if seen != "" {
			evidence = append(evidence, seen)
		}
	}
	found, unread := g.oomKills()
	if unread != nil {
		evidence = append(evidence, unread.Error())
	}
	if worst != check.Pass {
		found = append([]check.Finding{{Kind: StarvedHost, Status: worst,
			Summary:  "the host is starved: processes wait for " + strings.Join(short, ", "),
			Evidence: evidence, Fix: fix.Do("Find what uses the memory, CPU or I/O, then use a larger instance or limit the tasks:",
				"top -b -n 1 -o %MEM | head -n 20", "sudo docker stats --no-stream")}}, found...)
	}
	switch {
	case len(found) > 0:
		return found
	case len(evidence) == 0:
		return check.Skipped("the kernel reports neither pressure nor memory")
	}
	return check.Passed("the host is not starved of memory, CPU or I/O", evidence...)
}

// stalls evaluates a file of /proc/pressure. The file is missing if the kernel lacks PSI or was booted without psi=1.
func (g Group) stalls(name string, limit float64) (check.Status, string) {
	text, err := kernel.ReadFile(g.Config.Path("/proc/pressure/" + name))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, errors.ErrUnsupported) {
		return check.Pass, ""
	}
	p, parsed := kernel.ParsePressure(text)
	if err := cmp.Or(err, parsed); err != nil {
		return check.Pass, err.Error()
	}
	status, share := check.Pass, p.Full
	if name == "cpu" {
		share = p.Some // the kernel does not define the system-wide "full" share for the CPU
	}
	switch {
	case name == "memory" && share >= memoryStops:
		status = check.Fail
	case share >= limit:
		status = check.Warn
	}
	return status, fmt.Sprintf("/proc/pressure/%s: some avg60=%.2f full avg60=%.2f", name, p.Some, p.Full)
}

func (g Group) memory() (check.Status, string) {
	text, err := kernel.ReadFile(g.Config.Path("/proc/meminfo"))
	if errors.Is(err, fs.ErrNotExist) {
		return check.Pass, ""
	}
	m, parsed := kernel.ParseMemory(text)
	if err := cmp.Or(err, parsed); err != nil {
		return check.Pass, err.Error()
	}
	status := check.Pass
	if m.Available < leastMemory {
		status = check.Fail
	}
	return status, fmt.Sprintf("/proc/meminfo: %s of %s available", size(m.Available), size(m.Total))
}

// oomKills returns findings for the kernel's out-of-memory kills. A container that reached its own limit concerns only
// its owner. If the host ran out of memory, the kernel can kill any process, including the agent and Docker. The error
// says why the log could not be read.
func (g Group) oomKills() ([]check.Finding, error) {
	oomKills, err := kernel.OOMKills(g.Config.Path("/dev/kmsg"))
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	uptime := g.uptime()
	f := check.Finding{Kind: OOMKills, Status: check.Warn, Summary: "the kernel killed processes because of memory limits",
		SymptomOf: []*check.Kind{StarvedHost},
		Fix: fix.Do("Use a larger instance, or give tasks memory limits that fit together. To list all kills:",
			"sudo dmesg -T | grep -i 'killed process'")}
	for _, k := range oomKills[max(0, len(oomKills)-10):] {
		of := "the host was out of memory"
		if k.Cgroup {
			of = "it reached its own limit"
		}
		f.Evidence = append(f.Evidence, fmt.Sprintf("%+.20q was killed %s after boot: %s", k.Process, k.SinceBoot.Round(time.Second), of))
		killed := fmt.Sprintf("%+.20q", k.Process)
		if !k.Cgroup && uptime > 0 && uptime-k.SinceBoot < recently {
			f.Status, f.Summary = check.Fail, "the host ran out of memory within the last hour: the kernel killed "+killed
		}
	}
	if f.Evidence == nil {
		return nil, err
	}
	return []check.Finding{f}, err
}

// uptime returns the time since the boot, or zero if unknown.
func (g Group) uptime() time.Duration {
	text, err := kernel.ReadFile(g.Config.Path("/proc/uptime"))
	if err != nil {
		return 0
	}
	up, err := kernel.ParseUptime(text)
	if err != nil {
		return 0
	}
	return up
}
