package agent

import (
	"strconv"
	"time"

	"muster/agent/containers"
	"muster/agent/export"
	"muster/agent/limits"
	"muster/agent/metrics"
)

// exportFiles writes the configured files for other collectors from the last published data. A failure is logged once.
func (a *Agent) exportFiles(now time.Time, m minute, totals containers.Totals) {
	text, inventory := a.Settings.Textfile, a.Settings.Inventory
	if text == "" && inventory == "" {
		return
	}
	samples := a.samples(m, totals)
	var err error
	if text != "" {
		err = export.Textfile(a.Settings.Path(text), now, map[string]string{"version": a.Version, "instance_id": a.InstanceID}, samples)
	}
	if inventory != "" && err == nil {
		err = export.Inventory(a.Settings.Path(inventory), a.facts(now), samples)
	}
	if err != nil && !a.loop.exportFailureLogged {
		a.Log.Warn("the files for other collectors are outdated: "+err.Error(), "phase", "export")
	}
	a.loop.exportFailureLogged = err != nil
}

// samples returns the values of a minute, and the sums since the agent started.
func (a *Agent) samples(m minute, totals containers.Totals) []export.Sample {
	own := a.shared.clusterName()
	out := healthSamples(m.sums(own, false), m.docker, true)
	sums := m
	sums.rows = rows{}
	for _, c := range totals.Series {
		sums.rows.add(c.Key, row{Counters: c.Counters})
	}
	out = append(out, healthSamples(sums.sums(own, false), m.docker, false)...)
	for _, metric := range singleMetrics() {
		if metric.total != nil {
			if value, known := metric.total(a); known {
				out = append(out, export.Sample{Metric: metric.name, Unit: metric.unit, Counter: true, Cluster: own, Value: value})
			}
		} else if value, known := metric.of(m); known {
			out = append(out, export.Sample{Metric: metric.name, Unit: metric.unit, Cluster: own, Value: value})
		}
	}
	if m.limits.Pressure.Known {
		out = append(out, export.Sample{Metric: "HostMemoryPressure", Unit: metrics.UnitPercent, Cluster: own, Value: m.limits.Pressure.Percent})
	}
	for key, of := range m.limits.Services {
		for name, s := range map[string]limits.Share{"MemoryUsed": of.Memory, "CPUThrottled": of.Throttled} {
			if s.Known && key.Service != "" {
				out = append(out, export.Sample{Metric: name, Unit: metrics.UnitPercent, Cluster: clusterName(key.Cluster), Service: key.Service,
					Value: s.Percent})
			}
		}
	}
	return out
}

// healthSamples returns the gauges or the counters of a cluster and its services.
func healthSamples(sums rows, docker, gauges bool) (out []export.Sample) {
	for key, r := range sums {
		for _, metric := range healthMetrics() {
			if metric.gauge == gauges && (docker || !gauges) {
				out = append(out, export.Sample{Metric: metric.name, Unit: metrics.UnitCount, Counter: !gauges, Cluster: key.Cluster,
					Service: key.Service, Value: float64(metric.of(r))})
			}
		}
	}
	return out
}

// facts returns the facts about an instance that an operator of a large fleet needs first.
func (a *Agent) facts(now time.Time) map[string]string {
	s := a.state(now)
	facts := map[string]string{
		"Version": a.Version, "Cluster": a.shared.clusterName(), "ContainerInstanceArn": s.Registration.ARN, "Verdict": string(s.Verdict(now)),
		"Registration": s.Registration.State, "Running": strconv.Itoa(s.Docker.Running), "Leaving": s.Leaving,
		"Written": now.UTC().Format(time.RFC3339),
	}
	for _, p := range s.Problems(now) {
		facts["Problem"], facts["ProblemId"] = p.Text, p.ID
		break
	}
	if len(s.Recent) > 0 {
		facts["LastEvent"] = s.Recent[0].At.UTC().Format(time.RFC3339) + " " + s.Recent[0].Kind + ": " + s.Recent[0].Text
	}
	return facts
}
