// Package limits reads how close this instance and its containers are to their limits, before one of them breaks: memory and
// CPU of containers, file systems, memory of the host, and EC2's network allowances. It reads files of the kernel and asks
// neither Docker nor AWS, so that a reading takes a few milliseconds for 20 containers. What cannot be read is unknown.
package limits

import (
	"time"

	"muster/agent/containers"
	"muster/internal/host/cgroup"
	"muster/internal/host/kernel"
)

// Share is a value in percent, or none.
type Share struct {
	Percent float64
	Known   bool
}

// worse keeps the larger of two.
func (s *Share) worse(percent float64) {
	if !s.Known || percent > s.Percent {
		*s = Share{percent, true}
	}
}

// Shares are those of the worst container of a service, or of all.
type Shares struct {
	// Memory is what a container, or its task, uses of its limit. Unknown if none has a limit.
	Memory Share
	// Throttled is in how many periods of its CPU quota, since the reading before, a container had to wait. Unknown if none
	// has a quota.
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

// Reading is all that was read at a moment.
type Reading struct {
	At time.Time
	// Services are the limits of each service, or of the family of a task without one, and Worst those of all containers of
	// ECS.
	Services map[containers.Key]Shares
	Worst    Shares
	// Disk is the fullest file system of Docker's directory and the root, in space or in inodes.
	Disk Share
	// HostMemory is the memory of the host that is not available, and Pressure the share of the last minute in which some
	// program waited for memory (PSI, which not all kernels have).
	HostMemory, Pressure Share
	// Exceeded is how many packets EC2 dropped over an allowance since the driver was loaded, if the interface has such
	// counters.
	Exceeded      uint64
	ExceededKnown bool
}

// Meter makes readings. It is not for concurrent use.
type Meter struct {
	CGroup interface {
		Read(id, task string) (cgroup.Usage, error)
		Keep(ids map[string]bool)
	}
	FileSystems       []string // paths
	FileSystem        func(path string) (kernel.FileSystem, error)
	MemInfo, Pressure string // paths of these files of /proc
	Exceeded          func() (uint64, error)

	before map[string]cgroup.Usage // by container id
}

// Read makes a reading of the host and of these containers.
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

// shares are those of a container. How often it was throttled is known from its second reading on.
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

// taskID is the last part of a task's ARN.
func taskID(arn string) string {
	for i := len(arn) - 1; i >= 0; i-- {
		if arn[i] == '/' {
			return arn[i+1:]
		}
	}
	return arn
}
