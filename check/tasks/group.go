// Package tasks checks why tasks of ECS did not start on this instance, or stopped, and whether the ECS agent and the Docker
// Engine agree about what runs.
package tasks

import (
	"context"
	"time"

	"muster/check"
	"muster/check/subject"
	"muster/internal/awsapi"
	"muster/internal/host/dockerapi"
	"muster/internal/host/ecsagent"
)

// Engine lists the containers of this host.
type Engine interface {
	List(ctx context.Context, all bool) ([]dockerapi.Summary, error)
	Inspect(ctx context.Context, id string) (dockerapi.Inspection, bool, error)
}

// Agent is what the ECS agent knows of its tasks: an ecsagent.Introspection.
type Agent interface {
	Tasks(ctx context.Context) ([]ecsagent.Task, error)
}

// ECS is the ECS API: an awsapi.Client.
type ECS interface {
	StoppedTasks(ctx context.Context, cluster string, arns []string) ([]awsapi.StoppedTask, error)
}

// Group is what these checks depend on. A nil part is not asked.
type Group struct {
	*subject.Instance
	Engine   Engine
	NoEngine error // why there is no Engine to ask, although Docker exists here
	Agent    Agent
	ECS      ECS
	Others   Others
}

// Others are the checks and findings of other groups that explain why a task failed.
type Others struct {
	DiskCheck, PressureCheck, DockerCheck, DNSCheck *check.Kind

	NetworkChecks []*check.Kind // of the path from this instance to AWS

	ContainerOOMKilled, ContainerRestarting, ContainerUnhealthy, MusterOrphan *check.Kind
}

// Checks are the checks of this group.
func (g Group) Checks() []check.Check {
	return []check.Check{
		{Kind: TasksCheck, Group: check.Health, Title: "the tasks of the last hour started, and stopped as planned", Run: g.tasks,
			Findings: reasonKinds()},
		{Kind: OrphansCheck, Group: check.Health, Title: "the ECS agent and Docker agree about what runs", Run: g.orphans,
			Needs: []*check.Kind{g.Others.DockerCheck}, Findings: []*check.Kind{OrphanFound}, Timeout: 2*secondLook + 5*time.Second},
	}
}
