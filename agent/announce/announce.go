package announce

import (
	"log/slog"
	"sync"
	"time"

	"muster/internal/awsapi"
)

const (
	defaultWindow = time.Minute
	// maxWindows bounds the subjects that are told apart within a window; those
	// above share one.
	maxWindows = 10_000
	// maxQueue is how many events wait for the bus, a kilobyte each.
	maxQueue = 1000
)

// Options are what an Announcer needs to know.
type Options struct {
	Log     *slog.Logger
	Bus     Bus           // nil: the journal alone
	BusName string        // name or ARN
	Window  time.Duration // default a minute
}

// Announcer says events. Its methods may be called concurrently.
type Announcer struct {
	opts Options
	wake chan struct{}

	mu      sync.Mutex
	windows map[subject]*window
	ends    []*window // by their end, which is the order of their beginning
	queue   []awsapi.Event
	said    map[string]bool // problems of the bus
	stats   Stats

	sending chan struct{} // one request at a time
}

// window is the time after an event in which the same is not said again.
type window struct {
	of   subject
	ends time.Time
	said map[Kind]bool
	held int   // events that went unsaid
	last Event // how things stand
}

// Stats counts events since the announcer was made.
type Stats struct {
	Said    int64 // in the journal
	Held    int64 // said only as a number, Event.Repeated
	Sent    int64 // taken by the bus
	Dropped int64 // never taken: the queue was full, or the bus refused them
	Calls   int64 // of PutEvents
	Queued  int   // waiting for the bus
}

// New makes an announcer. Without Run it says only the first of what repeats,
// and nothing to the bus.
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

// Announce says an event, unless its subject's window has heard of its kind:
// then the last of what was held is said when the window ends.
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

// window returns the window of the subject, and starts one if necessary.
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

// close ends the windows that are over, and returns the end of the next one. A state
// that was held back in a window is reported at its end.
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

// repeat says the last event of a window, and begins the next window with it.
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

// Forward queues for the bus an event that the journal has already.
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
	default: // it is awake
	}
}

// Stats says how things are.
func (a *Announcer) Stats() Stats {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.stats
	s.Queued = len(a.queue)
	return s
}

// problem says what is wrong with the bus, once until it is over.
func (a *Announcer) problem(key, text string) {
	if !a.said[key] {
		a.said[key] = true
		a.opts.Log.Warn(text, "phase", "events")
	}
}
