// Package subject describes the checked instance, as far as several groups need it: its identity, its ECS agent's
// settings, whether it has registered, and the state of systemd and user data. A source that only one group needs is
// passed to that group.
//
// The package provides facts and makes no finding.
package subject

import (
	"cmp"
	"context"
	"path/filepath"
	"strings"
	"time"

	"muster/internal/base/cluster"
	"muster/internal/config"
	"muster/internal/file/safefile"
	"muster/internal/host/dockerapi"
	"muster/internal/host/ecsagent"
	"muster/internal/host/imds"
	"muster/internal/instance/record"
)

// Introspection returns what the ECS agent reports about itself.
type Introspection interface {
	Metadata(ctx context.Context) (ecsagent.Metadata, error)
}

// UserData reads user data. Only its format is examined. Its text is never shown.
type UserData interface {
	UserData(ctx context.Context) (data []byte, ok bool, err error)
}

// AgentContainer finds the ECS agent's container.
type AgentContainer interface {
	AgentContainer(ctx context.Context) (dockerapi.AgentContainer, bool, error)
}

// Instance is the checked instance. Use New to create it.
type Instance struct {
	Config *config.Config
	Record record.Record // written by bootstrap on this instance; zero if there is none

	// Identity is this instance's identity. NoIdentity is the error of the metadata service if it is unknown.
	Identity   imds.Identity
	NoIdentity error

	Agent Introspection // nil if the ECS agent cannot be queried

	now       func() time.Time
	userData  UserData
	container AgentContainer
	settings  *settingsOnce
}

// Sources are the sources of the ECS agent's settings that New queries. A nil source is skipped.
type Sources struct {
	UserData  UserData
	Container AgentContainer
	Now       func() time.Time // this host's clock; nil means time.Now
}

// New returns an instance with the exported fields of i and these sources.
func New(i Instance, from Sources) *Instance {
	i.now, i.userData, i.container = from.Now, from.UserData, from.Container
	if i.now == nil {
		i.now = time.Now
	}
	i.settings = newSettingsOnce()
	return &i
}

// MaxSmall limits the bytes read of a settings or state file.
const MaxSmall = 1 << 20

// Now returns the time of this host's clock.
func (i *Instance) Now() time.Time { return i.now() }

// InstanceID returns the instance ID for commands, or a placeholder. If the metadata service does not respond,
// cloud-init may have saved the ID at an earlier boot.
func (i *Instance) InstanceID() string {
	if i.Identity.InstanceID != "" {
		return i.Identity.InstanceID
	}
	if data, err := safefile.Read(i.Config.Path("/var/lib/cloud/data/instance-id"), MaxSmall); err == nil {
		if id := strings.TrimSpace(string(data)); strings.HasPrefix(id, "i-") && strings.Trim(id, "i-0123456789abcdef") == "" {
			return id
		}
	}
	return "INSTANCE_ID"
}

// Region returns the region for commands, or a placeholder.
func (i *Instance) Region() string { return cmp.Or(i.Identity.Region, "REGION") }

// Terminate returns the command that terminates this instance.
func (i *Instance) Terminate() string {
	return "aws ec2 terminate-instances --region " + i.Region() + " --instance-ids " + i.InstanceID()
}

// Wanted returns the cluster that the instance must join, and the source that sets it. The sources are muster's
// settings, the record of bootstrap, and the settings of the ECS agent, in this order. The cluster is empty if no
// source names one.
func (i *Instance) Wanted() (text, origin string) {
	if i.Config.Cluster != "" {
		return i.Config.Cluster, i.Config.Origin("MUSTER_CLUSTER").String()
	}
	if i.Record.Cluster != "" {
		return i.Record.Cluster, i.Record.ClusterOrigin
	}
	return i.Configured()
}

// ClusterForCommand returns the wanted cluster, or a placeholder.
func (i *Instance) ClusterForCommand() string {
	name, _ := i.Wanted()
	if _, err := cluster.Parse(name); err != nil || name == "" {
		return "NAME"
	}
	return name
}

// AgentARN returns the container instance ARN that the ECS agent reports. It is empty without a registration.
func (i *Instance) AgentARN(ctx context.Context) string {
	if i.Agent == nil {
		return ""
	}
	meta, err := i.Agent.Metadata(ctx)
	if err != nil {
		return ""
	}
	return meta.ContainerInstanceARN
}

// Registered reports whether the ECS agent itself reports a registration.
func (i *Instance) Registered(ctx context.Context) bool { return i.AgentARN(ctx) != "" }

// CheckpointPath returns the path of the ECS agent's saved state.
func (i *Instance) CheckpointPath() string {
	return filepath.Join(i.Config.Path(i.Config.ECSDataDir), "agent.db")
}

// SameCluster reports whether two texts name the same cluster.
func SameCluster(a, b string) bool { return cluster.SameText(a, b) }

// NameOf returns a cluster's name for a sentence, because an ARN is too long.
func NameOf(text string) string {
	if ref, err := cluster.Parse(text); err == nil && ref.Name != "" {
		return ref.Name
	}
	return text
}
