package containers

import (
	"hash/maphash"
	"slices"
	"time"

	"muster/internal/host/dockerapi"
)

const (
	// settle is how long an event waits for others that it overtook.
	settle = 250 * time.Millisecond
	// overtaken bounds by how much an event is taken for an earlier one that comes
	// late. Past it, the clock was set.
	overtaken = 5 * time.Second
	// maxQueued bounds the memory of a storm; over it, events wait less.
	maxQueued = 4096
	// remembered is how many events are known again when they are repeated: more than
	// the Engine itself can repeat, which keeps 256.
	remembered = 1024
)

// item is one thing to apply: an event, or what the Engine said when asked.
type item struct {
	arrived time.Time
	event   dockerapi.Event
	apply   func(*machine, time.Time) // of an answer; nil of an event
}

// queue puts events in the order in which they happened, each once. Answers keep
// their place between them.
type queue struct {
	items []item
	seed  maphash.Seed
	known map[uint64]struct{}
	ring  [remembered]uint64
	next  int
}

func newQueue() queue { return queue{seed: maphash.MakeSeed(), known: map[uint64]struct{}{}} }

// event adds an event, unless it is known. It goes before those that happened after
// it.
func (q *queue) event(now time.Time, e dockerapi.Event) {
	if q.repeated(e) {
		return
	}
	at := len(q.items)
	for ; at > 0; at-- {
		before := q.items[at-1]
		if late := before.event.Time.Sub(e.Time); before.apply != nil || late <= 0 || late > overtaken {
			break
		}
	}
	q.items = append(q.items, item{})
	copy(q.items[at+1:], q.items[at:])
	q.items[at] = item{arrived: now, event: e}
	if at+1 < len(q.items) { // it must not hold up those that were here
		q.items[at].arrived = q.items[at+1].arrived
	}
}

// repeated compares the moment too, which the Engine gives to the nanosecond.
func (q *queue) repeated(e dockerapi.Event) bool {
	type key struct {
		id, action, health string
		time               int64
	}
	sum := maphash.Comparable(q.seed, key{e.ID, e.Action, e.Health, e.Time.UnixNano()})
	if _, ok := q.known[sum]; ok {
		return true
	}
	delete(q.known, q.ring[q.next])
	q.known[sum], q.ring[q.next] = struct{}{}, sum
	q.next = (q.next + 1) % remembered
	return false
}

// waits reports whether an event of a container is queued: it has happened already.
func (q *queue) waits(id, action string) bool {
	return slices.ContainsFunc(q.items, func(it item) bool {
		return it.apply == nil && it.event.ID == id && it.event.Action == action
	})
}

func (q *queue) answer(now time.Time, apply func(*machine, time.Time)) {
	q.items = append(q.items, item{arrived: now, apply: apply})
}

// due is when the first item has settled.
func (q *queue) due() (time.Time, bool) {
	if len(q.items) == 0 {
		return time.Time{}, false
	}
	if len(q.items) > maxQueued {
		return q.items[0].arrived, true
	}
	return q.items[0].arrived.Add(settle), true
}

// settled takes out what is due, in order, one at a time.
func (q *queue) settled(now time.Time) (it item, ok bool) {
	if at, some := q.due(); !some || now.Before(at) {
		return item{}, false
	}
	it, q.items[0] = q.items[0], item{}
	if q.items = q.items[1:]; len(q.items) == 0 {
		q.items = nil
	}
	return it, true
}
