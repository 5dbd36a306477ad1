package bootstrap

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"muster/check/catalog"
	"muster/internal/awsapi"
	"muster/internal/base/cluster"
	"muster/internal/config"
	"muster/internal/fleet/inventory"
	"muster/internal/host/dockerapi"
	"muster/internal/host/ecsagent"
	"muster/internal/host/imds"
	"muster/internal/host/units"
	"muster/internal/instance"
	"muster/internal/report/ports"
)

// Host gives Configure and Verify access to the instance and to everything outside it.
type Host struct {
	Settings config.Set
	Log      *slog.Logger // progress, for a person or the journal

	// This is the shared instance.Host. It loads the Instance from the settings, with the clients that the whole command
	// shares. If it is nil, the Instance has no clients.
	This *instance.Host

	// The following functions are called once the settings are loaded.
	IMDS  func(*config.Config) Metadata
	AWS   func(ctx context.Context, region string) (AWS, error)
	Units func(ctx context.Context, root string) (Units, error) // instance.ErrNoSystemd if the host has no systemd
	Agent func(*config.Config) Introspection
	// Docker is called only to wait for a service.
	Docker func(*instance.Instance) (Docker, error)
	// World adds the sources that the checks need to find out why the instance did not register, such as Docker and the
	// network. It may be nil.
	World func(context.Context, *instance.Instance, catalog.World) catalog.World
	// Ports evaluates the replication ports between this instance and its cluster peers, using the client that AWS
	// returned. If nil, the ports are not checked.
	Ports func(ctx context.Context, i *instance.Instance, cluster string) (*ports.Report, error)

	// UnitFiles are the units to install if no package has installed them. Binary is the path of the running program.
	UnitFiles []units.Unit
	Binary    string

	pace *pace // nil means realPace
}

// Metadata is the instance metadata service.
type Metadata interface {
	Identity(ctx context.Context) (imds.Identity, error)
	Signed(ctx context.Context) (document []byte, signature string, err error)
	Tag(ctx context.Context, key string) (value string, ok bool, err error)
	LifecycleState(ctx context.Context) (string, error)
	UserData(ctx context.Context) (data []byte, ok bool, err error)
}

// Clusters looks up ECS clusters.
type Clusters interface {
	ClusterStatus(ctx context.Context, cluster string) (string, error)
	ClusterNames(ctx context.Context) ([]string, error)
}

// Registry looks up container instances.
type Registry interface {
	ContainerInstance(ctx context.Context, cluster, arn string) (awsapi.ContainerInstance, error)
}

// Groups looks up the Auto Scaling group of an instance.
type Groups interface {
	Group(ctx context.Context, instanceID string) (awsapi.Group, error)
	GroupTag(ctx context.Context, group, key string) (value string, ok bool, err error)
}

// Hooks sends heartbeats to a launch hook and completes it.
type Hooks interface {
	Hook(ctx context.Context, group, name string) (awsapi.Hook, error)
	Heartbeat(ctx context.Context, h awsapi.Hook, instanceID string) error
	Complete(ctx context.Context, h awsapi.Hook, instanceID, result string) error
}

// Signals sends the result of a boot to Auto Scaling and CloudFormation.
type Signals interface {
	SignalSigV4(ctx context.Context, s awsapi.Signal) error
	SignalIdentity(ctx context.Context, s awsapi.Signal, document []byte, signature string) error
	SetUnhealthy(ctx context.Context, instanceID string, respectGracePeriod bool) error
}

// Attributes sets attributes of container instances.
type Attributes interface {
	PutAttribute(ctx context.Context, cluster, arn, name, value string) error
}

// Services looks up ECS services and their tasks.
type Services interface {
	DescribeServices(ctx context.Context, cluster string, services []string) ([]inventory.Service, error)
	TaskGroups(ctx context.Context, cluster string, tasks []string) (groups map[string]string, err error)
}

// AWS combines all AWS APIs. Calls returns the number of requests that this process has sent to them.
type AWS interface {
	Clusters
	Registry
	Groups
	Hooks
	Signals
	Attributes
	Services
	Calls() int
}

// Units is systemd.
type Units interface {
	Reload(ctx context.Context) error
	Enable(ctx context.Context, names ...string) ([]string, error)
	Queue(ctx context.Context, verb units.Verb, name string) error
	Mask(ctx context.Context, name string, runtime bool) error
	Unmask(ctx context.Context, name string, runtime bool) error
	Show(ctx context.Context, name string) (units.State, error)
	Version(ctx context.Context) (units.Version, error)
	Close()
}

