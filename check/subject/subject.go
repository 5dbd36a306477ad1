// Package subject is the instance that the checks examine, as far as several groups
// need it: who it is, what its ECS agent is configured to do, whether it has
// registered, and what systemd and user data say of it. What one group alone looks at is
// handed to that group.
//
// It states facts and makes no finding.
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

// Introspection is the ECS agent's own account of itself.
type Introspection interface {
	Metadata(ctx context.Context) (ecsagent.Metadata, error)
}

// UserData reads user data. Only its form is examined; its text is never shown.
type UserData interface {
	UserData(ctx context.Context) (data []byte, ok bool, err error)
}

// AgentContainer finds the ECS agent's container.
type AgentContainer interface {
	AgentContainer(ctx context.Context) (dockerapi.AgentContainer, bool, error)
}

// Instance is the instance that is examined. Make it with New.
type Instance struct {
	Config *config.Config
	Record record.Record // what bootstrap left on this instance; zero without it

	// Identity is who this instance is; NoIdentity is why the metadata service did not
	// say.
	Identity   imds.Identity
	NoIdentity error

	Agent Introspection // nil: no ECS agent can be asked

	now       func() time.Time
	userData  UserData
	container AgentContainer
	settings  *settingsOnce
}

// Sources are what New asks for the ECS agent's settings. Nil ones are not asked.
type Sources struct {
	UserData  UserData
	Container AgentContainer
	Now       func() time.Time // this host's clock; nil: time.Now
}

// New completes an instance, of which the exported fields are set, with its sources.
func New(i Instance, from Sources) *Instance {
	i.now, i.userData, i.container = from.Now, from.UserData, from.Container
	if i.now == nil {
		i.now = time.Now
	}
	i.settings = newSettingsOnce()
	return &i
}

// MaxSmall bounds what is read of a settings or state file, in bytes.
const MaxSmall = 1 << 20

// Now is the time by this host's clock.
func (i *Instance) Now() time.Time { return i.now() }

// InstanceID is for commands: the id, or a placeholder. cloud-init saved the id at a
// boot at which the metadata service answered.
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

// Region is for commands: the region, or a placeholder.
func (i *Instance) Region() string { return cmp.Or(i.Identity.Region, "REGION") }

// Terminate is the command that terminates this instance.
func (i *Instance) Terminate() string {
	return "aws ec2 terminate-instances --region " + i.Region() + " --instance-ids " + i.InstanceID()
}

// Wanted is the cluster that the instance must join and where that is set: muster's
// settings, the record of bootstrap, else the settings of the ECS agent. Empty: none
// names a cluster.
func (i *Instance) Wanted() (text, origin string) {
	if i.Config.Cluster != "" {
		return i.Config.Cluster, i.Config.Origin("MUSTER_CLUSTER").String()
	}
	if i.Record.Cluster != "" {
		return i.Record.Cluster, i.Record.ClusterOrigin
	}
	return i.Configured()
}

// ClusterForCommand is the wanted cluster, or a placeholder.
func (i *Instance) ClusterForCommand() string {
	name, _ := i.Wanted()
	if _, err := cluster.Parse(name); err != nil || name == "" {
		return "NAME"
	}
	return name
}

// AgentARN is the container instance ARN that the ECS agent reports; empty without a
// registration.
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

// CheckpointPath is the ECS agent's saved state.
func (i *Instance) CheckpointPath() string {
	return filepath.Join(i.Config.Path(i.Config.ECSDataDir), "agent.db")
}

// SameCluster reports whether two texts name one cluster.
func SameCluster(a, b string) bool { return cluster.SameText(a, b) }

// NameOf is a cluster's name for a sentence, because an ARN is long.
func NameOf(text string) string {
	if ref, err := cluster.Parse(text); err == nil && ref.Name != "" {
		return ref.Name
	}
	return text
}
