package dockerapi

import (
	"context"
	"time"
)

// agentName is the name that ecs-init gives the agent's container
// (ecs-init/config/common.go, AgentContainerName).
const agentName = "ecs-agent"

// AgentContainer is the state of the ECS agent's container. ecs-init makes a new
// one at every start, so its history is only in ecs-init.log.
type AgentContainer struct {
	ID           string
	Image        string // as named at its creation, such as amazon/amazon-ecs-agent:latest
	Running      bool
	Status       string // created, running, paused, restarting, removing, exited or dead
	ExitCode     int    // of the last exit: 0 while it never exited
	OOMKilled    bool
	RestartCount int       // by Docker; ecs-init's restarts do not count here
	StartedAt    time.Time // zero if it never started
	FinishedAt   time.Time // zero if it never finished
	// Env is its environment, "KEY=value". It may hold secrets.
	Env []string `json:"-"`
}

// AgentContainer looks for the container named ecs-agent; false without an error
// means that there is none.
func (c *Client) AgentContainer(ctx context.Context) (AgentContainer, bool, error) {
	found, seen, err := c.inspect(ctx, agentName)
	if isGone(seen, err) {
		return AgentContainer{}, false, nil
	}
	if err != nil {
		return AgentContainer{}, false, err
	}
	state := found.Container.State
	return AgentContainer{
		ID:           found.Container.ID,
		Image:        found.Container.Config.Image,
		Running:      state.Running,
		Status:       string(state.Status),
		ExitCode:     state.ExitCode,
		OOMKilled:    state.OOMKilled,
		RestartCount: found.Container.RestartCount,
		StartedAt:    parseTime(state.StartedAt),
		FinishedAt:   parseTime(state.FinishedAt),
		Env:          found.Container.Config.Env,
	}, true, nil
}

// parseTime reads Docker's year 1, for what has not happened, as the zero time.
func parseTime(s string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return time.Time{}
	}
	return t
}
