// Package docker checks the Docker Engine, and the ECS agent as its container.
package docker

import (
	"context"
	"time"

	"muster/check"
	"muster/check/subject"
	"muster/internal/host/dockerapi"
)

// Engine is the Docker Engine, read only.
type Engine interface {
	Ping(ctx context.Context) (dockerapi.Version, error)
	subject.AgentContainer
}

// Group is what these checks depend on.
type Group struct {
	*subject.Instance
	Engine   Engine // nil: there is none, or NoEngine is why it cannot be asked
	NoEngine error
	Systemd  subject.Systemd
	Others   Others
}

// Others are the checks and findings of other groups that these checks refer to.
type Others struct {
	DiskCheck, PressureCheck, ECSUnitWaiting *check.Kind

	NetworkChecks  []*check.Kind // of the path to the ECS endpoints
	UnitNotStarted []*check.Kind // of a unit that has not tried to run the ECS agent
}

// Checks are the checks of this group.
func (w Group) Checks() []check.Check {
	return []check.Check{
		{Kind: DockerCheck, Group: check.Docker, Title: "the Docker Engine answers", Run: w.docker, Timeout: pingTimeout + 2*time.Second,
			Findings: []*check.Kind{DockerNotRunning, DockerHung, DockerRejects, DockerUnsupported, DockerDenied, DockerGarbled}},
		{Kind: AgentImageCheck, Group: check.Docker, Title: "the ECS agent's container runs", Run: w.agentImage,
			Needs:    []*check.Kind{DockerCheck},
			Findings: []*check.Kind{AgentNotCached, AgentContainerMissing, AgentContainerDown, AgentOutOfMemory}},
	}
}
