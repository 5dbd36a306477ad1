package containers

import (
	"slices"
	"time"

	"muster/internal/base/arn"
	"muster/internal/host/dockerapi"
)

// machine holds what is known of the containers, and draws the conclusions. It does
// no I/O and reads no clock: now is given, and must never go back. What the Engine's
// clock says is used for the order of events alone.
type machine struct {
	queue
	outbox
	containers map[string]*container
	tasks      map[string]*task // by ARN
	loops      map[role]*loop
	counters   map[Key]*Counters

	touched  map[string]struct{} // by an event since the list was asked for; nil unless it was
	based    bool                // a list was seen: what is new from now on is new
	away     bool                // Docker is lost
	outage   int                 // counts the losses
	survived int                 // the last loss that a container survived
	gap      bool                // it was since the last list
	why      string              // of the loss
	limit    string              // what this process lacks to ask, if that is why
	stream   Stream
	own      arn.Owner
	changed  time.Time // when Docker was lost or regained
	listed   time.Time // the last list, as of now

	timers  []timer // the next one first
	asks    []ask
	lookups []Lookup
}

type timer struct {
	at   time.Time
	fire func(now time.Time)
}

// ask is a wish for an inspection. events is how many the container had by then.
type ask struct {
	id     string
	events int
}

// container is what is known of one.
type container struct {
	Identity
	task    *task
	created bool // seen to be created, and not started yet
	running bool
	paused  bool
	health  Health
	checked bool      // has a HEALTHCHECK
	sick    time.Time // since when it is reported as unhealthy; zero: it is not
	events  int
	asked   bool // an inspection is on its way

	begun    time.Time // its start, or creation, as seen; zero: before the first list
	starts   int       // as seen
	started  time.Time // as inspected since; zero until then
	restarts int       // by Docker's restart policy, as inspected
	finished time.Time // by the Engine's clock
	failed   bool      // its last exit was not requested

	stopSignal int       // as inspected; 0 until then
	stop       time.Time // when it was sent a signal that stops
	signal     int       // the last signal that may be its own for stopping
	oomed      time.Time // when a process in it was killed for memory
	ooms       int       // not evaluated yet
	saidAt     time.Time // the last child-oom
	exit       *exit     // not evaluated yet
}

func newMachine() *machine {
	return &machine{queue: newQueue(), containers: map[string]*container{}, loops: map[role]*loop{},
		tasks: map[string]*task{}, counters: map[Key]*Counters{}}
}

// due is when advance should be called next.
func (m *machine) due() (time.Time, bool) {
	at, ok := m.queue.due()
	if len(m.timers) > 0 && (!ok || m.timers[0].at.Before(at)) {
		return m.timers[0].at, true
	}
	return at, ok
}

// advance applies what is due.
func (m *machine) advance(now time.Time) {
	for it, ok := m.settled(now); ok; it, ok = m.settled(now) {
		if it.apply != nil {
			it.apply(m, now)
		} else {
			m.apply(now, it.event)
		}
	}
	for len(m.timers) > 0 && !now.Before(m.timers[0].at) {
		fire := m.timers[0].fire
		m.timers[0] = timer{}
		m.timers = m.timers[1:]
		fire(now)
	}
}

func (m *machine) at(at time.Time, fire func(now time.Time)) {
	i, _ := slices.BinarySearchFunc(m.timers, at, func(t timer, at time.Time) int { return t.at.Compare(at) })
	m.timers = slices.Insert(m.timers, i, timer{at, fire})
}

func (m *machine) say(now time.Time, kind Kind, c *container, code int, detail string) {
	m.put(Transition{At: now, Kind: kind, Container: c.named(), ExitCode: code, Detail: detail})
}

// named is its identity with what is known of its service by now.
func (c *container) named() Identity {
	id := c.Identity
	id.Service = c.task.Service
	return id
}

// want asks for an inspection, one at a time.
func (m *machine) want(c *container) {
	if !c.asked {
		c.asked = true
		m.asks = append(m.asks, ask{c.ID, c.events})
	}
}

// apply takes an event in the order in which it happened.
func (m *machine) apply(now time.Time, e dockerapi.Event) {
	if m.touched != nil {
		m.touched[e.ID] = struct{}{}
	}
	c := m.containers[e.ID]
	if c == nil {
		if c = m.discover(e); c == nil {
			return
		}
	}
	c.events++
	switch e.Action {
	case dockerapi.ActionCreate:
		m.create(now, c)
	case dockerapi.ActionStart:
		m.start(now, c)
	case dockerapi.ActionDie:
		m.die(now, c, e)
	case dockerapi.ActionDestroy:
		m.remove(now, c)
	case dockerapi.ActionRename:
		c.Name = e.Name
	default:
		if c.running {
			m.live(now, c, e)
		}
	}
}

// discover adds the container of an event that is not known. All but its start and
// destruction happen to a running one only.
func (m *machine) discover(e dockerapi.Event) *container {
	switch e.Action {
	case dockerapi.ActionDestroy, dockerapi.ActionStop, dockerapi.ActionRename:
		return nil // the next list has it, if there is one
	}
	c := m.add(identify(e.ID, e.Name, e.Labels))
	if c != nil && e.Action != dockerapi.ActionStart && e.Action != dockerapi.ActionCreate {
		c.running = true
		m.want(c)
	}
	return c
}

// add is nil for the ECS agent's own containers.
func (m *machine) add(id Identity) *container {
	if id.Internal() {
		return nil
	}
	if id.TaskARN != "" && m.own.Foreign(id.TaskARN, "task") != "" {
		id = Identity{ID: id.ID, Name: id.Name} // labelled by somebody else than the ECS agent
	}
	c := &container{Identity: id, task: m.task(id.TaskARN), health: NoCheck}
	m.containers[id.ID] = c
	c.task.containers++
	return c
}
