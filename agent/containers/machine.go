package containers

import (
	"slices"
	"time"

	"muster/internal/base/arn"
	"muster/internal/host/dockerapi"
)

// machine holds the state of all containers and evaluates their events. It does no I/O and reads no clock: callers pass
// now, which must never go back. It uses the Engine's timestamps only to sort events.
type machine struct {
	queue
	outbox
	containers map[string]*container
	tasks      map[string]*task // by ARN
	loops      map[role]*loop
	counters   map[Key]*Counters

	touched  map[string]struct{} // containers with an event since the last list request; nil if no request is pending
	based    bool                // a list was received, so unknown containers are new
	away     bool                // Docker does not respond
	outage   int                 // number of outages
	survived int                 // the last outage that a container survived
	gap      bool                // events may have been lost since the last list
	why      string              // reason of the outage
	limit    string              // the limit of this process that prevents requests, if that is the reason
	stream   Stream
	own      arn.Owner
	changed  time.Time // start or end of the last outage
	listed   time.Time // time of the last list, as passed in now

	timers  []timer // sorted by time
	asks    []ask
	lookups []Lookup
}

type timer struct {
	at   time.Time
	fire func(now time.Time)
}

// ask is a pending inspection. events is the container's event count at the time of the request.
type ask struct {
	id     string
	events int
}

// container is the state of one container.
type container struct {
	Identity
	task    *task
	created bool // the create event was seen, the start event was not
	running bool
	paused  bool
	health  Health
	checked bool      // it has a HEALTHCHECK
	sick    time.Time // since when it is reported as unhealthy; zero if it is not
	events  int
	asked   bool // an inspection is pending

	begun    time.Time // time of the observed start or creation; zero if it was before the first list
	starts   int       // number of observed starts
	started  time.Time // StartedAt of an inspection since the start; zero until then
	restarts int       // restarts by Docker's restart policy, from an inspection
	finished time.Time // by the Engine's clock
	failed   bool      // the last exit was not requested

	stopSignal int       // from an inspection; 0 until then
	stop       time.Time // when a stop signal was sent
	signal     int       // the last signal that may be the container's own stop signal
	oomed      time.Time // when one of its processes was killed because memory ran out
	ooms       int       // kills that are not evaluated yet
	saidAt     time.Time // time of the last child-oom transition
	exit       *exit     // an exit without a verdict; nil if there is none
}

func newMachine() *machine {
	return &machine{queue: newQueue(), containers: map[string]*container{}, loops: map[role]*loop{},
		tasks: map[string]*task{}, counters: map[Key]*Counters{}}
}

// due returns when advance must be called next.
func (m *machine) due() (time.Time, bool) {
	at, ok := m.queue.due()
	if len(m.timers) > 0 && (!ok || m.timers[0].at.Before(at)) {
		return m.timers[0].at, true
	}
	return at, ok
}

// advance applies all events and timers that are due.
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

// named returns the container's identity with the service, if it is known by now.
func (c *container) named() Identity {
	id := c.Identity
	id.Service = c.task.Service
	return id
}

// want requests an inspection, unless one is pending.
func (m *machine) want(c *container) {
	if !c.asked {
		c.asked = true
		m.asks = append(m.asks, ask{c.ID, c.events})
	}
}

// apply applies an event. Events must be applied in the order in which they happened.
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

// discover adds the container of an event whose container is unknown. Every event except creation, start and
// destruction means that the container is running.
func (m *machine) discover(e dockerapi.Event) *container {
	switch e.Action {
	case dockerapi.ActionDestroy, dockerapi.ActionStop, dockerapi.ActionRename:
		return nil // the next list contains the container if it exists
	}
	c := m.add(identify(e.ID, e.Name, e.Labels))
	if c != nil && e.Action != dockerapi.ActionStart && e.Action != dockerapi.ActionCreate {
		c.running = true
		m.want(c)
	}
	return c
}

// add adds a container. It returns nil for one of the ECS agent's own containers.
func (m *machine) add(id Identity) *container {
	if id.Internal() {
		return nil
	}
	if id.TaskARN != "" && m.own.Foreign(id.TaskARN, "task") != "" {
		id = Identity{ID: id.ID, Name: id.Name} // another program than the ECS agent set the labels
	}
	c := &container{Identity: id, task: m.task(id.TaskARN), health: NoCheck}
	m.containers[id.ID] = c
	c.task.containers++
	return c
}
