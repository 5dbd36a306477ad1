package agent

import (
	"slices"
	"sync"
	"time"

	"muster/agent/agentstate"
	"muster/agent/announce"
	"muster/internal/gate"
)

// shared is what several goroutines of the agent read and write.
type shared struct {
	changed chan struct{} // the state file is out of date

	mu      sync.Mutex
	cluster string             // this instance's, by name; empty: unknown
	recent  []agentstate.Event // the newest first
	ports   Ports
	self    gate.Self
	held    []announce.Event // for the agent that inherits
}

// maxHeld bounds the events that a provisional agent keeps for the bus.
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

// hold keeps an event for the agent that inherits.
func (s *shared) hold(e announce.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held = append(s.held, e); len(s.held) > maxHeld {
		s.held = s.held[1:]
	}
}

// remember keeps an event for the state file.
func (s *shared) remember(at time.Time, kind, text string) {
	s.mu.Lock()
	s.recent = append([]agentstate.Event{{At: at, Kind: kind, Text: text}}, s.recent[:min(len(s.recent), agentstate.Most-1)]...)
	s.mu.Unlock()
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

func (s *shared) recentEvents() []agentstate.Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.recent)
}
