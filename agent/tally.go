package agent

import (
	"cmp"
	"time"

	"muster/agent/containers"
	"muster/agent/limits"
	"muster/agent/metrics"
	"muster/agent/registration"
	"muster/internal/base/cluster"
	"muster/internal/config"
)

// The dimensions have the names of CloudWatch's own ECS metrics, so that dashboards can combine them.
const (
	dimCluster   = "ClusterName"
	dimService   = "ServiceName"
	dimContainer = "ContainerName"
	dimInstance  = "InstanceId"
)

// row holds the values of one minute for a cluster, a service, or a container name in a service: the gauges at its end,
// and the increase of the counters.
type row struct {
	containers.Gauges
	containers.Counters
	loops int
}

func (r *row) add(more row) {
	r.Gauges.Add(more.Gauges)
	r.Counters.Add(more.Counters)
	r.loops += more.loops
}

// rows maps the series of a minute to their values.
type rows map[containers.Key]*row

func (r rows) add(key containers.Key, more row) {
	if r[key] == nil {
		r[key] = &row{}
	}
	r[key].add(more)
}

// tally converts the watcher's totals, which only grow, into minutes. No other type remembers what was published.
type tally struct {
	published map[containers.Key]containers.Counters // the totals at that time
	inherited map[containers.Key]containers.Counters // counts of an earlier watcher that were not published
}

// since returns what was counted since the last publish. It changes nothing.
func (t *tally) since(now containers.Totals) rows {
	fresh := rows{}
	for _, c := range now.Series {
		counters := c.Counters
		counters.Sub(t.published[c.Key])
		if c.Gauges != (containers.Gauges{}) || counters != (containers.Counters{}) {
			fresh.add(c.Key, row{Gauges: c.Gauges, Counters: counters})
		}
	}
	for key, counters := range t.inherited {
		fresh.add(key, row{Counters: counters})
	}
	return fresh
}

// publish records the totals as published.
func (t *tally) publish(now containers.Totals) {
	t.inherited, t.published = nil, make(map[containers.Key]containers.Counters, len(now.Series))
	for _, c := range now.Series {
		t.published[c.Key] = c.Counters
	}
}

// inherit takes over the counts that another tally has not published.
func (t *tally) inherit(from tally, now containers.Totals) {
	t.inherited = map[containers.Key]containers.Counters{}
	for key, r := range from.since(now) {
		t.inherited[key] = r.Counters
	}
}

// minute holds everything that is published for one minute.
type minute struct {
	rows      rows
	docker    bool // Docker responds
	dockerWhy bool // whether Docker responds is known

	registration registration.Snapshot
	leaving      bool
	ports        Ports
	orphans      int
	orphansKnown bool
	own          usage // used by this process in the minute
	memory       int64
	spooled      int // number of queued minutes
	limits       limits.Reading
	limitsBefore limits.Reading // reading of the last published minute
}

// healthMetric is a metric of containers.
type healthMetric struct {
	name  string
	gauge bool // it is a current number, not a count of events
	tasks bool // it counts tasks; not published per container name
	of    func(*row) int
}

// healthMetrics returns the metrics of a cluster and of each of its services. CloudWatch bills each metric for the
// cluster and for every service, so the number is limited to eight.
func healthMetrics() []healthMetric {
	return []healthMetric{
		{"RunningContainers", true, false, func(r *row) int { return r.Running }},
		{"HealthyContainers", true, false, func(r *row) int { return r.Healthy }},
		{"UnhealthyContainers", true, false, func(r *row) int { return r.Unhealthy + r.UnhealthyEnds }},
		{"UnhealthyTasks", true, true, func(r *row) int { return r.TasksUnhealthy + r.TaskUnhealthyEnds }},
		{"Crashes", false, false, func(r *row) int { return r.Crashes }},
		{"Restarts", false, false, func(r *row) int { return r.Restarts }},
		{"OOMKills", false, false, func(r *row) int { return r.OOMKills + r.ChildOOMs }},
		{"CrashLoops", true, false, func(r *row) int { return r.loops }},
	}
}

// single is a metric of the instance.
type single struct {
	name, unit string
	instance   bool // also published per instance, if configured
	// request reports whether MUSTER_METRICS enables the metric. A nil request means that it is always published.
	request func(config.Metrics) bool
	of      func(minute) (value float64, known bool)
	// total returns the sum since the agent started. It is nil for a metric that is not a counter.
	total func(*Agent) (value float64, known bool)
}

