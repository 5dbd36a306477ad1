package containers

import (
	"slices"
	"time"
)

// Kind is the kind of a Transition.
type Kind string

// Kinds of Transition.
const (
	TurnedUnhealthy Kind = "unhealthy"
	Recovered       Kind = "recovered"       // healthy again after unhealthy, or gone
	OOM             Kind = "oom"             // the main process was killed because memory ran out
	ChildOOM        Kind = "child-oom"       // another process was killed, and the container keeps running; at most once a minute
	Crash           Kind = "crash"           // an unexpected exit or a failed start; not reported during a crash loop
	StartFailed     Kind = "start-failed"    // a container or a task did not start; not reported during a crash loop
	CrashLoop       Kind = "crash-loop"      // loopFailures of the same container of a family within loopWindow
	CrashLoopOver   Kind = "crash-loop-over" // no failure for a while
	DockerLost      Kind = "docker-lost"     // the Watcher has already logged it, as it does docker-regained
	DockerRegained  Kind = "docker-regained"
)

// Transition is a change that must be reported immediately.
type Transition struct {
	At        time.Time // when it was observed
	Kind      Kind
	Container Identity // zero for Docker's own; for a crash loop, the last container that exited
	ExitCode  int      // for crash, oom and crash-loop
	Detail    string   // one sentence
	Times     int      // 1, or more if several were combined for a slow consumer
}

const (
	foldAfter = 1024 // number of waiting transitions from which equal ones are combined
	maxOut    = 4096 // number of waiting transitions from which the oldest is dropped
)

// outbox holds the transitions that the consumer has not received yet.
type outbox struct {
	waiting []Transition
	dropped int
}

// put combines a transition with the last equal one and moves it to the end. The last transition of a container stays
// the last.
func (o *outbox) put(t Transition) {
	t.Times = 1
	if len(o.waiting) >= foldAfter {
		same := func(w Transition) bool { return w.Kind == t.Kind && w.Container.ID == t.Container.ID }
		if i := slices.IndexFunc(o.waiting, same); i >= 0 {
			t.Times += o.waiting[i].Times
			o.waiting = slices.Delete(o.waiting, i, i+1)
		}
	}
	if len(o.waiting) >= maxOut {
		o.waiting, o.dropped = o.waiting[1:], o.dropped+1
	}
	o.waiting = append(o.waiting, t)
}

func (o *outbox) pop() (t Transition, ok bool) {
	if len(o.waiting) == 0 {
		return Transition{}, false
	}
	t, o.waiting = o.waiting[0], o.waiting[1:]
	return t, true
}
