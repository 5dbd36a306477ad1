package fit

import (
	"regexp"
	"strings"
)

// Event is a service event about a task that ECS could not place.
type Event struct {
	// Closest is the container instance that ECS names, as an ARN or its last part. It is empty if ECS names none.
	Closest string
	Reason  Reason // empty if muster does not recognize the reason
	Text    string // the sentence with the reason
}

var (
	// Older events have the ID in parentheses.
	closest = regexp.MustCompile(`[Cc]losest matching \(?container-instance ([^ )]+)\)? (.*)`)
	quoted  = regexp.MustCompile(`encountered error "([A-Z:_]+)"`)
)

// sentences maps text in events to reasons. The texts come from the ECS documentation ("Service event messages") and
// from public reports.
var sentences = []struct {
	text string
	is   Reason
}{
	{"has insufficient memory available", Memory},
	{"has insufficient CPU units available", CPU},
	{"is already using a port required by your task", PortsTaken},
	{"is missing an attribute required by your task", Missed},
	{"doesn't have the agent connected", Agent},
	{"does not have the agent connected", Agent},
	{"has insufficient GPU", GPU},
}

// ParseEvent parses a service event. ok is false if the event is not about a task that could not be placed.
func ParseEvent(message string) (e Event, ok bool) {
	const unplaced = "was unable to place a task"
	_, rest, ok := strings.Cut(message, unplaced)
	if !ok {
		return Event{}, false
	}
	e.Text, _, _ = strings.Cut(rest, " For more information")
	e.Text = strings.Trim(e.Text, " .")
	if m := closest.FindStringSubmatch(rest); m != nil {
		e.Closest = m[1]
		e.Text, _, _ = strings.Cut(m[2], " For more information")
		e.Text = strings.TrimSuffix(e.Text, ".")
	}
	if m := quoted.FindStringSubmatch(rest); m != nil {
		e.Reason = Reason(m[1])
		return e, true
	}
	for _, s := range sentences {
		if strings.Contains(rest, s.text) {
			e.Reason = s.is
			break
		}
	}
	return e, true
}

// Names reports whether the event names the instance.
func (e Event) Names(i Instance) bool {
	return e.Closest != "" && (e.Closest == i.ARN || e.Closest == i.EC2InstanceID || strings.HasSuffix(i.ARN, "/"+e.Closest))
}
