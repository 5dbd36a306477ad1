// Package instance is this instance, opened once for a whole command: its settings
// with their origins, what bootstrap recorded on it, its identity, the cluster that it
// belongs to, and one client for each service that the command asks. What a phase does
// with them is not decided here.
//
//	settings   flags, environment, /etc/muster/muster.env    Host.Settings, Host.Load
//	identity   the instance metadata service                 Instance.Identify
//	record     bootstrap.json of that instance               Instance.Recall
//	cluster    the first source that names one               Instance.Cluster, Resolve
//	clients    AWS, metadata, introspection, Docker, systemd Host, made when first asked for
package instance

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"muster/internal/base/exitcode"
	"muster/internal/config"
	"muster/internal/host/imds"
	"muster/internal/instance/record"
)

// Instance is what is known of this instance at one moment. Its clients are the host's.
type Instance struct {
	host *Host

	Set      config.Set     // the settings before they are one Config
	Config   *config.Config // includes the record after Recall
	Record   record.Record  // zero without one
	Damage   error          // why the record cannot be read; Config is without it then
	Identity imds.Identity  // zero if it is unknown
	// NoIdentity is why the metadata service did not name the identity.
	NoIdentity error
}

// Metadata is the instance metadata service.
type Metadata interface {
	Identity(ctx context.Context) (imds.Identity, error)
}

// Load makes an Instance of the settings alone. The error carries an exit code.
func (h *Host) Load(set config.Set) (*Instance, error) {
	cfg, err := config.Load(set)
	if err != nil {
		return nil, exitcode.Wrap(exitcode.BadConfiguration, err)
	}
	return &Instance{host: h, Set: set, Config: cfg}, nil
}

// Read reads the settings again, without the identity and the record.
func (h *Host) Read() (*Instance, error) {
	set, err := h.settings()
	if err != nil {
		return nil, exitcode.Wrap(exitcode.BadConfiguration, err)
	}
	return h.Load(set)
}

// Of reads the settings and the record of the instance with this identity.
func (h *Host) Of(id imds.Identity) (*Instance, error) {
	i, err := h.Read()
	if err != nil {
		return nil, err
	}
	i.Identity = id
	return i, i.Recall()
}

// Open reads the settings, asks the metadata service for at most patience which
// instance this is, and reads the record of that instance. If the metadata service does
// not answer, the instance is opened without it, and NoIdentity says why.
func (h *Host) Open(ctx context.Context, patience time.Duration) (*Instance, error) {
	i, err := h.Read()
	if err != nil {
		return nil, err
	}
	if i.Identify(ctx, h.Metadata(patience)) != nil {
		return i, nil
	}
	return i, i.Recall()
}

// Glance is how long a person waits for the metadata service, which answers in
// milliseconds on an instance and does not exist elsewhere.
const Glance = time.Second

// Glance is Open for a person who may be away from EC2. It logs what is missing.
func (h *Host) Glance(ctx context.Context, log *slog.Logger) (*Instance, error) {
	i, err := h.Open(ctx, Glance)
	if err != nil {
		return nil, err
	}
	var failure *imds.Error
	switch {
	case i.NoIdentity == nil:
		i.WarnOfDamage(log)
	case errors.As(i.NoIdentity, &failure) && (failure.Kind == imds.Unreachable || failure.Kind == imds.Silent):
		log.Warn(fmt.Sprintf("no metadata service answers within %s: assuming that this is not an EC2 instance", Glance), "phase", "record")
	default:
		i.WarnOfNoRecord(log)
	}
	return i, nil
}

// WarnOfNoRecord logs that nothing is known of bootstrap, because the identity is unknown.
func (i *Instance) WarnOfNoRecord(log *slog.Logger) {
	log.Warn("without what bootstrap recorded on this instance: "+i.NoIdentity.Error(), "phase", "record")
}

// WarnOfDamage logs that the record cannot be read, if that is so.
func (i *Instance) WarnOfDamage(log *slog.Logger) {
	if i.Damage != nil {
		log.Warn(i.Damage.Error(), "phase", "record")
	}
}

// Identify asks the metadata service which instance this is.
func (i *Instance) Identify(ctx context.Context, metadata Metadata) error {
	i.Identity, i.NoIdentity = metadata.Identity(ctx)
	return i.NoIdentity
}

// Recall reads what bootstrap recorded on this instance, and loads the settings again
// with it. Without an identity there is no record. A record that cannot be read is no
// error: Damage says why.
func (i *Instance) Recall() error {
	if i.Identity.InstanceID == "" {
		return nil
	}
	cfg, rec, damage, err := record.Recall(i.Set, i.Identity.InstanceID)
	if err != nil {
		return exitcode.Wrap(exitcode.BadConfiguration, err)
	}
	i.Config, i.Record, i.Damage = cfg, rec, damage
	return nil
}

// Elsewhere reports whether the settings describe an instance whose files are below
// another root: then the services of this host are not its own.
func (i *Instance) Elsewhere() bool { return i.Config.Root != "/" }

// NeverBootstrapped reports whether no bootstrap has left a record here, for whatever
// instance.
func (i *Instance) NeverBootstrapped() bool { return record.None(i.Config) }
