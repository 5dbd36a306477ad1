package containers

import (
	"cmp"
	"time"

	"muster/internal/host/dockerapi"
)

// listing records that a list is being requested. Events from now on are newer than the list.
func (m *machine) listing(time.Time) { m.touched = map[string]struct{}{} }

// reconcile applies a list to find changes whose events were missed. The first list is the baseline: containers that
// have exited by then are not counted.
func (m *machine) reconcile(now time.Time, list []dockerapi.Summary) {
	// A restart of dockerd ends containers, so their exit codes prove nothing. A broken event stream is not a restart:
	// exits between two lists are evaluated by their exit codes.
	gone := m.away || m.gap && (m.stream.Failures == 0 || now.Sub(m.listed) > shortGap)
	if m.away {
		m.away, m.changed, m.limit = false, now, ""
		m.put(Transition{At: now, Kind: DockerRegained, Detail: "Docker responds again"})
	}
	seen := make(map[string]struct{}, len(list))
	for _, s := range list {
		seen[s.ID] = struct{}{}
		if _, newer := m.touched[s.ID]; !newer {
			m.compare(now, s, gone)
		}
	}
	for id, c := range m.containers {
		_, listed := seen[id]
		if _, newer := m.touched[id]; !listed && !newer {
			m.remove(now, c)
		}
	}
	m.touched, m.based, m.gap, m.listed = nil, true, false, now
}

// shortGap is the maximum time between two lists at which an exit that only the second one shows is evaluated by its
// exit code.
const shortGap = 5 * time.Minute

// compare updates one container from the list. gone means that Docker itself may have ended the containers that have
// exited since the last list.
func (m *machine) compare(now time.Time, s dockerapi.Summary, gone bool) {
	c := m.containers[s.ID]
	fresh := c == nil
	if fresh {
		if c = m.add(identify(s.ID, s.Name, s.Labels)); c == nil {
			return
		}
	}
	c.Name, c.paused = cmp.Or(s.Name, c.Name), s.State == "paused"
	if fresh {
		m.appeared(now, c, s, gone)
	} else {
		m.moved(now, c, s, gone)
	}
	if !c.running {
		return
	}
	if s.Health != "" {
		m.setHealth(now, c, Health(s.Health))
	}
	if c.started.IsZero() || m.gap {
		m.want(c)
	}
}

// neverStarted is the state of a container that has not lived. One that has lived and does not run has exited.
const neverStarted = "created"

// appeared sets the state of a container that only the list shows.
func (m *machine) appeared(now time.Time, c *container, s dockerapi.Summary, gone bool) {
	switch {
	case s.Running():
		c.running, c.starts = true, 1
		if m.based {
			c.begun = now
		}
	case !m.based: // whatever ended before the first list is not counted
	case s.State == neverStarted:
		m.create(now, c)
	default:
		m.missedExit(now, c, gone)
	}
}

// moved applies a change of a known container that no event has shown.
func (m *machine) moved(now time.Time, c *container, s dockerapi.Summary, gone bool) {
	switch {
	case s.Running() && !c.running:
		m.start(now, c)
	case !s.Running() && c.running:
		m.missedExit(now, c, gone)
	case s.State == neverStarted && c.created:
		m.want(c) // ECS starts some containers late
	}
}

// missedExit counts an exit that a list has shown.
func (m *machine) missedExit(now time.Time, c *container, gone bool) {
	m.stopped(now, c)
	c.events++ // makes a pending inspection outdated
	m.exited(now, c, exit{found: true, outage: m.outageOf(gone)})
}

// inspected applies the result of an inspection. found is nil if it failed. Events since the request are newer than the
// result.
func (m *machine) inspected(now time.Time, a ask, found *dockerapi.Inspection) {
	c := m.containers[a.id]
	if c == nil {
		return
	}
	c.asked = false
	if found != nil {
		m.learn(now, c, a.events == c.events, found)
	}
	switch {
	case c.exit == nil || !c.exit.inspect:
	case a.events != c.events:
		m.want(c) // the inspection was requested before the exit
		return
	default:
		m.inspectedExit(now, c, found)
	}
	uri := ""
	if found != nil {
		uri = found.MetadataURI
	}
	m.lookUp(c, uri)
}

func (m *machine) learn(now time.Time, c *container, current bool, found *dockerapi.Inspection) {
	c.checked, c.stopSignal = found.Checked, found.StopSignal
	if current {
		m.failedStart(now, c, found)
	}
	if !current || !c.running || !found.Running {
		return
	}
	if c.started.Equal(found.StartedAt) {
		m.survived = m.outage
	} else if !c.started.IsZero() {
		missed := max(1, found.RestartCount-c.restarts) // missed exits, for an unknown reason
		m.count(c).Exits += missed
		m.count(c).Restarts += missed
	}
	if c.started.IsZero() && found.Due > 0 {
		m.awaitHealth(now, c, found.Due)
	}
	c.started, c.restarts = found.StartedAt, found.RestartCount
	m.setHealth(now, c, Health(found.Health))
}

// outageOf returns the number of the Docker outage to which an exit belongs that a list has shown.
func (m *machine) outageOf(gone bool) int {
	if gone {
		return max(1, m.outage)
	}
	return 0
}

// lost records that Docker does not respond.
func (m *machine) lost(now time.Time, why, limit string) {
	m.gap, m.why, m.limit, m.touched = true, why, limit, nil
	if !m.away {
		m.away, m.changed, m.outage = true, now, m.outage+1
		m.put(Transition{At: now, Kind: DockerLost, Detail: why})
	}
}
