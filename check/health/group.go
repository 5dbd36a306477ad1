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

// Group is what these checks depend on.
type Group struct {
	*subject.Instance
	Engine   Containers // nil: there is none, or NoEngine is why it cannot be asked
	NoEngine error
	Systemd  subject.Systemd
	Others   Others
}

// Others are the checks and findings of other groups that these checks refer to.
type Others struct {
	DiskCheck, DockerCheck *check.Kind

	Registration []*check.Kind // what explains an instance that is not registered
}

// Checks are the checks of this group.
func (w Group) Checks() []check.Check {
	return []check.Check{
		{Kind: ContainersCheck, Group: check.Health, Title: "the ECS containers are running and healthy", Run: w.containers,
			Needs:    []*check.Kind{w.Others.DockerCheck},
			Findings: []*check.Kind{ContainerUnhealthy, ContainerOOMKilled, ContainerRestarting}},
		{Kind: MusterAgentCheck, Group: check.Health, Title: "muster-agent runs and reports no problem", Run: w.musterAgent,
			Findings: append(agentKinds(), MusterStale)},
	}
}
