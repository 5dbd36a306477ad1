package dockerd

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	remembered = 256  // events, of all kinds (moby daemon/events, eventsLimit)
	backlog    = 1024 // events that a subscriber can be behind (bufferSize)
)

// Event is a container event before serialization.
type Event struct {
	Action     string
	ID         string
	Attributes map[string]string
	Time       time.Time

	unfiltered bool
}

// send stores an event and sends it to the subscribers. It blocks on a subscriber with a full backlog, where Docker
// drops the event after 100 ms (moby pkg/pubsub), so that events are lost only on purpose.
func (e *Engine) send(event Event) {
	e.past = append(e.past, event)
	e.past = e.past[max(0, len(e.past)-remembered):]
	if e.hung != nil {
		return
	}
	out := []Event{event}
	if e.deliver != nil {
		out = e.deliver(event)
	}
	for _, event := range out {
		for subscriber := range e.subscribers {
			subscriber <- event
		}
	}
}

// subscribe returns the requested past events, and a channel for new ones.
func (e *Engine) subscribe(since time.Time) ([]Event, chan Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	var past []Event
	for _, event := range e.past {
		if !since.IsZero() && !event.Time.Before(since) {
			past = append(past, event)
		}
	}
	next := make(chan Event, backlog)
	e.subscribers[next] = struct{}{}
	return past, next
}

// unsubscribe drains the channel, so that send does not block on a closed subscriber.
func (e *Engine) unsubscribe(next chan Event) {
	left := make(chan struct{})
	go func() {
		for {
			select {
			case <-next:
			case <-left:
				return
			}
		}
	}()
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.subscribers, next)
	close(left)
}

func (e *Engine) serveEvents(w http.ResponseWriter, r *http.Request, minor int) {
	since, err := parseSince(r.FormValue("since"))
	wanted, ok := parseFilter(r.FormValue("filters"))
	if err != nil || !ok {
		refuse(w, http.StatusBadRequest, "invalid filter")
		return
	}
	past, next := e.subscribe(since)
	defer e.unsubscribe(next)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusOK)
	out := json.NewEncoder(w)
	for _, event := range past {
		if wanted.match(event) {
			_ = out.Encode(event.message(minor)) // a disconnected client is detected below
		}
	}
	_ = http.NewResponseController(w).Flush()
	for {
		select {
		case event := <-next:
			if (event.unfiltered || wanted.match(event)) && out.Encode(event.message(minor)) != nil {
				return
			}
			if len(next) == 0 {
				_ = http.NewResponseController(w).Flush()
			}
		case <-r.Context().Done():
			return
		}
	}
}

// message returns the wire format of the event. The first three fields were removed in 1.52.
func (event Event) message(minor int) any {
	type actor struct {
		ID         string
		Attributes map[string]string
	}
	m := struct {
		Status   string `json:"status,omitempty"`
		ID       string `json:"id,omitempty"`
		From     string `json:"from,omitempty"`
		Type     string
		Action   string
		Actor    actor
		Scope    string `json:"scope"`
		Time     int64  `json:"time"`
		TimeNano int64  `json:"timeNano"`
	}{Type: "container", Action: event.Action, Actor: actor{event.ID, event.Attributes}, Scope: "local",
		Time: event.Time.Unix(), TimeNano: event.Time.UnixNano()}
	if minor < 52 {
		m.Status, m.ID, m.From = event.Action, event.ID, image
	}
	return m
}

func parseSince(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	seconds, nanos, _ := strings.Cut(text, ".")
	s, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("since: %w", err)
	}
	n, err := strconv.ParseInt("0"+nanos, 10, 64)
	return time.Unix(s, n), err
}

type filter map[string]map[string]bool

func parseFilter(text string) (filter, bool) {
	f := filter{}
	return f, text == "" || json.Unmarshal([]byte(text), &f) == nil
}

// match treats every event filter as a prefix if one of them belongs to a family whose actions continue after a colon
// (moby daemon/events, Filter.matchEvent).
func (f filter) match(event Event) bool {
	actions := f["event"]
	if types := f["type"]; len(types) > 0 && !types["container"] {
		return false
	}
	if len(actions) == 0 || actions[event.Action] {
		return true
	}
	if !actions["health_status"] && !actions["exec_create"] && !actions["exec_start"] {
		return false
	}
	for prefix := range actions {
		if strings.HasPrefix(event.Action, prefix) {
			return true
		}
	}
	return false
}
