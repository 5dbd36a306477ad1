// Package agentstate is the agent's state file: its fields, reading and writing, the problems that it shows, and its
// output as a table. The agent writes the file. muster status and muster check read it. The agent does not listen on a
// port.
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
	// Only the agent's own user can read the file, and root, who can read everything. The unit's UMask=0077 has the
	// same effect.
	mode = 0o600
	// maxFile limits the bytes read. The lists in the file are limited, too.
	maxFile = 1 << 20
	// Most is the maximum number of entries in each list.
	Most = 10
)

// State is the agent's view of the instance. A list holds at most Most entries. The count next to a list includes all.
type State struct {
	Schema     int       `json:"schema"`
	Version    string    `json:"version"`
	PID        int       `json:"pid"`
	InstanceID string    `json:"instance_id,omitempty"`
	Started    time.Time `json:"started"`
	Written    time.Time `json:"written"`         // also between cycles, after an event
	Cycled     time.Time `json:"cycled,omitzero"` // end of the last cycle
	Period     int       `json:"period_seconds"`  // between two cycles

	// Waiting lists what was not available at the agent's start and still is not.
	Waiting []Waiting `json:"waiting,omitempty"`

	Registration Registration `json:"registration"`
	Leaving      string       `json:"leaving,omitempty"` // why the instance is leaving; empty if it is not
	Docker       Docker       `json:"docker"`
	Services     []Service    `json:"services"`
	Unhealthy    []Container  `json:"unhealthy"`
	CrashLoops   []Container  `json:"crash_loops"`
	Orphans      []Container  `json:"orphans,omitempty"` // containers about which the ECS agent and Docker disagree
	Publishing   Publishing   `json:"publishing"`
	Events       Events       `json:"events"`
	Gate         *Gate        `json:"gate,omitempty"` // absent without MUSTER_GATE
	Self         Self         `json:"self"`
	Recent       []Event      `json:"recent"` // newest first
	// LastProblem is the newest event that was a problem, even if it is over and no longer in Recent.
	LastProblem *Event `json:"last_problem,omitempty"`
}

// Registration is the state of the instance's registration with ECS.
type Registration struct {
	State     string    `json:"state"`
	Since     time.Time `json:"since"`
	Why       string    `json:"why,omitempty"`
	Cluster   string    `json:"cluster,omitempty"`
	ARN       string    `json:"arn,omitempty"`
	Connected *bool     `json:"connected,omitempty"` // according to ECS; absent if unknown
	Status    string    `json:"status,omitempty"`    // ACTIVE, DRAINING, ...
	Health    string    `json:"health,omitempty"`    // ECS's own health check: OK, IMPAIRED, ...
	Asked     time.Time `json:"asked,omitzero"`      // time of ECS's last response
	Trouble   string    `json:"trouble,omitempty"`   // why ECS cannot be called
	// HealthDetail lists ECS's health checks that are not OK, with their reasons.
	HealthDetail string `json:"health_detail,omitempty"`
	// Answered is when the ECS agent last reported a registration. Silent is why it did not report one in the last
	// cycle, or empty if it did.
	Answered time.Time `json:"answered,omitzero"`
	Silent   string    `json:"silent,omitempty"`
}

// Docker describes whether the Engine responds.
type Docker struct {
	Reachable bool      `json:"reachable"`
	Since     time.Time `json:"since,omitzero"`
	Why       string    `json:"why,omitempty"`
	// Limit is the reason why muster-agent cannot send requests to the Engine, whose state is then unknown. It is the
	// result of dockerapi.NotAsked, and empty if there is no such reason.
	Limit string `json:"limit,omitempty"`
	// Events describes an event stream that does not work although the Engine responds to other requests.
	Events *Stream `json:"events,omitempty"`
	// The following counts include all running containers.
	Running   int `json:"running"`
	Healthy   int `json:"healthy"`
	Unhealthy int `json:"unhealthy"`
	Starting  int `json:"starting"`
}

// Stream describes an event stream that ends as soon as it begins.
type Stream struct {
	Since    time.Time `json:"since"`
	Why      string    `json:"why"`
	Failures int       `json:"failures"` // consecutive
}

// Service holds the counts of one service's containers on this instance.
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
	Namespace string    `json:"namespace"` // empty if nothing is published
	Sent      int64     `json:"sent"`      // data points that CloudWatch accepted
	LastSent  time.Time `json:"last_sent,omitzero"`
	Failing   time.Time `json:"failing_since,omitzero"`
	Why       string    `json:"why,omitempty"`
	Waiting   int       `json:"waiting_minutes"`
	Bytes     int64     `json:"waiting_bytes"`
	Dropped   int64     `json:"dropped"`                // data points
	Overdue   time.Time `json:"overdue_since,omitzero"` // since when data points have been due without any being sent
	Cause     string    `json:"cause,omitempty"`        // a metrics.Cause that classifies Why
}

// Events counts the EventBridge events.
type Events struct {
	Bus     string `json:"bus,omitempty"` // empty if events go only to the journal
	Sent    int64  `json:"sent"`
	Dropped int64  `json:"dropped"`
}

// Self is the resource usage of the agent.
type Self struct {
	RSS   int64         `json:"rss_bytes"`
	CPU   time.Duration `json:"cpu_ns"` // since the start
	Calls int           `json:"aws_calls"`
}

// Event is an announced event.
type Event struct {
	At   time.Time `json:"at"`
	Kind string    `json:"kind"`
	Text string    `json:"text"`
}

// Write replaces the file atomically.
func (s State) Write(path string) error {
	s.Schema = schema
	return jsonfile.Write(path, s, mode)
}

// ErrNoAgent means that the file does not exist: the agent is not running, or has not finished its first cycle.
var ErrNoAgent = errors.New("muster-agent is not running, or has just started")

// Read reads the file. It returns ErrNoAgent if the file does not exist. The directory belongs to the agent's user, and
// the reader is often root. Read therefore does not follow a link, and a FIFO does not block it.
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
