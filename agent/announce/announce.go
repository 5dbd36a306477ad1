package announce

import (
	"log/slog"
	"sync"
	"time"

	"muster/internal/awsapi"
)

const (
	defaultWindow = time.Minute
	// maxWindows is the maximum number of subjects with their own window. Further subjects share one.
	maxWindows = 10_000
	// maxQueue is the maximum number of events in the bus queue. An event takes about a kilobyte.
	maxQueue = 1000
)

// Options configures an Announcer.
type Options struct {
	Log     *slog.Logger
	Bus     Bus           // nil means that events go only to the journal
	BusName string        // name or ARN
	Window  time.Duration // default one minute
}

// Announcer publishes events. Its methods are safe for concurrent use.
type Announcer struct {
	opts Options
	wake chan struct{}

	mu      sync.Mutex
	windows map[subject]*window
	ends    []*window // sorted by end, which is also the order in which they began
	queue   []awsapi.Event
	said    map[string]bool // logged problems of the bus
	stats   Stats

	sending chan struct{} // one request at a time
}

// window is the period after an event in which the same kind of event is not published again.
type window struct {
	of   subject
	ends time.Time
	said map[Kind]bool
	held int   // number of held events
	last Event // most recent event
}

// Stats counts events since the announcer was made.
type Stats struct {
	Said    int64 // written to the journal
	Held    int64 // not written, only counted in Event.Repeated
	Sent    int64 // accepted by the bus
	Dropped int64 // never accepted: the queue was full, or the bus rejected them
	Calls   int64 // calls of PutEvents
	Queued  int   // in the queue for the bus
}

// New creates an Announcer. Without Run, it publishes only the first of repeated events, and sends nothing to the bus.
func New(opts Options) *Announcer {
	if opts.Window == 0 {
		opts.Window = defaultWindow
	}
	return &Announcer{
		opts:    opts,
		wake:    make(chan struct{}, 1),
		sending: make(chan struct{}, 1),
		windows: map[subject]*window{},
		said:    map[string]bool{},
	}
}

// Announce publishes an event, unless the window of its subject already contains one of the same kind. In that case the
// event is held, and the last held event is published when the window ends.
func (a *Announcer) Announce(e Event) {
	a.mu.Lock()
	defer a.mu.Unlock()
	w := a.window(e.subject())
	w.last = e
	if w.said[e.Kind] {
		w.held++
		a.stats.Held++
		return
	}
	w.said[e.Kind] = true
	a.say(e)
}

// window returns the window of the subject. It starts one if there is none.
func (a *Announcer) window(of subject) *window {
	if a.windows[of] == nil && len(a.windows) >= maxWindows {
		of = subject{topic: of.topic}
	}
	w := a.windows[of]
	if w == nil {
		w = a.begin(of)
	}
	return w
}

func (a *Announcer) begin(of subject) *window {
	w := &window{of: of, ends: time.Now().Add(a.opts.Window), said: map[Kind]bool{}}
	a.windows[of], a.ends = w, append(a.ends, w)
	a.rouse()
	return w
}

// close ends the windows that are over, and returns the time until the next one ends. If events were held in a window,
// the last one is published at its end.
func (a *Announcer) close(now time.Time) time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	for len(a.ends) > 0 && !a.ends[0].ends.After(now) {
		w := a.ends[0]
		a.ends = a.ends[1:]
		delete(a.windows, w.of)
		if w.held > 0 {
			a.repeat(w)
		}
	}
	if len(a.ends) == 0 {
		return a.opts.Window
	}
	return a.ends[0].ends.Sub(now)
}

// repeat publishes the last event of a window, and starts the next window with it.
func (a *Announcer) repeat(w *window) {
	e := w.last
	e.Repeated = w.held
	a.begin(w.of).said[e.Kind] = true
	a.say(e)
}

// say writes the journal line and queues the event for the bus.
func (a *Announcer) say(e Event) {
	a.stats.Said++
	e.line(a.opts.Log)
	a.enqueue(e)
}

// Forward queues an event for the bus that is already in the journal.
func (a *Announcer) Forward(e Event) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.enqueue(e)
}

func (a *Announcer) enqueue(e Event) {
	if a.opts.Bus == nil {
		return
	}
	if len(a.queue) >= maxQueue {
		a.dropOldest()
	}
	a.queue = append(a.queue, e.entry(newID()))
	a.rouse()
}

func (a *Announcer) dropOldest() {
	a.queue = a.queue[1:]
	a.stats.Dropped++
	a.problem("full", "events for the bus are dropped, the oldest first: too many wait for it")
}

func (a *Announcer) rouse() {
	select {
	case a.wake <- struct{}{}:
	default: // a wake-up is already pending
	}
}

// Stats returns the counts so far.
func (a *Announcer) Stats() Stats {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.stats
	s.Queued = len(a.queue)
	return s
}

// problem logs a problem of the bus once, until it is resolved.
func (a *Announcer) problem(key, text string) {
	if !a.said[key] {
		a.said[key] = true
		a.opts.Log.Warn(text, "phase", "events")
	}
}