// singleMetrics returns the metrics that a cluster has once. The count of a rare event is published only in minutes in
// which it is not 0, so that it costs nothing until then.
func singleMetrics() []single {
	agents := func(m config.Metrics) bool { return m.Agent }
	return []single{
		{"Registered", metrics.UnitCount, true, nil, minute.registered, nil},
		{"Connected", metrics.UnitCount, true, nil, minute.connected, nil},
		{"Impaired", metrics.UnitCount, true, nil, minute.impaired, nil},
		{"Orphans", metrics.UnitCount, false, nil, func(m minute) (float64, bool) { return float64(m.orphans), m.orphansKnown }, nil},
		{"DockerReachable", metrics.UnitCount, true, nil, func(m minute) (float64, bool) { return one(m.docker), m.dockerWhy }, nil},
		{"BlockedPorts", metrics.UnitCount, true, nil, func(m minute) (float64, bool) { return float64(m.ports.Blocked), m.ports.Known }, nil},
		{"Leaving", metrics.UnitCount, false, nil, func(m minute) (float64, bool) { return one(m.leaving), true }, nil},
		{"SpooledMinutes", metrics.UnitCount, false, nil, func(m minute) (float64, bool) { return float64(m.spooled), true }, nil},
		{"MemoryUsed", metrics.UnitPercent, false, nil, func(m minute) (float64, bool) { return share(m.limits.Worst.Memory) }, nil},
		{"CPUThrottled", metrics.UnitPercent, false, nil, func(m minute) (float64, bool) { return share(m.limits.Worst.Throttled) }, nil},
		{"DiskUsed", metrics.UnitPercent, false, nil, func(m minute) (float64, bool) { return share(m.limits.Disk) }, nil},
		{"HostMemoryUsed", metrics.UnitPercent, false, nil, func(m minute) (float64, bool) { return share(m.limits.HostMemory) }, nil},
		{"AllowanceExceeded", metrics.UnitCount, false, nil, minute.exceeded,
			func(a *Agent) (float64, bool) {
				r := a.shared.latestLimits(time.Now())
				return float64(r.Exceeded), r.ExceededKnown
			}},
		{"DroppedData", metrics.UnitCount, false, nil, func(m minute) (float64, bool) { return float64(m.own.dropped), m.own.dropped > 0 },
			func(a *Agent) (float64, bool) { return float64(dropped(a.stats())), true }},
		{"AgentCPU", metrics.UnitMillis, false, agents, func(m minute) (float64, bool) { return float64(m.own.cpu.Microseconds()) / 1000, true },
			func(*Agent) (float64, bool) { return float64(cpu().Microseconds()) / 1000, true }},
		{"AgentMemory", metrics.UnitBytes, false, agents, func(m minute) (float64, bool) { return float64(m.memory), true }, nil},
		{"APICalls", metrics.UnitCount, false, agents, func(m minute) (float64, bool) { return float64(m.own.calls), true },
			func(a *Agent) (float64, bool) { return float64(a.Calls()), true }},
	}
}

func share(s limits.Share) (float64, bool) { return s.Percent, s.Known }

// exceeded returns how many packets were dropped in the minute. The counter restarts at 0 if the driver is loaded
// again.
func (m minute) exceeded() (float64, bool) {
	now, before := m.limits, m.limitsBefore
	if !now.ExceededKnown || !before.ExceededKnown || now.Exceeded <= before.Exceeded {
		return 0, false
	}
	return float64(now.Exceeded - before.Exceeded), true
}

