package agent

import (
	"slices"
	"sync"
	"time"

	"muster/agent/agentstate"
	"muster/agent/announce"
	"muster/agent/limits"
	"muster/internal/base/gate"
)

// shared is the state that several goroutines of the agent use.
type shared struct {
	changed chan struct{} // receives when the state file is outdated

	mu      sync.Mutex
	cluster string             // name of this instance's cluster; empty if unknown
	recent  []agentstate.Event // newest first
	problem *agentstate.Event  // the newest of them that was a problem
	ports   Ports
	limits  limits.Reading
	self    gate.Self
	gate    gate.Standing
	held    []announce.Event // events for the agent that inherits from this one
}

// maxHeld is the maximum number of events that a provisional agent keeps for the bus.
const maxHeld = 100

func (s *shared) setCluster(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cluster = name
}

func (s *shared) clusterName() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cluster
}

func (s *shared) setSelf(self gate.Self) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.self = self
}

// confirmedSelf is this container instance; empty before ECS has confirmed it.
func (s *shared) confirmedSelf() gate.Self {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.self
}

func (s *shared) setPorts(found Ports) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ports = found
}

func (s *shared) latestPorts() Ports {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ports
}

func (s *shared) setGate(is gate.Standing) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gate = is
}

// latestGate returns the state of the attribute, and the check of the ports that it follows.
func (s *shared) latestGate() (gate.Standing, Ports) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.gate, s.ports
}

func (s *shared) setLimits(read limits.Reading) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limits = read
}

// latestLimits returns the last reading, unless it is too old.
func (s *shared) latestLimits(now time.Time) limits.Reading {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now.Sub(s.limits.At) > limitsLast {
		return limits.Reading{}
	}
	return s.limits
}

// hold keeps an event for the agent that inherits from this one.
func (s *shared) hold(e announce.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held = append(s.held, e); len(s.held) > maxHeld {
		s.held = s.held[1:]
	}
}

// remember adds an event to the state file.
func (s *shared) remember(at time.Time, kind, text string) {
	s.mu.Lock()
	if agentstate.IsProblem(kind) {
		s.problem = &agentstate.Event{At: at, Kind: kind, Text: text}
	}
	s.recent = append([]agentstate.Event{{At: at, Kind: kind, Text: text}}, s.recent[:min(len(s.recent), agentstate.Most-1)]...)
	s.mu.Unlock()
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

func (s *shared) recentEvents() ([]agentstate.Event, *agentstate.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.recent), s.problem
}
