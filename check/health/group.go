// Package health checks the containers that ECS runs on this instance, and what
// muster-agent reports.
package health

import (
	"context"

	"muster/check"
	"muster/check/subject"
	"muster/internal/host/dockerapi"
)

// Containers lists the containers of this host.
type Containers interface {
	List(ctx context.Context, all bool) ([]dockerapi.Summary, error)
	Inspect(ctx context.Context, id string) (dockerapi.Inspection, bool, error)
}

// Group holds the dependencies of these checks.
type Group struct {
	*subject.Instance
	Engine   Containers // nil if there is none, or if NoEngine says why it cannot be queried
	NoEngine error
	Systemd  subject.Systemd
	Others   Others
}

// Others are the checks and findings of other groups that these checks refer to.
type Others struct {
	DiskCheck, DockerCheck *check.Kind

	Registration []*check.Kind // kinds that explain a missing registration
}

// Checks returns the checks of this group.
func (g Group) Checks() []check.Check {
	return []check.Check{
		{Kind: ContainersCheck, Group: check.Health, Title: "the ECS containers are running and healthy", Run: g.containers,
			Needs:    []*check.Kind{g.Others.DockerCheck},
			Findings: []*check.Kind{ContainerUnhealthy, ContainerOOMKilled, ContainerRestarting}},
		{Kind: MusterAgentCheck, Group: check.Health, Title: "muster-agent runs and reports no problem", Run: g.musterAgent,
			Findings: append(agentKinds(), MusterStale)},
	}
}
