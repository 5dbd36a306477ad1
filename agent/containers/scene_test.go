package containers

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"muster/internal/host/dockerapi"
)

// scene is a machine with the Engine's responses and two clocks.
type scene struct {
	t        *testing.T
	m        *machine
	now      time.Time // the machine's clock
	skew     time.Duration
	inspect  map[string]*dockerapi.Inspection
	services map[string]TaskInfo
	asked    int
	said     []string
	reasons  []string
}

func newScene(t *testing.T) *scene {
	return &scene{t: t, m: newMachine(), now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		inspect: map[string]*dockerapi.Inspection{}, services: map[string]TaskInfo{}}
}

// ecs returns the labels of container n of a task.
func ecs(task, n string) map[string]string {
	return map[string]string{dockerapi.LabelCluster: "prod", dockerapi.LabelTask: "arn:" + task, dockerapi.LabelContainer: n,
		dockerapi.LabelFamily: "grid", dockerapi.LabelRevision: "7"}
}

// happens sends an event of a container in its own task, and advances the clock by one millisecond.
func (s *scene) happens(id, action string, more ...func(*dockerapi.Event)) {
	s.m.event(s.now, s.makes(id, action, more...))
	s.passes(time.Millisecond)
}

func (s *scene) makes(id, action string, more ...func(*dockerapi.Event)) dockerapi.Event {
	e := dockerapi.Event{Action: action, ID: id, Name: "/" + id, Labels: ecs("t-"+id, "node"), Time: s.now.Add(s.skew)}
	for _, change := range more {
		change(&e)
	}
	return e
}

func code(n int) func(*dockerapi.Event)      { return func(e *dockerapi.Event) { e.ExitCode = n } }
func signal(n int) func(*dockerapi.Event)    { return func(e *dockerapi.Event) { e.Signal = n } }
func health(h string) func(*dockerapi.Event) { return func(e *dockerapi.Event) { e.Health = h } }
func labels(l map[string]string) func(*dockerapi.Event) {
	return func(e *dockerapi.Event) { e.Labels = l }
}

// passes advances the clock by d. Everything that becomes due is done, and every request gets its response.
func (s *scene) passes(d time.Duration) {
	end := s.now.Add(d)
	for {
		s.m.advance(s.now)
		s.answer()
		for t, ok := s.m.pop(); ok; t, ok = s.m.pop() {
			s.reasons = append(s.reasons, t.Detail)
			s.said = append(s.said, fmt.Sprintf("%s %s %d", t.Kind, t.Container.ID, t.ExitCode))
		}
		at, ok := s.m.due()
		if !ok || at.After(end) {
			s.now = end
			return
		}
		if at.After(s.now) {
			s.now = at
		}
	}
}

func (s *scene) answer() {
	for _, a := range s.m.asks {
		s.asked++
		found := s.inspect[a.id]
		if found != nil {
			copied := *found
			found = &copied
		}
		s.m.answer(s.now, func(m *machine, now time.Time) { m.inspected(now, a, found) })
	}
	for _, l := range s.m.lookups {
		s.m.answer(s.now, func(m *machine, now time.Time) { m.answered(now, l.TaskARN, s.services[l.TaskARN]) })
	}
	s.m.asks, s.m.lookups = nil, nil
}

// lists requests a list and delivers it immediately.
func (s *scene) lists(list ...dockerapi.Summary) {
	s.m.answer(s.now, (*machine).listing)
	s.m.answer(s.now, func(m *machine, now time.Time) { m.reconcile(now, list) })
	s.passes(settle)
}

func (s *scene) loses() {
	s.m.answer(s.now, func(m *machine, now time.Time) { m.lost(now, "gone", "") })
	s.passes(settle)
}

func listed(id, state, h string) dockerapi.Summary {
	return dockerapi.Summary{ID: id, Name: id, Labels: ecs("t-"+id, "node"), State: state, Health: h}
}

// counted returns the sum over all series as text, without zero counts.
func (s *scene) counted() string {
	var all Counters
	for _, c := range s.m.totals().Series {
		all.Add(c.Counters)
	}
	text := ""
	named := map[string]int{
		"exits":     all.Exits,
		"stops":     all.Stops,
		"crashes":   all.Crashes,
		"ooms":      all.OOMKills,
		"child":     all.ChildOOMs,
		"restarts":  all.Restarts,
		"sick":      all.UnhealthyEnds,
		"sicktasks": all.TaskUnhealthyEnds,
	}
	for _, name := range slices.Sorted(maps.Keys(named)) {
		if n := named[name]; n != 0 {
			text += fmt.Sprintf(" %s=%d", name, n)
		}
	}
	return text
}

func (s *scene) want(counted string, said ...string) {
	s.t.Helper()
	if !slices.Equal(s.said, said) {
		s.t.Errorf("said %q, want %q", s.said, said)
	}
	if got := s.counted(); got != counted {
		s.t.Errorf("counted%s, want%s", got, counted)
	}
}
