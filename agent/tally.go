package agent

import (
	"cmp"

	"muster/agent/containers"
	"muster/agent/leaving"
	"muster/agent/metrics"
	"muster/agent/registration"
	"muster/internal/base/cluster"
)

// The dimensions of CloudWatch's own ECS metrics, so that dashboards can join them.
const (
	dimCluster   = "ClusterName"
	dimService   = "ServiceName"
	dimContainer = "ContainerName"
	dimInstance  = "InstanceId"
)

// row is what is known of a service, or of one container name of it.
type row struct {
	containers.Counts
	loops int
}

// tally gathers what is to be published of a minute: gauges as they are at its
// end, counters as they add up.
type tally struct {
	docker bool
	rows   map[containers.Key]*row
}

func newTally() tally { return tally{rows: map[containers.Key]*row{}} }

func (t *tally) row(key containers.Key) *row {
	if t.rows[key] == nil {
		t.rows[key] = &row{Counts: containers.Counts{Key: key}}
	}
	return t.rows[key]
}

func (t *tally) add(m containers.Minute) {
	t.docker = m.Docker
	for _, r := range t.rows {
		r.Gauges = containers.Gauges{}
	}
	for _, c := range m.Series {
		r := t.row(c.Key)
		r.Gauges = c.Gauges
		r.Add(c.Counters)
	}
}

// next begins a new minute with how things are.
func (t *tally) next() {
	for key, r := range t.rows {
		r.Counters, r.loops = containers.Counters{}, 0
		if r.Gauges == (containers.Gauges{}) {
			delete(t.rows, key)
		}
	}
}

// health is a metric of containers.
type health struct {
	name  string
	gauge bool // how things are, and not what happened
	tasks bool // of tasks, which a container name has none of
	of    func(*row) int
}

// healthMetrics are those that a cluster and each of its services have. Each is
// billed once for each of them: eight is the limit.
func healthMetrics() []health {
	return []health{
		{"RunningContainers", true, false, func(r *row) int { return r.Running }},
		{"HealthyContainers", true, false, func(r *row) int { return r.Healthy }},
		{"UnhealthyContainers", true, false, func(r *row) int { return r.Unhealthy }},
		{"UnhealthyTasks", true, true, func(r *row) int { return r.TasksUnhealthy }},
		{"Crashes", false, false, func(r *row) int { return r.Crashes }},
		{"Restarts", false, false, func(r *row) int { return r.Restarts }},
		{"OOMKills", false, false, func(r *row) int { return r.OOMKills + r.ChildOOMs }},
		{"CrashLoops", true, false, func(r *row) int { return r.loops }},
	}
}

// single is a metric of the instance.
type single struct {
	name, unit string
	instance   bool // also told of each instance alone, on request
	of         func(*Agent) (value float64, known bool)
}

// singleMetrics are those that a cluster has once.
func singleMetrics() []single {
	return []single{
		{"Registered", metrics.UnitCount, true, (*Agent).registered},
		{"Connected", metrics.UnitCount, true, (*Agent).connected},
		{"DockerReachable", metrics.UnitCount, true, func(a *Agent) (float64, bool) { return one(a.tally.docker), a.Containers.Snapshot().Limit == "" }},
		{"BlockedPorts", metrics.UnitCount, true, (*Agent).blockedPorts},
		{"Leaving", metrics.UnitCount, false, func(a *Agent) (float64, bool) { return one(a.leaves()), true }},
		{"AgentCPU", metrics.UnitMillis, false, (*Agent).cpuSpent},
		{"AgentMemory", metrics.UnitBytes, false, func(*Agent) (float64, bool) { return float64(memory()), true }},
		{"SpooledMinutes", metrics.UnitCount, false, func(a *Agent) (float64, bool) { return float64(a.stats().Minutes), true }},
		{"DroppedData", metrics.UnitCount, false, (*Agent).droppedData},
		{"APICalls", metrics.UnitCount, false, (*Agent).callsMade},
	}
}

