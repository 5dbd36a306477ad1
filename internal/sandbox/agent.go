package sandbox

import (
	"context"
	"errors"
	"sync"
	"time"
)

// AgentPlan says how the instance's ECS agent behaves. The zero plan is the real
// agent's way: it reads ecs.config and agent.db under Root, registers in the
// cluster they name, exits when it may not.
type AgentPlan struct {
	After        time.Duration // from the start to the registration
	Hold         bool          // wait for Release before registering
	Cluster      string        // register here, whatever ecs.config says
	Disconnected bool          // registers, but ECS shows agentConnected=false
	Answer       Answer        // how introspection answers once it listens
}

// Answer is how introspection's /v1/metadata answers.
type Answer int

// The answers. Of AnswerHangs and AnswerHalf nothing usable ever arrives.
const (
	AnswerNormal Answer = iota
	AnswerNullARN
	AnswerEmptyARN
	AnswerClusterARN // Cluster is an ARN, as when ecs.config has one
	AnswerHangs
	AnswerHalf
)

// Phase is where the agent is in its life.
type Phase string

// The phases. PhaseExited is final: ecs-init does not restart after code 5.
const (
	PhaseStopped     Phase = "stopped"
	PhaseRegistering Phase = "registering"
	PhaseRegistered  Phase = "registered"
	PhaseExited      Phase = "exited"
)

// AgentStatus is the agent as an onlooker sees it.
type AgentStatus struct {
	Phase    Phase
	Exits    int // how often the agent's container ended by itself
	ExitCode int // of the last time: 1 is restarted, 5 is not
	Cluster  string
	ARN      string // of the container instance
}

// Agent is the ECS agent with ecs-init around it, as ecs.service runs them.
type Agent struct {
	s    *Sandbox
	cfg  agentConfig // of the current run; touched by run alone
	db   *checkpoint // likewise
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

// SetPlan changes the plan; what has already happened stays.
func (a *Agent) SetPlan(p AgentPlan) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.plan = p
}

// Release lets an agent register that its plan holds, now or when it gets there.
func (a *Agent) Release() {
	select {
	case a.hold <- struct{}{}:
	default:
	}
}

// StartAgent starts the agent, as systemd starts ecs.service, and returns. The
// agent runs until ctx ends, it is stopped or it exits for good.
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
		<-a.ended // at once: the phase is the last thing that ends
	}
	ctx, a.stop = context.WithCancel(ctx)
	a.ended = make(chan struct{})
	a.set(func(st *AgentStatus) { *st = AgentStatus{Phase: PhaseRegistering} })
	due := s.clock.After(a.plan.After) // counted from here, not from when the goroutine runs
	go a.supervise(ctx, a.ended, due)
	return nil
}

// Stop stops the agent and waits for it. Introspection refuses from then on.
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

// Await waits until the status satisfies ok, or ctx ends.
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

// set is update with the lock held.
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
