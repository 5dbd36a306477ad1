// Package announce tells at once what has changed: a line in the journal always,
// and an EventBridge event if a bus is configured. It reports each kind of event of a
// subject once in a window, and the last one again at its end. The caller decides
// whether something has changed.
//
// The journal has an event before Announce returns. The bus gets it at least
// once, in order as far as EventBridge allows: an event that may or may not have
// been taken is sent again with the same id, by which a receiver can tell (and
// EventBridge itself may deliver one twice). Events are kept in memory only; the
// oldest go, counted, when the bus is away for long. docs/reference/events.md is the
// receiver's side.
package announce

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"muster/internal/awsapi"
	"muster/internal/file/jsonfile"
)

// Kind is what has happened.
type Kind string

// The kinds of event.
const (
	Unhealthy            Kind = "unhealthy"
	Recovered            Kind = "recovered"
	OutOfMemory          Kind = "oom"          // of the main process: the container died of it
	ChildOutOfMemory     Kind = "child-oom"    // the container runs on
	StartFailed          Kind = "start-failed" // a task or a container did not start here
	CrashLoop            Kind = "crash-loop"
	CrashLoopOver        Kind = "crash-loop-over"
	RegistrationLost     Kind = "registration-lost"
	RegistrationRegained Kind = "registration-regained"
	Leaving              Kind = "leaving" // the instance, as planned
	Orphan               Kind = "orphan"  // the ECS agent and Docker disagree about a container
	OrphanOver           Kind = "orphan-over"
)

// story is what a kind is about. Kinds of one topic undo each other.
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

// Event is one thing that has happened. What does not apply is empty.
type Event struct {
	Kind      Kind
	At        time.Time
	Cluster   string // name
	Instance  string // EC2 instance id
	Service   string
	Family    string
	Task      string // ARN or id
	Container string // its name in the task definition, not Docker's
	Reason    string // a sentence for a person: what was seen
	Repeated  int    // how many of the subject went unsaid since the last one
}

// subject is whom an event is about, and in what matter.
type subject struct{ topic, service, family, task, container string }

func (e Event) subject() subject {
	return subject{e.Kind.story().topic, e.Service, e.Family, e.Task, e.Container}
}

// line writes the event into the journal.
func (e Event) line(log *slog.Logger) {
	attrs := []any{"phase", "event", "kind", string(e.Kind)}
	for _, a := range []struct{ key, value string }{{"service", e.Service}, {"family", e.Family}, {"task", e.Task}, {"container", e.Container}} {
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

// schemaVersion of the detail: fields are only ever added.
const schemaVersion = 1

// detail is what docs/schema/event.json describes.
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

// entry is the event as EventBridge gets it.
func (e Event) entry(id string) awsapi.Event {
	text, _ := jsonfile.Line(detail{ // texts and numbers always marshal
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

// maxText is what a text may have, in bytes; ten events of nothing but escapes
// are then still below EventBridge's limit.
const maxText = 512

// clip cuts a text, which others have named, to what an event can hold.
func clip(text string) string {
	if len(text) > maxText {
		text = text[:maxText]
	}
	return strings.ToValidUTF8(text, "\uFFFD")
}
