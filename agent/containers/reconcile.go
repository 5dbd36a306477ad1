package containers

import (
	"cmp"
	"time"

	"muster/internal/host/dockerapi"
)

// listing notes that the list is asked for now: what events tell from here on is
// newer than what it will say.
func (m *machine) listing(time.Time) { m.touched = map[string]struct{}{} }

// reconcile makes good what events did not tell. The first list is where counting
// begins: what had ended by then had ended before.
func (m *machine) reconcile(now time.Time, list []dockerapi.Summary) {
	// A dockerd that restarts ends containers on its own account. A stream of events that
	// does not work is no restart: what ended between two lists is evaluated by its code.
	gone := m.away || m.gap && (m.stream.Failures == 0 || now.Sub(m.listed) > shortGap)
	if m.away {
		m.away, m.changed, m.limit = false, now, ""
		m.put(Transition{At: now, Kind: DockerRegained, Detail: "Docker answers again"})
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

// shortGap is how long ago a container may have been listed for an end that only the
// next list shows to be evaluated from its exit code.
const shortGap = 5 * time.Minute

// compare makes one container what the list says. gone means that Docker itself may
// have ended what has ended since the last list.
func (m *machine) compare(now time.Time, s dockerapi.Summary, gone bool) {
	c := m.containers[s.ID]
	fresh := c == nil
	if fresh {
		if c = m.add(identify(s.ID, s.Name, s.Labels)); c == nil {
			return
		}
	}
	lived := s.State != "created" // and so it exited, if it does not run
	c.Name, c.paused = cmp.Or(s.Name, c.Name), s.State == "paused"
	switch {
	case s.Running() && fresh:
		c.running, c.starts = true, 1
		if m.based {
			c.begun = now
		}
	case s.Running() && !c.running:
		m.start(now, c)
	case !s.Running() && (c.running || fresh && m.based && lived):
		m.stopped(now, c)
		c.events++ // for an inspection that is on its way
		m.exited(now, c, exit{found: true, outage: m.outageOf(gone)})
	case !lived && fresh && m.based:
		m.create(now, c)
	case !lived && c.created:
		m.want(c) // ECS starts some late
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

// inspected applies the result of an inspection, nil if it failed. Events since the
// request are newer than the result.
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
		m.want(c) // it was asked before the end
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
		missed := max(1, found.RestartCount-c.restarts) // for an unknown reason
		m.count(c).Exits += missed
		m.count(c).Restarts += missed
	}
	if c.started.IsZero() && found.Due > 0 {
		m.awaitHealth(now, c, found.Due)
	}
	c.started, c.restarts = found.StartedAt, found.RestartCount
	m.setHealth(now, c, Health(found.Health))
}

// outageOf is the outage of Docker to which an exit belongs that a list has shown.
func (m *machine) outageOf(gone bool) int {
	if gone {
		return max(1, m.outage)
	}
	return 0
}

// lost notes that Docker is out of reach.
func (m *machine) lost(now time.Time, why, limit string) {
	m.gap, m.why, m.limit, m.touched = true, why, limit, nil
	if !m.away {
		m.away, m.changed, m.outage = true, now, m.outage+1
		m.put(Transition{At: now, Kind: DockerLost, Detail: why})
	}
}
