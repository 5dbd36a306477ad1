package containers

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"muster/internal/host/dockerapi"
)

// truth is the real state of a container.
type truth struct {
	running   bool
	health    string
	startedAt time.Time
	code      int
	intended  bool
}

// engine generates a random history of containers, and knows their real state.
type engine struct {
	*scene
	random *rand.Rand
	really map[string]*truth
	events []dockerapi.Event
	exits  int
	stops  int
	crash  int
}

func (e *engine) emit(id, action string, more ...func(*dockerapi.Event)) {
	e.now = e.now.Add(time.Microsecond)
	e.events = append(e.events, e.makes(id, action, more...))
}

func (e *engine) start(id string, c *truth) {
	c.running, c.startedAt, c.health, c.intended = true, e.now, "starting", false
	e.emit(id, "start")
}

// step makes one random change.
func (e *engine) step() {
	id := fmt.Sprint("c", e.random.IntN(6))
	c := e.really[id]
	switch n := e.random.IntN(10); {
	case c == nil:
		c = &truth{}
		e.really[id] = c
		e.start(id, c)
	case !c.running && n < 3:
		delete(e.really, id)
		e.emit(id, "destroy")
	case !c.running:
		e.start(id, c)
	case n < 2:
		e.emit(id, "kill", signal(15))
		e.die(id, c, 143)
		e.stops++
	case n < 4:
		e.die(id, c, 1)
		e.crash++
	case c.health != "healthy" && n < 7:
		c.health = "healthy"
		e.emit(id, "health_status", health("healthy"))
	case c.health != "unhealthy":
		c.health = "unhealthy"
		e.emit(id, "health_status", health("unhealthy"))
	}
	if c := e.really[id]; c != nil {
		e.inspect[id] = &dockerapi.Inspection{
			Running:    c.running,
			Health:     c.health,
			Checked:    true,
			ExitCode:   c.code,
			StartedAt:  c.startedAt,
			StopSignal: 15,
		}
	} else {
		delete(e.inspect, id)
	}
}

func (e *engine) die(id string, c *truth, status int) {
	c.running, c.code = false, status
	e.exits++
	e.emit(id, "die", code(status))
}

// deliver sends the events with duplicates and slightly out of order. With lose, it drops some of them.
func (e *engine) deliver(lose bool) {
	events := e.events
	e.events = nil
	for i := range events {
		if j := i + e.random.IntN(3); j < len(events) {
			events[i], events[j] = events[j], events[i]
		}
	}
	for _, event := range events {
		if lose && e.random.IntN(4) == 0 {
			continue
		}
		for range 1 + e.random.IntN(2) {
			e.m.event(e.now, event)
		}
	}
	e.passes(settle)
}

// lists sends a list of the real state, including exited containers.
func (e *engine) listsTruth() {
	var list []dockerapi.Summary
	for id, c := range e.really {
		state, h := "exited", ""
		if c.running {
			state, h = "running", c.health
		}
		list = append(list, listed(id, state, h))
	}
	e.lists(list...)
	e.passes(taskEnds + time.Second)
}

// play runs a history. If events were lost, the state must be correct after the next list. Without loss, each exit must
// also be counted with its reason.
func play(t *testing.T, seed uint64, lose bool) {
	e := &engine{scene: newScene(t), random: rand.New(rand.NewPCG(seed, 1)), really: map[string]*truth{}}
	e.lists()
	for range 40 {
		for range 1 + e.random.IntN(8) {
			e.step()
		}
		e.deliver(lose)
		if e.random.IntN(4) == 0 {
			e.listsTruth()
		}
	}
	e.listsTruth()
	e.passes(stopLasts) // a container that is being stopped may be unhealthy that long
	e.listsTruth()
	e.assertTruth(t, seed)
	if want := fmt.Sprintf(" crashes=%d exits=%d", e.crash, e.exits); !lose {
		var all Counters
		for _, c := range e.m.totals().Series {
			all.Add(c.Counters)
		}
		if got := fmt.Sprintf(" crashes=%d exits=%d", all.Crashes, all.Exits); got != want || all.Stops != e.stops {
			t.Errorf("seed %d: counted%s stops=%d, want%s stops=%d", seed, got, all.Stops, want, e.stops)
		}
	}
	if len(e.m.items) > 0 || len(e.m.known) > remembered || len(e.m.tasks) > len(e.really) {
		t.Errorf("seed %d: left %d items, %d known, %d tasks", seed, len(e.m.items), len(e.m.known), len(e.m.tasks))
	}
}

// assertTruth compares the known containers with the real ones.
func (e *engine) assertTruth(t *testing.T, seed uint64) {
	t.Helper()
	if len(e.m.containers) != len(e.really) {
		t.Errorf("seed %d: knows %d containers of %d", seed, len(e.m.containers), len(e.really))
	}
	for id, want := range e.really {
		got := e.m.containers[id]
		if got == nil || got.running != want.running || want.running && got.health != Health(want.health) ||
			got.sick.IsZero() == (want.health == "unhealthy") && want.running && want.health != "starting" {
			t.Errorf("seed %d: %s is %+v, in truth %+v", seed, id, got, want)
		}
	}
}

func TestWhateverIsLostTheStateIsTheTruthInTheEnd(t *testing.T) {
	for seed := range uint64(100) {
		play(t, seed, false)
		play(t, seed, true)
	}
}

func FuzzInterleavings(f *testing.F) {
	f.Add(uint64(1), true)
	f.Add(uint64(2), false)
	f.Fuzz(play)
}
