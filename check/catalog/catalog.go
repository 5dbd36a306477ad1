// Package catalog assembles the groups of checks. It gives each group its sources, and the checks and findings of other
// groups that can explain its own.
package catalog

import (
	"context"
	"net/netip"
	"slices"
	"time"

	"muster/check"
	"muster/check/docker"
	"muster/check/ecs"
	"muster/check/health"
	"muster/check/instance"
	"muster/check/network"
	"muster/check/ports"
	"muster/check/subject"
	"muster/check/tasks"
	"muster/internal/config"
	"muster/internal/fleet"
	"muster/internal/host/hostports"
	"muster/internal/host/imds"
	"muster/internal/host/kernel"
	"muster/internal/instance/record"
	portsreport "muster/internal/report/ports"
)

// Engine is a read-only client of the Docker Engine.
type Engine interface {
	docker.Engine
	health.Containers
}

// World holds the sources of all checks. A nil source is not available here, and the checks that need it are skipped.
type World struct {
	Config *config.Config
	Record record.Record // written by bootstrap on this instance; zero if there is none

	// Identity is this instance's identity. NoIdentity is the error of the metadata service if it is unknown.
	Identity   imds.Identity
	NoIdentity error

	Agent    subject.Introspection // the ECS agent
	Registry ecs.Registry          // the ECS API: an *awsapi.Client
	// AgentTasks returns the ECS agent's tasks. Stopped returns ECS's reasons why tasks stopped.
	AgentTasks tasks.Agent
	Stopped    tasks.ECS

	// NoUnits and NoEngine are the errors if systemd or Docker exists here but cannot be queried.
	Units    subject.Units
	NoUnits  error
	Engine   Engine
	NoEngine error

	// HostPorts checks the replication ports on this host. Ports evaluates them between this instance and its peers.
	HostPorts func(context.Context) hostports.Report
	Ports     func(context.Context) (*portsreport.Report, error)

	IMDS instance.Metadata // the metadata service: an imds.Client with a short timeout
	Net  subject.Net       // the path to the endpoints: a netpath.Prober
	// ECSEndpoint is the URL of ECS: awsapi.Client.ECSEndpoint. It is empty if the region is unknown.
	ECSEndpoint string
	VPC         network.VPC // the VPC, as EC2 describes it: an *awsapi.Client
	// Guards finds the security groups and ACLs of this instance and of the addresses: fleet.Discover with both.
	Guards func(context.Context, []netip.Addr) (fleet.Fleet, error)
	Poll   network.Poller // ECS, with this instance's credentials: an *awsapi.Client
	// FileSystem returns the usage of a path's file system: kernel.FileSystemAt.
	FileSystem func(path string) (kernel.FileSystem, error)
	Now        func() time.Time // this host's clock; nil means time.Now
	// Getenv reads the environment of muster. A nil Getenv means an empty environment.
	Getenv func(name string) string
}