// Introspection is the ECS agent's introspection server.
type Introspection interface {
	Metadata(ctx context.Context) (ecsagent.Metadata, error)
	Tasks(ctx context.Context) ([]ecsagent.Task, error)
}

// Docker is the Docker Engine.
type Docker interface {
	List(ctx context.Context, all bool) ([]dockerapi.Summary, error)
}

// run is the state of one run of Configure or Verify.
type run struct {
	*Host
	pace    pace
	started time.Time

	// Instance.Config is nil if no settings could be used. Instance.Record was written by an earlier run.
	*instance.Instance
	badSettings bool // the settings are invalid; Config contains only the usable ones

	imds    Metadata
	aws     AWS   // nil until the instance is identified
	units   Units // nil if systemd is unreachable; noUnits is the reason
	noUnits error
	group   atomic.Pointer[string] // Auto Scaling group; nil until it is known
	noHook  atomic.Pointer[error]  // set if the group has no such launch hook

	stopHook   func()      // ends the heartbeats; can be called more than once
	completing atomic.Bool // the hook is being completed, so a heartbeat that finds it completed logs nothing

	confirmed *lastResponse // the last response of the ECS API; nil before the first

	wanted cluster.Ref // the cluster to join, once it is known
	origin string      // the setting, tag or file that names the cluster
}

// ecsUnit is the name of the ECS agent's unit in the ECS-optimized AMIs and in the amazon-ecs-init packages.
const ecsUnit = "ecs.service"

// open loads the settings, identifies this instance, and then loads the settings again together with those that an
// earlier bootstrap recorded. It connects to systemd first, because ecs.service may have to be held back if any later
// step fails.
func (h *Host) open(ctx context.Context) (*run, error) {
	r := &run{Host: h, pace: realPace(), started: time.Now(), stopHook: func() {}, Instance: &instance.Instance{}}
	if h.pace != nil {
		r.pace = *h.pace
	}
	i, bad := h.This.Load(h.Settings)
	r.badSettings = bad != nil
	if bad != nil {
		if i = h.lenient(); i == nil {
			return r, bad
		}
	}
	r.Instance = i
	r.connect(ctx)
	if bad != nil {
		if r.Config.CFNStack != "" || r.Config.LifecycleHook != "" {
			_ = r.identify(ctx) // best effort, so that the stack and the hook still get their signal
		}
		return r, bad
	}
	if err := r.identify(ctx); err != nil {
		return r, err
	}
	if err := r.Recall(); err != nil {
		return r, err
	}
	if r.Damage != nil {
		h.warn("record", "%v; continuing without it", r.Damage)
	}
	return r, nil
}

// identify reads the identity document and creates the API clients.
func (r *run) identify(ctx context.Context) (err error) {
	r.imds = r.IMDS(r.Config)
	if err = r.Identify(ctx, r.imds); err != nil {
		return undetermined(err)
	}
	r.info("identity", "%s (%s) in %s, account %s", r.Identity.InstanceID, r.Identity.InstanceType, r.Identity.AvailabilityZone,
		r.Identity.AccountID)
	aws, err := r.Host.AWS(ctx, r.Identity.Region)
	if err != nil {
		return badConfig(err)
	}
	r.aws = aws
	return nil
}

// lenient loads as much as possible of invalid settings: the settings that locate this instance and those for the
// signals, or only the former. It returns nil if neither set can be loaded.
func (h *Host) lenient() *instance.Instance {
	place := []string{"MUSTER_ROOT", "MUSTER_CONSOLE"}
	waiting := []string{"MUSTER_IMDS_TIMEOUT", "MUSTER_CFN_STACK", "MUSTER_CFN_RESOURCE", "MUSTER_CFN_AUTH",
		"MUSTER_LIFECYCLE_HOOK", "MUSTER_ON_FAILURE"}
	for _, keep := range [][]string{append(waiting, place...), place} {
		if i, err := h.This.Load(h.Settings.Only(keep...)); err == nil {
			return i
		}
	}
	return nil
}

func (r *run) connect(ctx context.Context) {
	ctx, stop := context.WithTimeout(ctx, r.pace.systemd)
	defer stop()
	units, err := r.Units(ctx, r.Config.Root)
	if err == nil {
		r.units = units
	}
	r.noUnits = err
}

func (r *run) close() {
	if r.units != nil {
		r.units.Close()
	}
}
