// Package tasks checks why ECS tasks did not start on this instance or stopped. It also checks whether the ECS agent
// and the Docker Engine agree about the running containers.
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

// Agent lists the tasks that the ECS agent reports. ecsagent.Introspection implements it.
type Agent interface {
	Tasks(ctx context.Context) ([]ecsagent.Task, error)
}

// ECS is the part of the ECS API that returns stopped tasks. awsapi.Client implements it.
type ECS interface {
	StoppedTasks(ctx context.Context, cluster string, arns []string) ([]awsapi.StoppedTask, error)
}

// Group holds the dependencies of these checks. A nil dependency is not used.
type Group struct {
	*subject.Instance
	Engine   Engine
	NoEngine error // why the Engine cannot be queried, although Docker exists here
	Agent    Agent
	ECS      ECS
	Others   Others
}

// Others are the checks and findings of other groups that can explain why a task failed.
type Others struct {
	DiskCheck, PressureCheck, DockerCheck, DNSCheck *check.Kind

	NetworkChecks []*check.Kind // checks of the path from this instance to AWS

	ContainerOOMKilled, ContainerRestarting, ContainerUnhealthy, MusterOrphan *check.Kind
}

// Checks returns the checks of this group.
func (g Group) Checks() []check.Check {
	return []check.Check{
		{Kind: TasksCheck, Group: check.Health, Title: "the tasks of the last hour started, and stopped as planned", Run: g.tasks,
			Findings: reasonKinds()},
		{Kind: OrphansCheck, Group: check.Health, Title: "the ECS agent and Docker agree about what runs", Run: g.orphans,
			Needs: []*check.Kind{g.Others.DockerCheck}, Findings: []*check.Kind{OrphanFound}, Timeout: 2*secondLook + 5*time.Second},
	}
}
