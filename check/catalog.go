package check

import (
	"context"
	"net/netip"
	"slices"
	"time"

	"muster/internal/config"
	"muster/internal/fleet"
	"muster/internal/host/hostports"
	"muster/internal/host/imds"
	"muster/internal/host/kernel"
	"muster/internal/instance/record"
	"muster/internal/report/ports"
)

// World is what the checks look at. What is nil is not there to be looked at.
type World struct {
	Config *config.Config
	Record record.Record // what bootstrap left on this instance; zero without it

	// Identity is who this instance is; where the metadata service did not say,
	// NoIdentity is why.
	Identity   imds.Identity
	NoIdentity error

	Agent    Introspection // the ECS agent
	Registry Registry      // the ECS API: an *awsapi.Client

	// Units is systemd, and Engine Docker. Where they are there but cannot be
	// asked, NoUnits and NoEngine are why.
	Units    Units
	NoUnits  error
	Engine   Engine
	NoEngine error

	// HostPorts looks at the replication ports on this host, and Ports judges them
	// between this instance and its peers.
	HostPorts func(context.Context) hostports.Report
	Ports     func(context.Context) (*ports.Report, error)

	IMDS Metadata // the metadata service: an imds.Client of little patience, as two seconds
	Net  Net      // the way to the endpoints: a netpath.Prober
	// ECSEndpoint is where ECS is found, as a URL: awsapi.Client.ECSEndpoint. Empty:
	// the region is not known.
	ECSEndpoint string
	VPC         VPC // what EC2 says of the VPC: an *awsapi.Client
	// Guards finds the security groups and ACLs around this instance and around
	// the addresses: fleet.Discover with both.
	Guards func(context.Context, []netip.Addr) (fleet.Fleet, error)
	Poll   Poller // ECS, with this instance's credentials: an *awsapi.Client
	// FileSystem measures the one that a path is on: kernel.FileSystemAt.
	FileSystem func(path string) (kernel.FileSystem, error)
	Now        func() time.Time // this host's clock; nil: time.Now
	// Getenv reads muster's own environment; nil: it is empty.
	Getenv func(name string) string

	settings *settingsOnce // of the ECS agent, read once for all checks
}

// Catalog is every check, in the order in which one explains the next.
func Catalog(w World) []Check {
	f := &facts{}
	w.settings = newSettingsOnce()
	return w.onThisPlatform(slices.Concat(platformChecks(w), instanceChecks(w, f), networkChecks(w, f), bootstrapChecks(w), dockerChecks(w), ecsChecks(w, f), portChecks(w), healthChecks(w), w.agentChecks()))
}

// facts are what one check found out and others go by. Each field is written by
// one check, before those that need it run.
type facts struct {
	arn     string // of the container instance; written by registered
	cluster string // that the ECS agent reports; written by registered
	// deferred is the warm pool's state that holds the registration back; written
	// by lifecycle.
	deferred string
	names    []resolved  // written by dns
	lost     []unreached // endpoints that do not answer; written by ecs-endpoints
}
