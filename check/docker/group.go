// Package docker checks the Docker Engine, and the ECS agent as its container.
package docker

import (
	"context"
	"time"

	"muster/check"
	"muster/check/subject"
	"muster/internal/host/dockerapi"
)

// Engine is a read-only client of the Docker Engine.
type Engine interface {
	Ping(ctx context.Context) (dockerapi.Version, error)
	subject.AgentContainer
}

// Group holds the dependencies of these checks.
type Group struct {
	*subject.Instance
	Engine   Engine // nil if there is none, or if NoEngine says why it cannot be queried
	NoEngine error
	Systemd  subject.Systemd
	Others   Others
}

// Others are the checks and findings of other groups that these checks refer to.
type Others struct {
	DiskCheck, PressureCheck, ECSUnitWaiting *check.Kind

	NetworkChecks  []*check.Kind // checks of the path to the ECS endpoints
	UnitNotStarted []*check.Kind // findings on a unit that has not tried to run the ECS agent
}

// Checks returns the checks of this group.
func (g Group) Checks() []check.Check {
	return []check.Check{
		{Kind: DockerCheck, Group: check.Docker, Title: "the Docker Engine answers", Run: g.docker, Timeout: pingTimeout + 2*time.Second,
			Findings: []*check.Kind{DockerNotRunning, DockerHung, DockerRejects, DockerUnsupported, DockerDenied, DockerGarbled}},
		{Kind: AgentImageCheck, Group: check.Docker, Title: "the ECS agent's container is running", Run: g.agentImage,
			Needs:    []*check.Kind{DockerCheck},
			Findings: []*check.Kind{AgentNotCached, AgentContainerMissing, AgentContainerDown, AgentOutOfMemory}},
	}
}