// Checks returns all checks. A check comes before the checks whose failure it can explain.
func Checks(w World) []check.Check {
	i, systemd := w.instance(), subject.Systemd{Units: w.Units, Err: w.NoUnits}
	route := subject.Route{Net: w.Net, Endpoint: w.ECSEndpoint, OfAgent: i}
	ofInstance := instance.Group{Instance: i, IMDS: w.IMDS, Systemd: systemd, Route: route, FileSystem: w.FileSystem, Getenv: w.Getenv}
	first, bootstrap, warmPool := ofInstance.Checks()
	ofNetwork := network.Group{Instance: i, Route: route, IMDS: w.IMDS, Poll: w.Poll, Others: network.Others{
		InstanceRoleCheck: instance.InstanceRoleCheck, ClockSkew: instance.ClockSkew, ECSConfigMisread: ecs.ECSConfigMisread,
	}, VPC: network.Surroundings{VPC: w.VPC, Guards: w.Guards}}
	ofECS := ecs.Group{Instance: i, Registry: w.Registry, Systemd: systemd, Engine: w.Engine, WarmPool: warmPool, Others: explainsECS()}
	ofDocker := docker.Group{Instance: i, Engine: w.Engine, NoEngine: w.NoEngine, Systemd: systemd, Others: docker.Others{
		DiskCheck: instance.DiskCheck, PressureCheck: instance.PressureCheck, ECSUnitWaiting: ecs.ECSUnitWaiting,
		NetworkChecks: networkChecks(), UnitNotStarted: ecs.UnitNotStarted(),
	}}
	ofPorts := ports.Group{Instance: i, HostPorts: w.HostPorts, Ports: w.Ports, Others: ports.Others{DockerCheck: docker.DockerCheck}}
	ofHealth := health.Group{Instance: i, Engine: w.Engine, NoEngine: w.NoEngine, Systemd: systemd, Others: health.Others{
		DiskCheck: instance.DiskCheck, DockerCheck: docker.DockerCheck,
		Registration: append(ofECS.Beneath(), ecs.RegisteredCheck, ecs.ContainerInstanceCheck),
	}}
	return ofInstance.OnThisPlatform(slices.Concat(first, ofNetwork.Checks(), bootstrap, ofDocker.Checks(), ofECS.Checks(),
		ofPorts.Checks(), ofHealth.Checks(), w.tasks(i).Checks()))
}

func (w World) tasks(i *subject.Instance) tasks.Group {
	return tasks.Group{Instance: i, Engine: w.Engine, NoEngine: w.NoEngine, Agent: w.AgentTasks, ECS: w.Stopped, Others: tasks.Others{
		DiskCheck: instance.DiskCheck, PressureCheck: instance.PressureCheck, DockerCheck: docker.DockerCheck, DNSCheck: network.DNSCheck,
		NetworkChecks:      networkChecks(),
		ContainerOOMKilled: health.ContainerOOMKilled, ContainerRestarting: health.ContainerRestarting,
		ContainerUnhealthy: health.ContainerUnhealthy, MusterOrphan: health.MusterOrphan,
	}}
}

func (w World) instance() *subject.Instance {
	from := subject.Sources{Now: w.Now}
	if w.IMDS != nil {
		from.UserData = w.IMDS
	}
	if w.Engine != nil {
		from.Container = w.Engine
	}
	return subject.New(subject.Instance{Config: w.Config, Record: w.Record, Identity: w.Identity, NoIdentity: w.NoIdentity, Agent: w.Agent},
		from)
}

// networkChecks returns the checks of the path from this instance to the ECS endpoints.
func networkChecks() []*check.Kind {
	return []*check.Kind{network.ProxyCheck, network.DNSCheck, network.ECSEndpointsCheck, network.VPCPathCheck, network.PollEndpointCheck}
}

func explainsECS() ecs.Others {
	return ecs.Others{
		BootstrapCheck: instance.BootstrapCheck, ClockCheck: instance.ClockCheck, DiskCheck: instance.DiskCheck,
		IMDSCheck: instance.IMDSCheck, InstanceRoleCheck: instance.InstanceRoleCheck, LifecycleCheck: instance.LifecycleCheck,
		PressureCheck: instance.PressureCheck, UserDataCheck: instance.UserDataCheck, Leaving: instance.Leaving,
		UserDataNotRun: instance.UserDataNotRun,
		DNSCheck:       network.DNSCheck, ECSEndpointsCheck: network.ECSEndpointsCheck, PollEndpointCheck: network.PollEndpointCheck,
		ProxyCheck: network.ProxyCheck, VPCPathCheck: network.VPCPathCheck,
		DockerCheck: docker.DockerCheck, AgentImageCheck: docker.AgentImageCheck, AgentContainerDown: docker.AgentContainerDown,
		AgentOutOfMemory: docker.AgentOutOfMemory,
	}
}
