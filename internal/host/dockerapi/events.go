package dockerapi

import (
	"context"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"time"

	"github.com/moby/moby/api/types/events"
	"github.com/moby/moby/client"
)

// Actions of the subscribed events. Because health_status is one of them, the Engine matches all of them as prefixes
// (moby daemon/events, Filter.matchEvent). No other action begins with one of these words.
const (
	ActionCreate  = "create"
	ActionStart   = "start"
	ActionDie     = "die"
	ActionKill    = "kill" // also the first event when a container is stopped
	ActionStop    = "stop" // the API's stop succeeded; it follows die
	ActionOOM     = "oom"  // the kernel killed any process of the container
	ActionHealth  = "health_status"
	ActionPause   = "pause"
	ActionUnpause = "unpause"
	ActionRename  = "rename" // Name is the new name
	ActionDestroy = "destroy"
)

// actions lists the subscribed actions.
var actions = []string{ActionCreate, ActionStart, ActionDie, ActionKill, ActionStop, ActionOOM, ActionHealth,
	ActionPause, ActionUnpause, ActionRename, ActionDestroy}

// Event is an event of a container.
type Event struct {
	Action   string            // one of the Action constants
	ID, Name string            // the container's
	Labels   map[string]string // only the labels com.amazonaws.ecs.*; nil if there are none
	Health   string            // for health_status: healthy or unhealthy. The event occurs only if the status changes
	ExitCode int               // for die
	Signal   int               // for kill
	Ran      time.Duration     // for die, in whole seconds: how long the container ran; 0 before API 1.42
	Time     time.Time         // wall clock time of the Engine
}

// Events subscribes to container events. If since is not zero, it also returns past events since then, of which the
// Engine keeps only a few (256 events of all kinds). Once Events has returned without an error, no later event is lost.
//
// The subscription ends when ctx ends or after an error, which is the last value yielded. A caller that does not
// iterate over the events must cancel ctx. There is no timeout: callers detect a hung Engine with another call.
func (c *Client) Events(ctx context.Context, since time.Time) (iter.Seq2[Event, error], error) {
	fresh, err := c.renew()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	late := time.AfterFunc(c.timeout, func() { cancel(ErrHung) })
	var seen exchange
	result := fresh.Events(context.WithValue(ctx, exchangeKey{}, &seen), eventOptions(since))
	late.Stop()
	if seen.status/100 != 2 {
		defer cancel(nil)
		return nil, fmt.Errorf("subscribing to the events at %s: %w", c.host, reason(ctx, seen, <-result.Err))
	}
	return func(yield func(Event, error) bool) {
		defer cancel(nil)
		for {
			select {
			case message := <-result.Messages:
				if !isName(message.Actor.ID) { // not an event of a container
					continue
				}
				if !yield(newEvent(message), nil) {
					return
				}
			case err := <-result.Err:
				yield(Event{}, fmt.Errorf("reading the events at %s: %w", c.host, reason(ctx, seen, err)))
				return
			}
		}
	}, nil
}

func eventOptions(since time.Time) client.EventsListOptions {
	options := client.EventsListOptions{Filters: client.Filters{}.
		Add("type", string(events.ContainerEventType)).
		Add("event", actions...)}
	if !since.IsZero() {
		options.Since = fmt.Sprintf("%d.%09d", since.Unix(), since.Nanosecond())
	}
	return options
}

// newEvent uses only Action and Actor, because API 1.52 removed the older fields.
func newEvent(m events.Message) Event {
	action, detail, _ := strings.Cut(string(m.Action), ": ")
	attributes := m.Actor.Attributes
	e := Event{Action: action, ID: m.Actor.ID, Name: attributes["name"], Labels: onlyECS(attributes), Time: time.Unix(0, m.TimeNano)}
	switch action {
	case ActionHealth:
		e.Health = detail
	case ActionKill:
		e.Signal = number(attributes["signal"])
	case ActionDie:
		e.ExitCode = number(attributes["exitCode"])
		e.Ran = time.Duration(number(attributes["execDuration"])) * time.Second
	}
	return e
}

// number parses a number. It returns 0 for invalid text, which the Engine never sends.
func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0 // Atoi returns the largest number for one that is too large; use 0 instead
	}
	return n
}