func one(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

// registered is not published for a leaving instance that is deregistered, because that is planned.
func (m minute) registered() (float64, bool) {
	state := m.registration.State
	is := state == registration.Registered || state == registration.Disconnected
	return one(is), state != registration.Unknown && state != "" && (is || !m.leaving)
}

func (m minute) connected() (float64, bool) {
	word := m.registration.ECS
	return one(!word.Lost()), word.Known() && (word.Connected || !m.leaving)
}

// impaired is not published while ECS has no result of its own health check.
func (m minute) impaired() (float64, bool) {
	word := m.registration.ECS
	return one(word.Impaired > 0), word.Known() && (word.Health == "OK" || word.Impaired > 0)
}

// minute collects what is to be published, without publishing it.
func (a *Agent) minute(totals containers.Totals, used usage) minute {
	seen := a.Containers.Snapshot()
	m := minute{
		rows: a.loop.tally.since(totals), docker: totals.Docker, dockerWhy: seen.Limit == "",
		registration: a.loop.registration, leaving: a.leaves(), ports: a.shared.latestPorts(),
		orphans: len(a.loop.orphans.now), orphansKnown: a.loop.orphans.known,
		own: used.since(a.loop.published), memory: memory(), spooled: a.stats().Minutes,
		limits: a.shared.latestLimits(time.Now()), limitsBefore: a.loop.limits,
	}
	for _, id := range seen.Looping {
		m.rows.add(id.Key(), row{loops: 1})
	}
	return m
}

// sums adds up the rows for each cluster, each service, and each container name of a service. Containers that ECS did
// not start belong to no cluster and are not published.
func (m minute) sums(own string, perContainer bool) rows {
	sums := rows{{Cluster: own}: {}}
	for key, r := range m.rows {
		if key.Cluster = clusterName(key.Cluster); key.Cluster == "" {
			continue
		}
		sums.add(containers.Key{Cluster: key.Cluster}, *r)
		if key.Service != "" {
			sums.add(containers.Key{Cluster: key.Cluster, Service: key.Service}, *r)
		}
		if key.Container != "" && perContainer {
			sums.add(key, *r)
		}
	}
	delete(sums, containers.Key{})
	return sums
}

// build adds a minute's data points to the builder.
func (a *Agent) build(m minute) {
	own := a.shared.clusterName()
	for key, r := range m.sums(own, a.Settings.Dimensions.Container) {
		a.buildRow(key, r, m.docker)
	}
	if a.Settings.Metrics.Limits {
		a.buildLimits(m.limits)
	}
	if own == "" {
		return
	}
	of := metrics.Dimension{Name: dimCluster, Value: own}
	for _, metric := range singleMetrics() {
		value, known := metric.of(m)
		if !known || metric.request != nil && !metric.request(a.Settings.Metrics) {
			continue
		}
		a.loop.builder.Gauge(metric.name, metric.unit, value, of)
		if metric.instance && a.Settings.Dimensions.Instance && a.InstanceID != "" {
			a.loop.builder.Gauge(metric.name, metric.unit, value, of, metrics.Dimension{Name: dimInstance, Value: a.InstanceID})
		}
	}
}

// buildRow adds a row's data points. If Docker does not respond, the gauges are unknown and left out.
func (a *Agent) buildRow(key containers.Key, r *row, docker bool) {
	dimensions := []metrics.Dimension{{Name: dimCluster, Value: key.Cluster}}
	if key.Service != "" {
		dimensions = append(dimensions, metrics.Dimension{Name: dimService, Value: key.Service})
	}
	if key.Container != "" {
		dimensions = append(dimensions, metrics.Dimension{Name: dimContainer, Value: key.Container})
	}
	for _, m := range healthMetrics() {
		if m.gauge && !docker || m.tasks && key.Container != "" {
			continue
		}
		a.loop.builder.Gauge(m.name, metrics.UnitCount, float64(m.of(r)), dimensions...)
	}
}

// buildLimits adds the limits of each service, if configured.
func (a *Agent) buildLimits(r limits.Reading) {
	for key, of := range r.Services {
		name := clusterName(key.Cluster)
		if name == "" || key.Service == "" {
			continue
		}
		dimensions := []metrics.Dimension{{Name: dimCluster, Value: name}, {Name: dimService, Value: key.Service}}
		if of.Memory.Known {
			a.loop.builder.Gauge("MemoryUsed", metrics.UnitPercent, of.Memory.Percent, dimensions...)
		}
		if of.Throttled.Known {
			a.loop.builder.Gauge("CPUThrottled", metrics.UnitPercent, of.Throttled.Percent, dimensions...)
		}
	}
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

// settleCluster sets this instance's cluster for the other goroutines: the configured one, or else the one that the ECS
// agent reports.
func (a *Agent) settleCluster() {
	a.shared.setCluster(clusterName(cmp.Or(a.Settings.Cluster, a.loop.registration.Cluster)))
}

// clusterName returns the name in a cluster's name or ARN, or "" for invalid text.
func clusterName(text string) string {
	ref, err := cluster.Parse(text)
	if err != nil {
		return ""
	}
	return ref.Name
}

// Cluster returns the name of this instance's cluster, or "" if unknown. It is safe for concurrent use.
func (a *Agent) Cluster() string { return a.shared.clusterName() }
