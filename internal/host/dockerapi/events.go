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

// The actions that are asked for. With health_status among them the Engine matches
// all of them as prefixes (moby daemon/events, Filter.matchEvent), and no other
// action begins with one of these.
const (
	ActionCreate  = "create"
	ActionStart   = "start"
	ActionDie     = "die"
	ActionKill    = "kill" // also what stopping a container begins with
	ActionStop    = "stop" // the API's stop has succeeded; it follows die
	ActionOOM     = "oom"  // of any process in the container
	ActionHealth  = "health_status"
	ActionPause   = "pause"
	ActionUnpause = "unpause"
	ActionRename  = "rename" // Name is the new one
	ActionDestroy = "destroy"
)

// actions are those that are asked for.
var actions = []string{ActionCreate, ActionStart, ActionDie, ActionKill, ActionStop, ActionOOM, ActionHealth,
	ActionPause, ActionUnpause, ActionRename, ActionDestroy}

// Event is something that happened to a container.
type Event struct {
	Action   string            // one of the Action constants
	ID, Name string            // of the container
	Labels   map[string]string // those of ECS, com.amazonaws.ecs.*; nil if there are none
	Health   string            // of health_status: healthy or unhealthy; it fires on a change only
	ExitCode int               // of die
	Signal   int               // of kill
	Ran      time.Duration     // of die, in whole seconds; 0 before API 1.42
	Time     time.Time         // by the Engine's clock, the wall's
}

// Events subscribes to what happens to containers, and to what did since then
// unless since is zero; of that the Engine remembers little (256 events of all
// kinds). Once it has returned without an error, nothing is missed that happens
// from now on. The subscription ends with ctx, whose end must come if the events
// are not ranged over, or with an error, the last thing that is yielded. It has no
// other bound: that a silent Engine hangs is seen by another call.
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
				if !isName(message.Actor.ID) { // of no container, so nothing can be said about one
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

// newEvent reads Action and Actor alone: the older fields are gone from API 1.52.
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

// number returns 0 for text that is no number: the Engine writes these itself.
func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0 // and not the largest number, which Atoi returns for a larger one
	}
	return n
}
