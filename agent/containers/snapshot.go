package containers

import (
	"cmp"
	"slices"
	"time"
)

// Snapshot is how things are now, for a person.
type Snapshot struct {
	Docker    bool      // it answers
	Why       string    // of its loss
	Limit     string    // what this process lacks to ask; whether Docker answers is then unknown
	Since     time.Time // it was lost or regained; zero if neither
	Events    Stream    // of Docker's events, while it does not work
	Listed    time.Time // the last full look; zero before the first
	Running   int
	Unhealthy []Identity
	Looping   []Identity // the last container of each crash loop
	Ignored   []Identity // with a check that ECS does not honor
	Dropped   int        // transitions that were never received
}

// Stream is an event stream that ends as soon as it begins. The zero Stream works.
type Stream struct {
	Since    time.Time
	Why      string
	Failures int // in a row
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
