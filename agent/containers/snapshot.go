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
	Since     time.Time // it was lost or regained; zero if neither
	Listed    time.Time // the last full look; zero before the first
	Running   int
	Unhealthy []Identity
	Looping   []Identity // the last container of each crash loop
	Ignored   []Identity // with a check that ECS does not heed
	Dropped   int        // transitions that nobody took
}

func (m *machine) snapshot() Snapshot {
	s := Snapshot{Docker: m.based && !m.away, Since: m.changed, Listed: m.listed, Dropped: m.dropped}
	if m.away {
		s.Why = m.why
	}
	for _, c := range m.containers {
		if !c.running {
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
			return cmp.Or(cmp.Compare(a.Cluster, b.Cluster), cmp.Compare(a.Service, b.Service), cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
		})
	}
	return s
}
