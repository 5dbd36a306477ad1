package agent

import (
	"maps"
	"os"
	"slices"
	"time"

	"muster/agent/agentstate"
	"muster/agent/containers"
	"muster/agent/registration"
	"muster/internal/base/crashloop"
)

// writeState writes the state file for muster status. A failure is logged once.
func (a *Agent) writeState() {
	err := a.state(time.Now()).Write(a.Settings.Path(a.Settings.AgentState))
	if err != nil && !a.loop.stateFailureLogged {
		a.Log.Warn("muster status has no current state: "+err.Error(), "phase", "state")
	}
	a.loop.stateFailureLogged = err != nil
}

func (a *Agent) state(now time.Time) agentstate.State {
	seen := a.Containers.Snapshot()
	s := agentstate.State{
		Version:      a.Version,
		PID:          os.Getpid(),
		InstanceID:   a.InstanceID,
		Started:      a.loop.started,
		Written:      now,
		Cycled:       a.loop.cycled,
		Period:       int(a.Settings.WatchPeriod.Seconds()),
		Registration: registrationState(a.loop.registration),
		Leaving:      a.loop.departure.Text,
		Waiting:      a.Waits.List(),
		Docker:       dockerState(seen),
		Services:     []agentstate.Service{},
		Unhealthy:    listed(seen.Unhealthy, "its health check fails"),
		CrashLoops:   listed(seen.Looping, crashloop.Says()),
		Publishing:   a.publishing(),
		Events:       a.events(),
		Gate:         a.gateState(),
		Self:         agentstate.Self{RSS: memory(), CPU: cpu(), Calls: a.Calls()},
	}
	for _, o := range a.loop.orphans.now[:min(len(a.loop.orphans.now), agentstate.Most)] {
		s.Orphans = append(s.Orphans, listed([]containers.Identity{o.Container}, o.Why)...)
	}
	addServices(&s, a.Containers.Totals())
	s.Recent, s.LastProblem = a.shared.recentEvents()
	return s
}

func dockerState(seen containers.Snapshot) agentstate.Docker {
	d := agentstate.Docker{
		Reachable: seen.Docker,
		Since:     seen.Since,
		Why:       seen.Why,
		Limit:     seen.Limit,
		Running:   seen.Running,
		Unhealthy: len(seen.Unhealthy),
	}
	if e := seen.Events; e.Failures > 0 {
		d.Events = &agentstate.Stream{Since: e.Since, Why: e.Why, Failures: e.Failures}
	}
	return d
}

// addServices adds the container counts of each service.
func addServices(s *agentstate.State, totals containers.Totals) {
	services := rows{}
	for _, c := range totals.Series {
		s.Docker.Healthy += c.Healthy
		s.Docker.Starting += c.Starting
		if c.Gauges != (containers.Gauges{}) {
			services.add(containers.Key{Cluster: c.Cluster, Service: c.Service}, row{Gauges: c.Gauges})
		}
	}
	for _, key := range slices.SortedFunc(maps.Keys(services), containers.Key.Compare) {
		if r := services[key]; len(s.Services) < agentstate.Most {
			s.Services = append(s.Services, agentstate.Service{Cluster: clusterName(key.Cluster), Name: clip(key.Service),
				Running: r.Running, Healthy: r.Healthy, Unhealthy: r.Unhealthy, Starting: r.Starting})
		}
	}
}

func registrationState(r registration.Snapshot) agentstate.Registration {
	out := agentstate.Registration{State: string(r.State), Since: r.Since, Why: r.Why, Cluster: clusterName(r.Cluster), ARN: r.ARN,
		Status: r.ECS.Status, Asked: r.ECS.At, Trouble: r.ECS.Trouble, Answered: r.Answered, Silent: r.Silent}
	if r.ECS.Known() {
		out.Connected = &r.ECS.Connected
		out.Health, out.HealthDetail = r.ECS.Health, r.ECS.HealthDetail
	}
	return out
}

func listed(ids []containers.Identity, why string) []agentstate.Container {
	out := []agentstate.Container{}
	for _, id := range ids[:min(len(ids), agentstate.Most)] {
		out = append(out, agentstate.Container{Name: called(id), ID: id.ID[:min(len(id.ID), 12)], Why: why})
	}
	return out
}

func (a *Agent) publishing() agentstate.Publishing {
	if a.Publisher == nil {
		return agentstate.Publishing{}
	}
	is := a.Publisher.Stats()
	return agentstate.Publishing{
		Namespace: a.Settings.Namespace, Sent: is.Sent, LastSent: is.LastSent, Failing: is.Failing, Why: is.Why,
		Waiting: is.Minutes, Bytes: is.Bytes, Dropped: dropped(is), Overdue: is.Overdue, Cause: string(is.Cause),
	}
}

func (a *Agent) events() agentstate.Events {
	is := a.Announcer.Stats()
	return agentstate.Events{Bus: a.Settings.EventBus, Sent: is.Sent, Dropped: is.Dropped}
}
