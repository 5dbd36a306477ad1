package containers

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"muster/internal/host/dockerapi"
)

// ECS does not answer before the end: the crash must not be lost.
func TestWhatWaitsForItsServiceIsCountedByFamily(t *testing.T) {
	m, now := newMachine(), time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, e := range []dockerapi.Event{{Action: dockerapi.ActionStart}, {Action: dockerapi.ActionDie, ExitCode: 3}} {
		e.ID, e.Labels, e.Time = "c", ecs("t", "node"), now
		m.event(now, e)
		now = now.Add(time.Minute)
		m.advance(now)
	}
	if early := m.totals().Series; len(early) != 0 {
		t.Errorf("counted before the service is known: %+v", early)
	}
	m.countByFamily(now)
	want := []Counts{{Key: Key{"prod", "grid", "node"}, Counters: Counters{Exits: 1, Crashes: 1}}}
	if diff := cmp.Diff(want, m.totals().Series); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	m.answered(now, "arn:t", TaskInfo{Service: "web"})
	if diff := cmp.Diff(want, m.totals().Series); diff != "" {
		t.Errorf("a late answer counts again (-want +got):\n%s", diff)
	}
}
