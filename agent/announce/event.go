// Package announce publishes a change immediately: as a line in the journal, and as an EventBridge event if a bus is
// configured. It publishes each kind of event about a subject once in a window, and the last one again when the window
// ends. The caller decides whether something has changed.
//
// Announce writes the journal line before it returns. The bus receives an event at least once, in order as far as
// EventBridge allows. If it is unknown whether the bus accepted an event, the event is sent again with the same ID, so
// that a receiver can detect the duplicate (EventBridge itself may also deliver an event twice). Queued events are only
// in memory. If the bus does not respond for long, the oldest are dropped and counted. docs/reference/events.md
// describes the events for receivers.
package announce

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"muster/internal/awsapi"
	"muster/internal/file/jsonfile"
)

// Kind is the kind of an event.
type Kind string

// Kinds of events.
const (
	Unhealthy            Kind = "unhealthy"
	Recovered            Kind = "recovered"
	OutOfMemory          Kind = "oom"          // the main process, so that the container exited
	ChildOutOfMemory     Kind = "child-oom"    // another process; the container keeps running
	StartFailed          Kind = "start-failed" // a task or a container did not start on this instance
	CrashLoop            Kind = "crash-loop"
	CrashLoopOver        Kind = "crash-loop-over"
	RegistrationLost     Kind = "registration-lost"
	RegistrationRegained Kind = "registration-regained"
	Leaving              Kind = "leaving" // the instance leaves as planned
	Orphan               Kind = "orphan"  // the ECS agent and Docker disagree about a container
	OrphanOver           Kind = "orphan-over"
)

// story is the detail type, the topic and the log level of a kind. Kinds with the same topic undo each other.
type story struct {
	detailType, topic string
	level             slog.Level
}

func (k Kind) story() story {
	switch k {
	case Unhealthy:
		return story{"Container Unhealthy", "health", slog.LevelError}
	case Recovered:
		return story{"Container Recovered", "health", slog.LevelInfo}
	case OutOfMemory:
		return story{"Container Out Of Memory", "oom", slog.LevelError}
	case ChildOutOfMemory:
		return story{"Container Process Out Of Memory", "child-oom", slog.LevelWarn}
	case StartFailed:
		return story{"Task Start Failed", "start", slog.LevelError}
	case CrashLoop:
		return story{"Service Crash Loop", "crash-loop", slog.LevelError}
	case CrashLoopOver:
		return story{"Service Crash Loop Over", "crash-loop", slog.LevelInfo}
	case RegistrationLost:
		return story{"Instance Registration Lost", "registration", slog.LevelError}
	case RegistrationRegained:
		return story{"Instance Registration Regained", "registration", slog.LevelInfo}
	case Orphan:
		return story{"Container Orphaned", "orphan", slog.LevelError}
	case OrphanOver:
		return story{"Container Orphaned Over", "orphan", slog.LevelInfo}
	}
	return story{"Instance Leaving", "leaving", slog.LevelInfo}
}

// Event is a change. Fields that do not apply are empty.
type Event struct {
	Kind      Kind
	At        time.Time
	Cluster   string // name
	Instance  string // EC2 instance id
	Service   string
	Family    string
	Task      string // ARN or ID
	Container string // name in the task definition, not Docker's
	Reason    string // what was observed, as a sentence
	Repeated  int    // number of events about the subject that were held since the last one
}

// subject identifies the thing that an event is about, and the topic.
type subject struct{ topic, service, family, task, container string }

func (e Event) subject() subject {
	return subject{e.Kind.story().topic, e.Service, e.Family, e.Task, e.Container}
}

// line writes the event to the journal.
func (e Event) line(log *slog.Logger) {
	attrs := []any{"phase", "event", "kind", string(e.Kind)}
	for _, a := range []struct{ key, value string }{{"service", e.Service}, {"family", e.Family}, {"task", e.Task},
		{"container", e.Container}} {
		if a.value != "" {
			attrs = append(attrs, a.key, clip(a.value))
		}
	}
	if e.Repeated > 0 {
		attrs = append(attrs, "repeated", e.Repeated)
	}
	story := e.Kind.story()
	text := clip(e.Reason)
	if text == "" {
		text = story.detailType
	}
	log.Log(context.Background(), story.level, text, attrs...)
}

// schemaVersion is the version of the detail's format. Fields may be added but never removed or renamed.
const schemaVersion = 1

// detail is the event's detail, described in docs/schema/event.json.
type detail struct {
	SchemaVersion int    `json:"schemaVersion"`
	ID            string `json:"id"`
	Kind          Kind   `json:"kind"`
	At            string `json:"at"`
	Cluster       string `json:"clusterName,omitempty"`
	Instance      string `json:"instanceId,omitempty"`
	Service       string `json:"serviceName,omitempty"`
	Family        string `json:"taskDefinitionFamily,omitempty"`
	Task          string `json:"task,omitempty"`
	Container     string `json:"containerName,omitempty"`
	Reason        string `json:"reason,omitempty"`
	Repeated      int    `json:"repeated,omitempty"`
}

// entry returns the event in EventBridge's format.
func (e Event) entry(id string) awsapi.Event {
	text, _ := jsonfile.Line(detail{ // strings and numbers always encode
		SchemaVersion: schemaVersion, ID: id, Kind: e.Kind, At: e.At.UTC().Format(time.RFC3339Nano),
		Cluster: clip(e.Cluster), Instance: clip(e.Instance), Service: clip(e.Service), Family: clip(e.Family),
		Task: clip(e.Task), Container: clip(e.Container), Reason: clip(e.Reason), Repeated: e.Repeated,
	})
	out := awsapi.Event{Source: "muster", DetailType: e.Kind.story().detailType, Detail: string(text), Time: e.At}
	if strings.HasPrefix(e.Task, "arn:") && len(e.Task) <= maxText {
		out.Resources = []string{e.Task}
	}
	return out
}

// maxText is the maximum length of a text, in bytes. Ten events that consist only of escapes then stay below
// EventBridge's limit.
const maxText = 512

// clip shortens a text to maxText. Others choose the texts, so they can have any length.
func clip(text string) string {
	if len(text) > maxText {
		text = text[:maxText]
	}
	return strings.ToValidUTF8(text, "\uFFFD")
}
