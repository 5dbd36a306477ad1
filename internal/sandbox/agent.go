package sandbox

import (
	"context"
	"errors"
	"sync"
	"time"
)

// AgentPlan configures the behavior of the instance's ECS agent. The zero plan behaves like the real agent: it reads
// ecs.config and agent.db under Root, registers in the configured cluster, and exits if it is rejected.
type AgentPlan struct {
	After        time.Duration // delay from the start to the registration
	Hold         bool          // wait for Release before registering
	Cluster      string        // register here, regardless of ecs.config
	Disconnected bool          // registered, but ECS shows agentConnected=false
	Answer       Answer        // response of introspection once it listens
}

// Answer is the kind of response of introspection's /v1/metadata.
type Answer int

// Kinds of responses. With AnswerHangs and AnswerHalf, no usable response arrives.
const (
	AnswerNormal Answer = iota
	AnswerNullARN
	AnswerEmptyARN
	AnswerClusterARN // Cluster is an ARN, as if ecs.config has one
	AnswerHangs
	AnswerHalf
)

// Phase is the lifecycle phase of the agent.
type Phase string

// Phases. PhaseExited is final, because ecs-init does not restart after code 5.
const (
	PhaseStopped     Phase = "stopped"
	PhaseRegistering Phase = "registering"
	PhaseRegistered  Phase = "registered"
	PhaseExited      Phase = "exited"
)

// AgentStatus is the status of the agent as seen from outside.
type AgentStatus struct {
	Phase    Phase
	Exits    int // number of unexpected exits of the agent's container
	ExitCode int // of the last exit: 1 is restarted, 5 is not
	Cluster  string
	ARN      string // of the container instance
}

// Agent is the ECS agent with ecs-init, as ecs.service runs them.
type Agent struct {
	s    *Sandbox
	cfg  agentConfig // of the current run; only run uses it
	db   *checkpoint // only run uses it
	hold chan struct{}

	mu      sync.Mutex
	plan    AgentPlan
	status  AgentStatus
	changed chan struct{} // closed at each change of status
	tasks   []Task
	stop    context.CancelFunc
	ended   chan struct{}
}

func newAgent(s *Sandbox) *Agent {
	return &Agent{s: s, plan: s.opts.Agent, status: AgentStatus{Phase: PhaseStopped},
		changed: make(chan struct{}), hold: make(chan struct{}, 1)}
}

// SetPlan changes the plan. It does not change what has already happened.
func (a *Agent) SetPlan(p AgentPlan) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.plan = p
}

// Release lets an agent that the plan holds register, now or once it gets there.
func (a *Agent) Release() {
	select {
	case a.hold <- struct{}{}:
	default:
	}
}

// StartAgent starts the agent, as systemd starts ecs.service, and returns. The agent runs until ctx ends, it is stopped,
// or it exits permanently.
func (s *Sandbox) StartAgent(ctx context.Context) error {
	a := s.Agent
	if s.opts.Root == "" {
		return errors.New("starting the agent: Options.Root is empty, so there is no ecs.config to read")
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.stop != nil {
		if p := a.status.Phase; p == PhaseRegistering || p == PhaseRegistered {
			return errors.New("starting the agent: it runs already")
		}
		a.stop()
		<-a.ended // returns immediately, because the phase changes last
	}
	ctx, a.stop = context.WithCancel(ctx)
	a.ended = make(chan struct{})
	a.set(func(st *AgentStatus) { *st = AgentStatus{Phase: PhaseRegistering} })
	due := s.clock.After(a.plan.After) // measured from here, not from the start of the goroutine
	go a.supervise(ctx, a.ended, due)
	return nil
}

// Stop stops the agent and waits for it. Introspection refuses connections afterwards.
func (a *Agent) Stop() {
	a.mu.Lock()
	stop, ended := a.stop, a.ended
	a.stop = nil
	a.mu.Unlock()
	if stop != nil {
		stop()
		<-ended
	}
}

// Status returns the agent's status.
func (a *Agent) Status() AgentStatus {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.status
}

// Await waits until ok accepts the status, or ctx ends.
func (a *Agent) Await(ctx context.Context, ok func(AgentStatus) bool) (AgentStatus, error) {
	for {
		a.mu.Lock()
		status, changed := a.status, a.changed
		a.mu.Unlock()
		if ok(status) {
			return status, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return status, ctx.Err()
		}
	}
}

func (a *Agent) update(change func(*AgentStatus)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.set(change)
}

// set changes the status. The caller must hold the lock.
func (a *Agent) set(change func(*AgentStatus)) {
	change(&a.status)
	close(a.changed)
	a.changed = make(chan struct{})
}

func (a *Agent) currentPlan() AgentPlan {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.plan
}
