package containers

import (
	"slices"
	"time"
)

// Kind is what happened.
type Kind string

// The kinds of Transition.
const (
	TurnedUnhealthy Kind = "unhealthy"
	Recovered       Kind = "recovered"       // healthy again after unhealthy, or gone
	OOM             Kind = "oom"             // the main process was killed for memory
	ChildOOM        Kind = "child-oom"       // another process was, and the container runs on; once a minute and container
	Crash           Kind = "crash"           // an unexpected exit or a failed start; not reported one by one during a crash loop
	StartFailed     Kind = "start-failed"    // a container or a task that did not start; not reported one by one during a crash loop
	CrashLoop       Kind = "crash-loop"      // loopFailures of the same container of a family within loopWindow
	CrashLoopOver   Kind = "crash-loop-over" // none for a while
	DockerLost      Kind = "docker-lost"     // the Watcher has logged it, and the next
	DockerRegained  Kind = "docker-regained"
)

// Transition is a change that somebody should hear of at once.
type Transition struct {
	At        time.Time // when it was seen
	Kind      Kind
	Container Identity // zero for Docker's own; of a crash loop the last one that ended
	ExitCode  int      // of crash, oom and crash-loop
	Detail    string   // a sentence
	Times     int      // 1, or more where a slow consumer gets several as one
}

const (
	foldAfter = 1024 // transitions that wait; from then on like ones are folded
	maxOut    = 4096 // and from then on the oldest is dropped
)

// outbox holds the transitions that were not received yet.
type outbox struct {
	waiting []Transition
	dropped int
}

// put folds a transition into the last like one, which then waits in its new place:
// the last word on a container stays the last.
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
