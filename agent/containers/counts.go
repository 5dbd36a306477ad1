package containers

import (
	"cmp"
	"maps"
	"slices"
)

// Key identifies a series of counts.
type Key struct {
	Cluster   string // as in the label; empty for a container that ECS did not start
	Service   string // the service, or the family if the task's service is unknown
	Container string // empty for the counts of a whole service
}

// Gauges are the current numbers of containers and tasks.
type Gauges struct {
	Running                               int
	Healthy, Unhealthy, Starting, NoCheck int // running containers by health
	// Tasks by ECS's rule. They are set only in the counts of a whole service.
	TasksHealthy, TasksUnhealthy, TasksUnknown int
}

// Counters count what happened since the Watcher was created. They only grow. For the events of a minute, subtract the
// counters of one minute before.
type Counters struct {
	Exits     int // all exits, including those with an unknown reason
	Stops     int // requested exits, by ECS or by a user
	Crashes   int // unexpected exits and failed starts
	OOMKills  int // kills of the main process; not included in Crashes
	ChildOOMs int // out-of-memory kills that the container survived
	Restarts  int // restarts of the same container after an exit that was not requested, by Docker or ECS
	// Periods of bad health that have ended, of containers, and of tasks by ECS's rule.
	UnhealthyEnds, TaskUnhealthyEnds int
}

// Add adds more to n.
func (n *Counters) Add(more Counters) { n.combine(more, 1) }

// Sub subtracts before from n.
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

// Counts holds the values of one series.
type Counts struct {
	Key
	Gauges
	Counters
}

// Totals holds the current gauges and the counters so far. Reading them changes nothing. The tasks of a service are
// counted under the Key with an empty Container.
type Totals struct {
	// Docker is false while the Engine does not respond. Gauges are then outdated.
	Docker bool
	Series []Counts // sorted by Key
}

// maxSeries limits the number of counters, because each family of a one-off task adds one. Further events are counted
// only for their cluster.
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

// Key returns the key of the container's series.
func (i Identity) Key() Key {
	if i.TaskARN == "" {
		return Key{} // the name may be random, and it is not published
	}
	return Key{i.Cluster, cmp.Or(i.Service, i.Family), i.Container}
}

func (c *container) key() Key { return c.named().Key() }

// count returns the counters for a container's events. They belong to the task until its service is known.
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

// series maps keys to counts.
type series map[Key]*Counts

func (s series) of(key Key) *Counts {
	if s[key] == nil {
		s[key] = &Counts{Key: key}
	}
	return s[key]
}

// totals excludes a task whose service is still being looked up.
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

// gauge adds the running containers to the gauges.
func (m *machine) gauge(s series) {
	type health struct {
		key Key
		of  []Health // containers of the task, with the health that ECS sees
	}
	tasks := map[string]*health{} // by ARN; the key is empty for containers that ECS did not start
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
			seen = NoCheck // the health that ECS sees
		}
		tasks[c.TaskARN].of = append(tasks[c.TaskARN].of, seen)
	}
	for arn, h := range tasks {
		if h.key.Container = ""; arn != "" {
			s.of(h.key).addTask(TaskHealth(h.of))
		}
	}
}

// Compare orders keys, first by cluster.
func (a Key) Compare(b Key) int {
	return cmp.Or(cmp.Compare(a.Cluster, b.Cluster), cmp.Compare(a.Service, b.Service), cmp.Compare(a.Container, b.Container))
}

// Add adds more to g.
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
