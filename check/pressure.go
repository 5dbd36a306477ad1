package check

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"muster/internal/fix"
	"muster/internal/kernel"
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
	looks := []func() (Status, string){
		w.memory,
		func() (Status, string) { return w.stalls("cpu", cpuStalls) },
		func() (Status, string) { return w.stalls("io", ioStalls) },
		func() (Status, string) { return w.stalls("memory", memoryStalls) },
	}
	worst := Pass
	var evidence []string
	for _, look := range looks {
		status, seen := look()
		if worse(status, worst) {
			worst = status
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
		found = append([]Finding{{ID: "starved-host", Status: worst, Summary: "the host is starved: its tasks wait for memory, CPU or I/O",
			Evidence: evidence, Fix: fix.Do("top -o %MEM; docker stats --no-stream; use a larger instance, or raise ECS_RESERVED_MEMORY so that tasks leave room")}}, found...)
	}
	switch {
	case len(found) > 0:
		return found
	case len(evidence) == 0:
		return Skipped("the kernel says nothing of pressure and memory here")
	}
	return Passed("nothing waits for long", evidence...)
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

// kills looks for what the kernel killed. A container that reached its own limit
// is its owner's business; when the host ran out anybody may be killed, the
// agent and Docker too. The error says why the log could not be read.
func (w World) kills() ([]Finding, error) {
	kills, err := kernel.OOMKills(w.Config.Path("/dev/kmsg"))
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	uptime := w.uptime()
	f := Finding{ID: "oom-kills", Status: Warn, Summary: "the kernel killed processes for want of memory", SymptomOf: []string{"starved-host"},
		Fix: fix.Do("dmesg -T | grep -i 'killed process'; use a larger instance, or give tasks memory limits that fit into it together")}
	for _, k := range kills[max(0, len(kills)-10):] {
		of := "the host's memory was used up"
		if k.Cgroup {
			of = "its own limit was reached"
		}
		f.Evidence = append(f.Evidence, fmt.Sprintf("%+.20q was killed %s after boot: %s", k.Process, k.SinceBoot.Round(time.Second), of))
		if !k.Cgroup && uptime > 0 && uptime-k.SinceBoot < recently {
			f.Status, f.Summary = Fail, "the host ran out of memory within the last hour, and the kernel killed processes"
		}
	}
	if f.Evidence == nil {
		return nil, err
	}
	return []Finding{f}, err
}

// uptime is zero where it is not known.
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
