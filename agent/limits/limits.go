// Package limits reads how close this instance and its containers are to their limits, before a limit is reached:
// memory and CPU of containers, file systems, memory of the host, and EC2's network allowances. It reads files of the
// kernel and calls neither Docker nor AWS, so that a reading takes a few milliseconds for 20 containers. What cannot be
// read is unknown.
package limits

import (
	"time"

	"muster/agent/containers"
	"muster/internal/host/cgroup"
	"muster/internal/host/kernel"
)

// Share is a percentage, or unknown.
type Share struct {
	Percent float64
	Known   bool
}

// worse keeps the larger of the two values.
func (s *Share) worse(percent float64) {
	if !s.Known || percent > s.Percent {
		*s = Share{percent, true}
	}
}

// Shares holds the values of the worst container of a service, or of all containers.
type Shares struct {
	// Memory is the memory that a container or its task uses, relative to its limit. It is unknown if none has a limit.
	Memory Share
	// Throttled is the share of the CPU quota's periods, since the previous reading, in which a container had to wait.
	// It is unknown if none has a quota.
	Throttled Share
}

func (l *Shares) worse(than Shares) {
	if than.Memory.Known {
		l.Memory.worse(than.Memory.Percent)
	}
	if than.Throttled.Known {
		l.Throttled.worse(than.Throttled.Percent)
	}
}

// Reading holds all values that were read at one time.
type Reading struct {
	At time.Time
	// Services holds the shares of each service, or of the task family if there is no service. Worst holds the worst of
	// all ECS containers.
	Services map[containers.Key]Shares
	Worst    Shares
	// Disk is the usage of the fullest file system, in space or inodes, among Docker's directory and the root.
	Disk Share
	// HostMemory is the share of the host's memory that is not available. Pressure is the share of the last minute in
	// which some program waited for memory (PSI, which some kernels lack).
	HostMemory, Pressure Share
	// Exceeded is how many packets EC2 dropped because of an allowance since the driver was loaded. It is known only if
	// the interface has these counters.
	Exceeded      uint64
	ExceededKnown bool
}

// Meter makes readings. It is not safe for concurrent use.
type Meter struct {
	CGroup interface {
		Read(id, task string) (cgroup.Usage, error)
		Keep(ids map[string]bool)
	}
	FileSystems       []string // paths
	FileSystem        func(path string) (kernel.FileSystem, error)
	MemInfo, Pressure string // paths of these files in /proc
	Exceeded          func() (uint64, error)

	before map[string]cgroup.Usage // by container ID
}

// Read reads the host's and these containers' limits.
func (m *Meter) Read(now time.Time, running []containers.Identity) Reading {
	r := Reading{At: now, Services: map[containers.Key]Shares{}}
	m.containers(&r, running)
	for _, path := range m.FileSystems {
		if f, err := m.FileSystem(path); err == nil {
			r.Disk.worse(f.Used())
			r.Disk.worse(f.InodesUsed())
		}
	}
	if text, err := kernel.ReadFile(m.MemInfo); err == nil {
		if memory, err := kernel.ParseMemory(text); err == nil && memory.Available <= memory.Total {
			r.HostMemory.worse(100 * float64(memory.Total-memory.Available) / float64(memory.Total))
		}
	}
	if text, err := kernel.ReadFile(m.Pressure); err == nil {
		if p, err := kernel.ParsePressure(text); err == nil {
			r.Pressure.worse(p.Some)
		}
	}
	if n, err := m.Exceeded(); err == nil {
		r.Exceeded, r.ExceededKnown = n, true
	}
	return r
}

func (m *Meter) containers(r *Reading, running []containers.Identity) {
	now, ids := map[string]cgroup.Usage{}, map[string]bool{}
	for _, c := range running {
		if ids[c.ID] = true; c.TaskARN == "" {
			continue
		}
		u, err := m.CGroup.Read(c.ID, taskID(c.TaskARN))
		if err != nil {
			continue
		}
		now[c.ID] = u
		l := m.shares(c.ID, u)
		key := c.Key()
		key.Container = ""
		of := r.Services[key]
		of.worse(l)
		r.Services[key] = of
		r.Worst.worse(l)
	}
	m.before = now
	m.CGroup.Keep(ids)
}

// shares returns the shares of a container. Throttling is known only from its second reading on.
func (m *Meter) shares(id string, u cgroup.Usage) (l Shares) {
	if percent, ok := u.MemoryShare(); ok {
		l.Memory.worse(percent)
	}
	before, known := m.before[id]
	if !known || u.Periods < before.Periods || u.Throttled < before.Throttled || u.Periods == 0 {
		return l
	}
	periods, throttled := u.Periods-before.Periods, u.Throttled-before.Throttled
	l.Throttled.worse(100 * float64(throttled) / float64(max(periods, throttled, 1)))
	return l
}

// taskID returns the last part of a task's ARN.
func taskID(arn string) string {
	for i := len(arn) - 1; i >= 0; i-- {
		if arn[i] == '/' {
			return arn[i+1:]
		}
	}
	return arn
}
