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
	"muster/internal/host/ecsagent"
	"muster/internal/host/imds"
	"muster/internal/host/units"
	"muster/internal/instance"
	"muster/internal/report/ports"
)

// Host is the instance, and everything outside it, as Configure and Verify need it.
type Host struct {
	Settings config.Set
	Log      *slog.Logger // progress, for a person or the journal

	// This makes an Instance of the settings, with the clients that a whole command
	// shares; nil: an Instance without clients.
	This *instance.Host

	// The constructors are called when the settings are known.
	IMDS  func(*config.Config) Metadata
	AWS   func(ctx context.Context, region string) (AWS, error)
	Units func(ctx context.Context, root string) (Units, error) // instance.ErrNoSystemd where there is none
	Agent func(*config.Config) Introspection
	// World adds what the checks need to find out why the instance did not register:
	// Docker, the network; nil: nothing.
	World func(context.Context, *instance.Instance, catalog.World) catalog.World
	// Ports evaluates the replication ports between this instance and the peers of
	// the cluster through the client that AWS returned; nil: no check.
	Ports func(ctx context.Context, i *instance.Instance, cluster string) (*ports.Report, error)

	// UnitFiles are installed where no package brought them; Binary is the
	// path of the running program.
	UnitFiles []units.Unit
	Binary    string

	pace *pace // nil: realPace
}

// Metadata is the instance metadata service.
type Metadata interface {
	Identity(ctx context.Context) (imds.Identity, error)
	Signed(ctx context.Context) (document []byte, signature string, err error)
	Tag(ctx context.Context, key string) (value string, ok bool, err error)
	LifecycleState(ctx context.Context) (string, error)
	UserData(ctx context.Context) (data []byte, ok bool, err error)
}

// Clusters says which clusters there are.
type Clusters interface {
	ClusterStatus(ctx context.Context, cluster string) (string, error)
	ClusterNames(ctx context.Context) ([]string, error)
}

// Registry says which container instances there are.
type Registry interface {
	ContainerInstance(ctx context.Context, cluster, arn string) (awsapi.ContainerInstance, error)
}

// Groups says which Auto Scaling group an instance is in.
type Groups interface {
	Group(ctx context.Context, instanceID string) (awsapi.Group, error)
	GroupTag(ctx context.Context, group, key string) (value string, ok bool, err error)
}

// Hooks keeps a launch hook waiting and ends it.
type Hooks interface {
	Hook(ctx context.Context, group, name string) (awsapi.Hook, error)
	Heartbeat(ctx context.Context, h awsapi.Hook, instanceID string) error
	Complete(ctx context.Context, h awsapi.Hook, instanceID, result string) error
}

// Signals are what Auto Scaling and CloudFormation wait for.
type Signals interface {
	SignalSigV4(ctx context.Context, s awsapi.Signal) error
	SignalIdentity(ctx context.Context, s awsapi.Signal, document []byte, signature string) error
	SetUnhealthy(ctx context.Context, instanceID string, respectGracePeriod bool) error
}

// Attributes sets attributes of container instances.
type Attributes interface {
	PutAttribute(ctx context.Context, cluster, arn, name, value string) error
}

// AWS is all of the APIs, and how many requests this process has sent to them.
type AWS interface {
	Clusters
	Registry
	Groups
	Hooks
	Signals
	Attributes
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
}

// run is one run of Configure or Verify: what it has found out so far.
type run struct {
	*Host
	pace    pace
	started time.Time

	// Instance has no Config if no settings could be used. Its Record is of an earlier run.
	*instance.Instance
	badSettings bool // Config is what could be used of settings that cannot be loaded

	imds    Metadata
	aws     AWS   // nil until the instance is known
	units   Units // nil where systemd cannot be reached; noUnits says why
	noUnits error
	group   atomic.Pointer[string] // of Auto Scaling; nil before it is known
	noHook  atomic.Pointer[error]  // the group has no such launch hook

	stopHook   func()      // ends the heartbeats, more than once if need be
	completing atomic.Bool // the hook's end is being sent: a heartbeat that finds it over is no news

	confirmed *answered // the last answer of the ECS API; nil before the first

	wanted cluster.Ref // the cluster that the instance is to join, once it is known
	origin string      // the setting, tag or file that names it
}

// The name of the ECS agent's unit, in the ECS-optimized AMIs and in the
// packages of amazon-ecs-init.
const ecsUnit = "ecs.service"

// open loads the settings, identifies this instance, and loads the settings again
// with what an earlier bootstrap recorded for it. systemd comes first: whatever
// fails, the ECS agent may have to be held back.
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
			_ = r.identify(ctx) // the stack and the hook get their signal if that is possible
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

// identify reads the identity document and makes the clients of the APIs.
func (r *run) identify(ctx context.Context) (err error) {
	r.imds = r.IMDS(r.Config)
	if err = r.Identify(ctx, r.imds); err != nil {
		return undetermined(err)
	}
	r.info("identity", "%s (%s) in %s, account %s", r.Identity.InstanceID, r.Identity.InstanceType, r.Identity.AvailabilityZone, r.Identity.AccountID)
	aws, err := r.Host.AWS(ctx, r.Identity.Region)
	if err != nil {
		return badConfig(err)
	}
	r.aws = aws
	return nil
}

// lenient is what can be used of settings that cannot be loaded: where this instance
// is and who waits for it, or else the first alone; nil if not even that.
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
