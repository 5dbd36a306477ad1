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

// Counters are what happened since the Watcher was made. They only grow: for the
// events of a minute, subtract the counters of a minute ago.
type Counters struct {
	Exits     int // all, including those of unknown reason
	Stops     int // requested: by ECS, or by a person
	Crashes   int // unexpected exits and failed starts
	OOMKills  int // of the main process; not among Crashes
	ChildOOMs int // kills for memory that the container survived
	Restarts  int // of the same container after an exit that was not requested, by Docker or ECS
	// Phases of bad health that are over, of containers and of tasks by ECS's rule.
	UnhealthyEnds, TaskUnhealthyEnds int
}

// Add adds more.
func (n *Counters) Add(more Counters) { n.combine(more, 1) }

// Sub subtracts what was read before.
func (n *Counters) Sub(before Counters) { n.combine(before, -1) }

func (n *Counters) combine(with Counters, sign int) {
	n.Exits += sign * with.Exits
	n.Stops += sign * with.Stops
	n.Crashes += sign * with.Crashes
	n.OOMKills += sign * with.OOMKills
	n.ChildOOMs += sign * with.ChildOOMs
	n.Restarts += sign * with.Restarts
	n.UnhealthyEnds += sign * with.UnhealthyEnds
	n.TaskUnhealthyEnds += sign * with.TaskUnhealthyEnds
}

// Counts is one series.
type Counts struct {
	Key
	Gauges
	Counters
}

// Totals are the gauges of a moment, and the counters up to it. Reading them changes
// nothing. The tasks of a service are counted under the Key without a container.
type Totals struct {
	// Docker is false while the Engine is lost: Gauges are then what they were before.
	Docker bool
	Series []Counts // in order of Key
}

// maxSeries bounds the counters: each family of a one-off task adds one. What exceeds
// it is counted for its cluster alone.
const maxSeries = 4096

func (m *machine) counter(key Key) *Counters {
	n := m.counters[key]
	if n == nil && len(m.counters) >= maxSeries {
		key = Key{Cluster: key.Cluster}
		n = m.counters[key]
	}
	if n == nil {
		n = &Counters{}
		m.counters[key] = n
	}
	return n
}

// Key names the series of a container.
func (i Identity) Key() Key {
	if i.TaskARN == "" {
		return Key{} // its name may be random, and it is not published
	}
	return Key{i.Cluster, cmp.Or(i.Service, i.Family), i.Container}
}

func (c *container) key() Key { return c.named().Key() }

// count is where a container's events are counted: with its task until the service
// is known.
func (m *machine) count(c *container) *Counters { return m.countUnder(c.task, c.key()) }

func (m *machine) countUnder(t *task, key Key) *Counters {
	if t.known {
		return m.counter(key)
	}
	n := t.counters[key]
	if n == nil {
		n = &Counters{}
		t.counters[key] = n
	}
	return n
}

// series are counts by key.
type series map[Key]*Counts

func (s series) of(key Key) *Counts {
	if s[key] == nil {
		s[key] = &Counts{Key: key}
	}
	return s[key]
}

// totals leaves out a task whose service is still being looked up.
func (m *machine) totals() Totals {
	s := series{}
	for key, n := range m.counters {
		s.of(key).Counters.Add(*n)
	}
	m.gauge(s)
	now := Totals{Docker: m.based && !m.away}
	for _, key := range slices.SortedFunc(maps.Keys(s), Key.Compare) {
		now.Series = append(now.Series, *s[key])
	}
	return now
}

// gauge counts what runs.
func (m *machine) gauge(s series) {
	type health struct {
		key Key
		of  []Health // its containers, as ECS sees them
	}
	tasks := map[string]*health{} // by ARN; empty of what ECS did not start
	for _, c := range m.containers {
		if !c.running || c.paused || !c.task.known {
			continue
		}
		s.of(c.key()).add(c.health)
		if tasks[c.TaskARN] == nil {
			tasks[c.TaskARN] = &health{key: c.key()}
		}
		seen := c.health
		if c.ignored() {
			seen = NoCheck // by ECS
		}
		tasks[c.TaskARN].of = append(tasks[c.TaskARN].of, seen)
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

// Add adds more.
func (g *Gauges) Add(more Gauges) {
	g.Running += more.Running
	g.Healthy += more.Healthy
	g.Unhealthy += more.Unhealthy
	g.Starting += more.Starting
	g.NoCheck += more.NoCheck
	g.TasksHealthy += more.TasksHealthy
	g.TasksUnhealthy += more.TasksUnhealthy
	g.TasksUnknown += more.TasksUnknown
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
