// Package agentstate is the agent's state file: its fields, how it is written and
// read, which of its contents are problems, and how they are shown. The agent writes
// it; muster status and muster check read it. The agent listens on no port.
package agentstate

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"muster/internal/file/jsonfile"
	"muster/internal/file/safefile"
)

const (
	schema = 1
	// mode: the agent's own user, and root, who may read everything. Others have
	// no business with it, and the unit's UMask=0077 says the same.
	mode = 0o600
	// maxFile bounds what is read: the lists in it are bounded too.
	maxFile = 1 << 20
	// Most is how many entries each of its lists holds.
	Most = 10
)

// State is the agent's view of the instance. Lists hold at most Most entries;
// counts beside them are of all.
type State struct {
	Schema     int       `json:"schema"`
	Version    string    `json:"version"`
	PID        int       `json:"pid"`
	InstanceID string    `json:"instance_id,omitempty"`
	Started    time.Time `json:"started"`
	Written    time.Time `json:"written"`         // also between cycles, after an event
	Cycled     time.Time `json:"cycled,omitzero"` // the end of the last cycle
	Period     int       `json:"period_seconds"`  // between cycles

	// Waiting is what the agent could not have at its start and keeps asking for.
	Waiting []Waiting `json:"waiting,omitempty"`

	Registration Registration `json:"registration"`
	Leaving      string       `json:"leaving,omitempty"` // why the instance goes, if it does
	Docker       Docker       `json:"docker"`
	Services     []Service    `json:"services"`
	Unhealthy    []Container  `json:"unhealthy"`
	CrashLoops   []Container  `json:"crash_loops"`
	Orphans      []Container  `json:"orphans,omitempty"` // the ECS agent and Docker disagree about them
	Publishing   Publishing   `json:"publishing"`
	Events       Events       `json:"events"`
	Self         Self         `json:"self"`
	Recent       []Event      `json:"recent"` // the newest first
	// LastProblem is the newest event that was a problem, also if it is over and no longer among Recent.
	LastProblem *Event `json:"last_problem,omitempty"`
}

// Registration is the state of the instance's registration with ECS.
type Registration struct {
	State     string    `json:"state"`
	Since     time.Time `json:"since"`
	Why       string    `json:"why,omitempty"`
	Cluster   string    `json:"cluster,omitempty"`
	ARN       string    `json:"arn,omitempty"`
	Connected *bool     `json:"connected,omitempty"` // as ECS says; absent when it is not known
	Status    string    `json:"status,omitempty"`    // ACTIVE, DRAINING, ...
	Health    string    `json:"health,omitempty"`    // ECS's own check: OK, IMPAIRED, ...
	Asked     time.Time `json:"asked,omitzero"`      // when ECS answered last
	Trouble   string    `json:"trouble,omitempty"`   // why it cannot be asked
	// HealthDetail has the checks of ECS that are not OK, with their reasons.
	HealthDetail string `json:"health_detail,omitempty"`
	// Answered is when the ECS agent last reported a registration, and Silent why it
	// did not at the last look; empty: it did.
	Answered time.Time `json:"answered,omitzero"`
	Silent   string    `json:"silent,omitempty"`
}

// Docker is whether the Engine can be asked.
type Docker struct {
	Reachable bool      `json:"reachable"`
	Since     time.Time `json:"since,omitzero"`
	Why       string    `json:"why,omitempty"`
	// Limit is what keeps muster-agent from asking the Engine, whose state is then
	// unknown; empty: nothing. It is what dockerapi.NotAsked returns.
	Limit string `json:"limit,omitempty"`
	// Events is about an event stream that does not work while the Engine answers.
	Events *Stream `json:"events,omitempty"`
	// Of all containers that run.
	Running   int `json:"running"`
	Healthy   int `json:"healthy"`
	Unhealthy int `json:"unhealthy"`
	Starting  int `json:"starting"`
}

// Stream is an event stream that ends as soon as it begins.
type Stream struct {
	Since    time.Time `json:"since"`
	Why      string    `json:"why"`
	Failures int       `json:"failures"` // in a row
}

// Service counts the containers of one service on this instance.
type Service struct {
	Cluster   string `json:"cluster,omitempty"`
	Name      string `json:"name"` // empty for containers that ECS did not start
	Running   int    `json:"running"`
	Healthy   int    `json:"healthy"`
	Unhealthy int    `json:"unhealthy"`
	Starting  int    `json:"starting"`
}

// Container is a container with a problem.
type Container struct {
	Name string `json:"name"` // service/container, or Docker's name
	ID   string `json:"id,omitempty"`
	Why  string `json:"why,omitempty"`
}

// Publishing is the state of the metrics publisher.
type Publishing struct {
	Namespace string    `json:"namespace"` // empty: nothing is published
	Sent      int64     `json:"sent"`      // data points that CloudWatch accepted
	LastSent  time.Time `json:"last_sent,omitzero"`
	Failing   time.Time `json:"failing_since,omitzero"`
	Why       string    `json:"why,omitempty"`
	Waiting   int       `json:"waiting_minutes"`
	Bytes     int64     `json:"waiting_bytes"`
	Dropped   int64     `json:"dropped"`                // data points
	Overdue   time.Time `json:"overdue_since,omitzero"` // since when there have been data to send and none was sent
	Cause     string    `json:"cause,omitempty"`        // of Why: a metrics.Cause
}

// Events counts the EventBridge events.
type Events struct {
	Bus     string `json:"bus,omitempty"` // empty: the journal alone
	Sent    int64  `json:"sent"`
	Dropped int64  `json:"dropped"`
}

// Self is what the agent itself uses.
type Self struct {
	RSS   int64         `json:"rss_bytes"`
	CPU   time.Duration `json:"cpu_ns"` // since the start
	Calls int           `json:"aws_calls"`
}

// Event is something that was announced.
type Event struct {
	At   time.Time `json:"at"`
	Kind string    `json:"kind"`
	Text string    `json:"text"`
}

// Write replaces the file, whole or not at all.
func (s State) Write(path string) error {
	s.Schema = schema
	return jsonfile.Write(path, s, mode)
}

// ErrNoAgent means that there is no file: the agent is not running, or has not
// finished its first cycle.
var ErrNoAgent = errors.New("muster-agent is not running, or has just started")

// Read reads the file. The error is ErrNoAgent without one. The directory belongs to
// the agent's user and the reader is often root: a link does not lead out of it, and a
// FIFO does not hold up the reader.
func Read(path string) (State, error) {
	data, err := safefile.ReadIn(filepath.Dir(path), filepath.Base(path), maxFile)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return State{}, fmt.Errorf("%w: %s does not exist", ErrNoAgent, path)
	case err != nil:
		return State{}, fmt.Errorf("reading the state of muster-agent: %w", err)
	}
	s, err := decode(data)
	if err != nil {
		return State{}, fmt.Errorf("reading the state of muster-agent: %s: %w", path, err)
	}
	return s, nil
}

func decode(data []byte) (State, error) {
	var s State
	if err := json.Unmarshal(data, &s); err != nil {
		return State{}, err
	}
	if s.Schema != schema {
		return State{}, fmt.Errorf("it has schema %d, but this muster supports %d: restart muster-agent after an upgrade", s.Schema, schema)
	}
	return s, nil
}
