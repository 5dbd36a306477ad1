// Package ecs checks the ECS agent: its settings, unit, saved state, log and registration,
// and what the ECS API says about it.
package ecs

import (
	"context"

	"muster/check"
	"muster/check/subject"
	"muster/internal/host/dockerapi"
)

// Engine is the part of the Docker Engine's API that shows how the ECS agent exited.
type Engine interface {
	Ping(ctx context.Context) (dockerapi.Version, error)
	subject.AgentContainer
}

// Group holds the dependencies of these checks.
type Group struct {
	*subject.Instance
	Registry Registry // the ECS API; nil if it cannot be called
	Systemd  subject.Systemd
	Engine   Engine // nil if it cannot be queried
	// WarmPool holds the warm pool state while it defers the registration.
	WarmPool *check.Learned[string]
	Others   Others
}

// Others are the checks and findings of other groups that these checks refer to.
type Others struct {
	BootstrapCheck, ClockCheck, DiskCheck, IMDSCheck, InstanceRoleCheck, LifecycleCheck, PressureCheck, UserDataCheck,
	Leaving, UserDataNotRun,
	DNSCheck, ECSEndpointsCheck, PollEndpointCheck, ProxyCheck, VPCPathCheck,
	DockerCheck, AgentImageCheck, AgentContainerDown, AgentOutOfMemory *check.Kind
}

// Checks returns the checks of this group.
func (g Group) Checks() []check.Check {
	registered, is := g.registeredCheck()
	return []check.Check{
		{Kind: ECSConfigCheck, Group: check.ECS, Title: "the ECS agent's settings are valid", Run: g.withUserData(g.ecsConfig),
			Findings: []*check.Kind{ECSConfigMisread, ECSConfigInvalid, ECSConfigUnreadable, ECSConfigUnknownKey, ECSConfigNotApplied,
				ClusterUnset, OtherClusterConfigured, WrongRegion, WrongAccount, ReservedMemoryAboveRam, BackendHostSet, DockerHostSet}},
		{Kind: ECSUnitCheck, Group: check.ECS, Title: "systemd runs ecs.service", Run: g.ecsUnit,
			Findings: append(UnitNotStarted(), ECSUnitFailed, ECSUnitRestarting, ECSUnitDisabled)},
		{
			Kind:     CheckpointCheck,
			Group:    check.ECS,
			Title:    "the ECS agent's saved state fits this instance and its cluster",
			Run:      g.checkpoint,
			Findings: []*check.Kind{SavedClusterMismatch, CheckpointOfOtherInstance, CheckpointDamaged},
		},
		g.agentLogCheck(),
		registered,
		{Kind: ClusterCheck, Group: check.ECS, Title: "the cluster exists and is ACTIVE", Run: g.cluster, Remote: true,
			Findings: []*check.Kind{ClusterMissing, ClusterInactive, ClusterNotActive}},
		remote(check.Check{Kind: ContainerInstanceCheck, Title: "ECS shows this instance as registered and connected",
			Findings: []*check.Kind{ContainerInstanceUnknown, ForeignContainerInstance, RegistrationFailed, ContainerInstanceInactive,
				ContainerInstanceDraining, StillRegistering, AgentDisconnected}}, is, g.containerInstance),
		remote(check.Check{Kind: RegistrationsCheck, Title: "ECS has only one registration of this instance", Deep: true,
			Findings: []*check.Kind{SecondRegistration}}, is, g.registrations),
	}
}

func (g Group) agentLogCheck() check.Check {
	c := check.Check{Kind: AgentLogCheck, Group: check.ECS, Title: "the ECS agent logged no error that keeps it from registering",
		Findings: append(logKinds(), AgentExits, AgentLogElsewhere)}
	warmPool := check.Use(&c, g.WarmPool)
	c.Run = func(ctx context.Context) []check.Finding { return g.agentLog(ctx, warmPool()) }
	return c
}

func (g Group) registeredCheck() (check.Check, *check.Learned[registration]) {
	c := check.Check{
		Kind:  RegisteredCheck,
		Group: check.ECS,
		Title: "the ECS agent has registered this instance",
		Findings: []*check.Kind{
			IntrospectionRefused,
			IntrospectionSilent,
			IntrospectionGarbled,
			NotRegistered,
			WrongCluster,
			ClusterDefault,
		},
	}
	warmPool := check.Use(&c, g.WarmPool)
	return check.Learn(c, func(ctx context.Context) ([]check.Finding, registration) { return g.registered(ctx, warmPool()) })
}

// remote completes a check that calls the ECS API about the registration.
func remote(c check.Check, from *check.Learned[registration], run func(context.Context, registration) []check.Finding) check.Check {
	c.Group, c.Remote, c.Needs = check.ECS, true, []*check.Kind{RegisteredCheck}
	is := check.Use(&c, from)
	c.Run = func(ctx context.Context) []check.Finding { return run(ctx, is()) }
	return c
}