func one(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

func (a *Agent) leaves() bool { return a.notice.Reason != leaving.Stays }

// registered says nothing once the instance leaves and is registered no more: that
// is no trouble.
func (a *Agent) registered() (float64, bool) {
	is := a.snap.State == registration.Registered || a.snap.State == registration.Disconnected
	return one(is), a.snap.State != registration.Unknown && a.snap.State != "" && (is || !a.leaves())
}

func (a *Agent) connected() (float64, bool) {
	word := a.snap.ECS
	return one(word.Off < registration.OffAnswers), word.Known() && (word.Connected || !a.leaves())
}

func (a *Agent) blockedPorts() (float64, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return float64(a.ports.Blocked), a.ports.Known
}

func (a *Agent) cpuSpent() (float64, bool) {
	now := cpu()
	spent := now - a.spent.cpu
	a.spent.cpu = now
	return float64(spent.Microseconds()) / 1000, true
}

func (a *Agent) droppedData() (float64, bool) {
	now := dropped(a.stats())
	fresh := now - a.spent.dropped
	a.spent.dropped = now
	return float64(fresh), true
}

func (a *Agent) callsMade() (float64, bool) {
	now := a.Calls()
	fresh := now - a.spent.calls
	a.spent.calls = now
	return float64(fresh), true
}

func (a *Agent) stats() metrics.Stats {
	if a.Publisher == nil {
		return metrics.Stats{}
	}
	return a.Publisher.Stats()
}

func dropped(s metrics.Stats) int64 {
	var n int64
	for _, of := range s.Dropped {
		n += of
	}
	return n
}

// count puts the tally into the builder, and begins a new one. Containers that ECS
// did not start are of no service and are not published.
func (a *Agent) count() {
	own := a.clusterName()
	sums := map[containers.Key]*row{{Cluster: own}: {}} // of a cluster, a service in it, a container in that
	a.addLoops()
	for key, r := range a.tally.rows {
		if key.Cluster = clusterName(key.Cluster); key.Cluster == "" || key.Service == "" {
			continue
		}
		merge(sums, containers.Key{Cluster: key.Cluster}, r)
		merge(sums, containers.Key{Cluster: key.Cluster, Service: key.Service}, r)
		if key.Container != "" {
			merge(sums, key, r)
		}
	}
	for key, r := range sums {
		if key.Cluster != "" {
			a.countRow(key, r)
		}
	}
	if own != "" {
		a.countSingles(own)
	}
	a.tally.next()
}

func merge(rows map[containers.Key]*row, key containers.Key, r *row) {
	if rows[key] == nil {
		rows[key] = &row{}
	}
	into := rows[key]
	into.Running += r.Running
	into.Healthy += r.Healthy
	into.Unhealthy += r.Unhealthy
	into.Starting += r.Starting
	into.TasksUnhealthy += r.TasksUnhealthy
	into.Add(r.Counters)
	into.loops += r.loops
}

// addLoops counts the crash loops, of which the snapshot tells.
func (a *Agent) addLoops() {
	for _, id := range a.Containers.Snapshot().Looping {
		key := id.Key()
		if !a.Settings.Dimensions.Container {
			key.Container = ""
		}
		a.tally.row(key).loops++
	}
}

// countRow publishes a row, by what of the key is known. Without Docker nobody knows
// how things are.
func (a *Agent) countRow(key containers.Key, r *row) {
	dimensions := []metrics.Dimension{{Name: dimCluster, Value: key.Cluster}}
	if key.Service != "" {
		dimensions = append(dimensions, metrics.Dimension{Name: dimService, Value: key.Service})
	}
	if key.Container != "" {
		dimensions = append(dimensions, metrics.Dimension{Name: dimContainer, Value: key.Container})
	}
	for _, m := range healthMetrics() {
		if m.gauge && !a.tally.docker || m.tasks && key.Container != "" {
			continue
		}
		a.builder.Gauge(m.name, metrics.UnitCount, float64(m.of(r)), dimensions...)
	}
}

func (a *Agent) countSingles(own string) {
	of := metrics.Dimension{Name: dimCluster, Value: own}
	for _, m := range singleMetrics() {
		value, known := m.of(a)
		if !known {
			continue
		}
		a.builder.Gauge(m.name, m.unit, value, of)
		if m.instance && a.Settings.Dimensions.Instance && a.InstanceID != "" {
			a.builder.Gauge(m.name, m.unit, value, of, metrics.Dimension{Name: dimInstance, Value: a.InstanceID})
		}
	}
}

// settle takes note of this instance's cluster, for those that do not run in the
// loop: the one it is meant to be in, else the one it is in.
func (a *Agent) settle() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.home = clusterName(cmp.Or(a.Settings.Cluster, a.snap.Cluster))
}

func (a *Agent) clusterName() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.home
}

// clusterName is the name in a name or ARN; empty for what is neither.
func clusterName(text string) string {
	ref, err := cluster.Parse(text)
	if err != nil {
		return ""
	}
	return ref.Name
}
