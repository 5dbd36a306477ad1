package dockerapi

import (
	"context"
	"time"
)

// agentName is the name that ecs-init gives the agent's container
// (ecs-init/config/common.go, AgentContainerName).
const agentName = "ecs-agent"

// AgentContainer is the state of the ECS agent's container. ecs-init creates a new container at every start, so the
// history of earlier ones is only in ecs-init.log.
type AgentContainer struct {
	ID           string
	Image        string // as given at its creation, such as amazon/amazon-ecs-agent:latest
	Running      bool
	Status       string // created, running, paused, restarting, removing, exited or dead
	ExitCode     int    // exit code of the last run; 0 if it has never exited
	OOMKilled    bool
	RestartCount int       // restarts by Docker, without those by ecs-init
	StartedAt    time.Time // zero if it never started
	FinishedAt   time.Time // zero if it has never exited
	// Env is the container's environment as KEY=value. It can contain secrets.
	Env []string `json:"-"`
}

// AgentContainer returns the container named ecs-agent. It returns false without an error if the container does not
// exist.
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

// parseTime parses a timestamp. Docker writes the year 1 for an event that has not happened, which becomes the zero
// time.
func parseTime(s string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return time.Time{}
	}
	return t
}
