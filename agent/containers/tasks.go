package containers

import (
	"cmp"
	"time"
)

// Lookup is a request for the service of a task.
type Lookup struct {
	Cluster, TaskARN string
	MetadataURI      string // from a container of the task; empty if unknown
}

// TaskInfo is the result of a Lookup.
type TaskInfo struct {
	Service string // empty if the task has no service, or it is unknown
	// Checked names the containers whose health check ECS honors. It is nil if that is unknown.
	Checked map[string]bool
	// Unsure means that the lookup failed but may succeed later.
	Unsure bool
}

// unsurePause is when a Lookup without a result is repeated. The Resolver decides whether it then calls ECS.
const unsurePause = 5 * time.Minute

// task is the state that the containers of a task share. It is kept while it has containers, and until its service is
// known.
type task struct {
	TaskInfo
	known, asked bool
	failed       bool // it did not start, and that was counted
	lookup       Lookup
	containers   int
	counters     map[Key]*Counters // used until the service is known
}

// task returns the task with this ARN. All containers that ECS did not start share one task without a service.
func (m *machine) task(arn string) *task {
	t := m.tasks[arn]
	if t == nil {
		t = &task{known: arn == "", counters: map[Key]*Counters{}}
		m.tasks[arn] = t
	}
	return t
}

// leave records that a container of the task was removed.
func (m *machine) leave(c *container) {
	c.task.containers--
	if c.exit != nil || len(c.task.counters) > 0 || c.task.containers > 0 {
		m.lookUp(c, "")
	} else if !c.task.asked {
		c.task.known = true // nothing was counted for the task, so its service is not needed
	}
	m.forget(c.TaskARN, c.task)
}

func (m *machine) forget(arn string, t *task) {
	if t.known && t.containers == 0 {
		delete(m.tasks, arn)
	}
}

// lookUp requests the service of a container's task, once.
func (m *machine) lookUp(c *container, uri string) {
	if !c.task.asked && !c.task.known {
		c.task.asked = true
		c.task.lookup = Lookup{c.Cluster, c.TaskARN, uri}
		m.lookups = append(m.lookups, c.task.lookup)
	}
}

// answered applies the result of a Lookup. It moves what was counted meanwhile to the service.
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
			if m.tasks[arn] == t { // the task still has containers
				m.lookups = append(m.lookups, t.lookup)
			}
		})
	}
}

// countByFamily counts under its family what still waits for the service of its task.
func (m *machine) countByFamily(now time.Time) {
	for arn, t := range m.tasks {
		if !t.known {
			m.answered(now, arn, TaskInfo{})
		}
	}
}

// ignored reports whether ECS ignores the container's health check. ECS knows only checks in task definitions, not
// those of an image (containers-roadmap#339).
func (c *container) ignored() bool {
	return c.checked && c.task.Checked != nil && !c.task.Checked[c.Container]
}
