package containers

import (
	"hash/maphash"
	"slices"
	"time"

	"muster/internal/host/dockerapi"
)

const (
	// settle is how long an event waits for earlier events that arrive later.
	settle = 250 * time.Millisecond
	// overtaken is the maximum time difference at which an event is sorted before others. With a larger difference, the
	// clock was changed.
	overtaken = 5 * time.Second
	// maxQueued limits the memory that a burst of events takes. With more events, they wait less.
	maxQueued = 4096
	// remembered is how many events are remembered to detect duplicates. It is more than the 256 that the Engine can
	// send again.
	remembered = 1024
)

// item is an entry of the queue: an event, or a response of the Engine.
type item struct {
	arrived time.Time
	event   dockerapi.Event
	apply   func(*machine, time.Time) // applies a response; nil for an event
}

// queue sorts events by time and drops duplicates. Responses keep their position between the events.
type queue struct {
	items []item
	seed  maphash.Seed
	known map[uint64]struct{}
	ring  [remembered]uint64
	next  int
}

func newQueue() queue { return queue{seed: maphash.MakeSeed(), known: map[uint64]struct{}{}} }

// event inserts an event before later events, unless it is a duplicate.
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
	if at+1 < len(q.items) { // do not delay the events behind it
		q.items[at].arrived = q.items[at+1].arrived
	}
}

// repeated also compares the time, which the Engine reports in nanoseconds.
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

// waits reports whether an event with this action is queued for the container, which means that it has already
// happened.
func (q *queue) waits(id, action string) bool {
	return slices.ContainsFunc(q.items, func(it item) bool {
		return it.apply == nil && it.event.ID == id && it.event.Action == action
	})
}

func (q *queue) answer(now time.Time, apply func(*machine, time.Time)) {
	q.items = append(q.items, item{arrived: now, apply: apply})
}

// due returns when the first item can be applied.
func (q *queue) due() (time.Time, bool) {
	if len(q.items) == 0 {
		return time.Time{}, false
	}
	if len(q.items) > maxQueued {
		return q.items[0].arrived, true
	}
	return q.items[0].arrived.Add(settle), true
}

// settled removes and returns the first item, if it is due.
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
