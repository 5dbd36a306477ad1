package containers

import (
	"cmp"
	"maps"
	"slices"
)

// Key names a series of counts.
type Key struct {
	Cluster   string // as labelled; empty for what ECS did not start
	Service   string // or the family, of a task of no known service
	Container string // empty in the counts of a whole service
}

// Gauges are how things are at a moment, in containers and tasks.
type Gauges struct {
	Running                               int
	Healthy, Unhealthy, Starting, NoCheck int // of those that run
	// By ECS's rule; in the counts of a whole service only.
	TasksHealthy, TasksUnhealthy, TasksUnknown int
}

// Counters are what happened since they were taken last.
type Counters struct {
	Exits     int // all, also those of which nobody can tell the reason
	Stops     int // asked for: by ECS, or by a person
	Crashes   int // unasked
	OOMKills  int // of the main process; not among Crashes
	ChildOOMs int // kills for memory that the container outlived
	Restarts  int // of the same container after an unasked end, by Docker or ECS
}

// Add adds more.
func (n *Counters) Add(more Counters) {
	n.Exits += more.Exits
	n.Stops += more.Stops
	n.Crashes += more.Crashes
	n.OOMKills += more.OOMKills
	n.ChildOOMs += more.ChildOOMs
	n.Restarts += more.Restarts
}

// Counts is one series.
type Counts struct {
	Key
	Gauges
	Counters
}

// Minute is what was counted since the last one was taken.
type Minute struct {
	// Docker is false while the Engine is lost: Gauges are then what they were before.
	Docker bool
	Series []Counts // in order of Key
}

func (m *machine) counter(key Key) *Counters {
	n := m.counters[key]
	if n == nil {
		n = &Counters{}
		m.counters[key] = n
	}
	return n
}

// Key names the series of a container.
func (i Identity) Key() Key {
	if i.TaskARN == "" {
		return Key{Container: i.Name}
	}
	return Key{i.Cluster, cmp.Or(i.Service, i.Family), i.Container}
}

func (c *container) key() Key { return c.named().Key() }

// count is where a container's events are counted: with its task until the service
// is known.
func (m *machine) count(c *container) *Counters {
	if c.task.known {
		return m.counter(c.key())
	}
	n := c.task.counters[c.key()]
	if n == nil {
		n = &Counters{}
		c.task.counters[c.key()] = n
	}
	return n
}

// series are counts by key, of whole services or of each of their containers.
type series struct {
	perContainer bool
	counts       map[Key]*Counts
}

func (s series) of(key Key) *Counts {
	if !s.perContainer {
		key.Container = ""
	}
	if s.counts[key] == nil {
		s.counts[key] = &Counts{Key: key}
	}
	return s.counts[key]
}

// take returns the counts of each service, or of each of their containers with
// those of the tasks apart, and begins anew. A task whose service is being looked
// up is left for the next time.
func (m *machine) take(perContainer bool) Minute {
	s := series{perContainer, map[Key]*Counts{}}
	for key, n := range m.counters {
		s.of(key).Add(*n)
	}
	clear(m.counters)
	m.gauge(s)
	minute := Minute{Docker: m.based && !m.away}
	for _, key := range slices.SortedFunc(maps.Keys(s.counts), Key.Compare) {
		minute.Series = append(minute.Series, *s.counts[key])
	}
	return minute
}

// gauge counts what runs.
func (m *machine) gauge(s series) {
	type health struct {
		key Key
		of  []Health // the containers whose check ECS heeds
	}
	tasks := map[string]*health{} // by ARN; empty of what ECS did not start
	for _, c := range m.containers {
		if !c.running || !c.task.known {
			continue
		}
		s.of(c.key()).add(c.health)
		if tasks[c.TaskARN] == nil {
			tasks[c.TaskARN] = &health{key: c.key()}
		}
		if !c.ignored() {
			tasks[c.TaskARN].of = append(tasks[c.TaskARN].of, c.health)
		}
	}
	for arn, h := range tasks {
		if h.key.Container = ""; arn != "" {
			s.of(h.key).addTask(TaskHealth(h.of))
		}
	}
}

// Compare orders keys, by cluster first.
func (a Key) Compare(b Key) int {
	return cmp.Or(cmp.Compare(a.Cluster, b.Cluster), cmp.Compare(a.Service, b.Service), cmp.Compare(a.Container, b.Container))
}

func (g *Gauges) add(h Health) {
	g.Running++
	switch h {
	case Healthy:
		g.Healthy++
	case Unhealthy:
		g.Unhealthy++
	case Starting:
		g.Starting++
	default:
		g.NoCheck++
	}
}

func (g *Gauges) addTask(h Health) {
	switch h {
	case Healthy:
		g.TasksHealthy++
	case Unhealthy:
		g.TasksUnhealthy++
	default:
		g.TasksUnknown++
	}
}
