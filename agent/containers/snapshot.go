package containers

import (
	"cmp"
	"slices"
	"time"
)

// Snapshot is the current state, for display.
type Snapshot struct {
	Docker    bool      // the Engine responds
	Why       string    // the reason of an outage
	Limit     string    // the limit of this process that prevents requests; Docker's state is then unknown
	Since     time.Time // start or end of the last outage; zero if there was none
	Events    Stream    // Docker's event stream, if it does not work
	Listed    time.Time // time of the last list; zero before the first
	Running   int
	Unhealthy []Identity
	Looping   []Identity // the last container of each crash loop
	Ignored   []Identity // containers with a health check that ECS does not honor
	Dropped   int        // transitions that no consumer received
}

// Stream describes an event stream that ends as soon as it begins. The zero Stream describes one that works.
type Stream struct {
	Since    time.Time
	Why      string
	Failures int // consecutive
}

func (m *machine) snapshot() Snapshot {
	s := Snapshot{Docker: m.based && !m.away, Since: m.changed, Listed: m.listed, Events: m.stream, Dropped: m.dropped}
	if m.away {
		s.Why, s.Limit = m.why, m.limit
	}
	for _, c := range m.containers {
		if !c.running || c.paused {
			continue
		}
		s.Running++
		if c.health == Unhealthy {
			s.Unhealthy = append(s.Unhealthy, c.named())
		}
		if c.ignored() {
			s.Ignored = append(s.Ignored, c.named())
		}
	}
	for _, l := range m.loops {
		if l.on {
			s.Looping = append(s.Looping, l.last.named())
		}
	}
	for _, list := range [][]Identity{s.Unhealthy, s.Looping, s.Ignored} {
		slices.SortFunc(list, func(a, b Identity) int {
			return cmp.Or(
				cmp.Compare(a.Cluster, b.Cluster),
				cmp.Compare(a.Service, b.Service),
				cmp.Compare(a.Name, b.Name),
				cmp.Compare(a.ID, b.ID),
			)
		})
	}
	return s
}
