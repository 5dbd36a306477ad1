package containers

import (
	"cmp"
	"time"
)

// Lookup asks which service a task is of.
type Lookup struct {
	Cluster, TaskARN string
	MetadataURI      string // as a container of the task has it; empty if not known
}

// TaskInfo answers a Lookup.
type TaskInfo struct {
	Service string // empty: of no service, or unknown
	// Checked names the containers whose health check ECS honors; nil: unknown.
	Checked map[string]bool
	// Unsure means that an answer could not be had, and may be later.
	Unsure bool
}

// unsurePause is when a Lookup without an answer is asked again. Whether ECS itself is
// then asked is decided by who resolves it.
const unsurePause = 5 * time.Minute

// task is what its containers share. It is kept while it has containers, and until
// its service is known.
type task struct {
	TaskInfo
	known, asked bool
	failed       bool // it did not start, which was counted
	lookup       Lookup
	containers   int
	counters     map[Key]*Counters // until the service is known
}

// task returns the one with this ARN; what ECS did not start is of a task of no
// service.
func (m *machine) task(arn string) *task {
	t := m.tasks[arn]
	if t == nil {
		t = &task{known: arn == "", counters: map[Key]*Counters{}}
		m.tasks[arn] = t
	}
	return t
}

// leave is called for a container that is gone.
func (m *machine) leave(c *container) {
	c.task.containers--
	if c.exit != nil || len(c.task.counters) > 0 || c.task.containers > 0 {
		m.lookUp(c, "")
	} else if !c.task.asked {
		c.task.known = true // nothing of it was counted
	}
	m.forget(c.TaskARN, c.task)
}

func (m *machine) forget(arn string, t *task) {
	if t.known && t.containers == 0 {
		delete(m.tasks, arn)
	}
}

// lookUp asks for a container's task, once.
func (m *machine) lookUp(c *container, uri string) {
	if !c.task.asked && !c.task.known {
		c.task.asked = true
		c.task.lookup = Lookup{c.Cluster, c.TaskARN, uri}
		m.lookups = append(m.lookups, c.task.lookup)
	}
}

// answered takes the answer to a Lookup, and counts under the service what was
// counted meanwhile.
func (m *machine) answered(now time.Time, arn string, info TaskInfo) {
	t := m.tasks[arn]
	if t == nil || t.known && !t.Unsure {
		return
	}
	t.TaskInfo, t.known = info, true
	for key, n := range t.counters {
		key.Service = cmp.Or(info.Service, key.Service)
		m.counter(key).Add(*n)
	}
	t.counters = nil
	if m.forget(arn, t); info.Unsure {
		m.at(now.Add(unsurePause), func(time.Time) {
			if m.tasks[arn] == t { // it still has containers
				m.lookups = append(m.lookups, t.lookup)
			}
		})
	}
}

// ignored reports whether ECS ignores the container's check: it knows only those
// of task definitions, and not an image's own (containers-roadmap#339).
func (c *container) ignored() bool {
	return c.checked && c.task.Checked != nil && !c.task.Checked[c.Container]
}
