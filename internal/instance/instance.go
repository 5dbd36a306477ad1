// Package instance represents this instance, which each command opens once: its settings and their origins, the record
// of bootstrap, its identity, its cluster, and one client per service. It does not decide how commands use them.
//
//	settings   flags, environment, /etc/muster/muster.env    Host.Read, Host.Load; package config merges them
//	identity   the instance metadata service                 Instance.Identify
//	record     bootstrap.json of that instance               Instance.Recall
//	cluster    the first source that sets one                Instance.Cluster, Resolve
//	clients    AWS, metadata, introspection, Docker, systemd Host, created on first use
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

// Instance is the state of this instance at the time it was read. It shares the clients of its Host.
type Instance struct {
	host *Host

	Set      config.Set     // the settings before they are merged into Config
	Config   *config.Config // includes the record after Recall
	Record   record.Record  // zero if there is no record
	Damage   error          // why the record could not be read; Config then does not include it
	Identity imds.Identity  // zero if unknown
	// NoIdentity is the error if the identity could not be read from the metadata service.
	NoIdentity error
}

// Metadata is the instance metadata service.
type Metadata interface {
	Identity(ctx context.Context) (imds.Identity, error)
}

// Load returns an Instance with only the settings. The error carries an exit code.
func (h *Host) Load(set config.Set) (*Instance, error) {
	cfg, err := config.Load(set)
	if err != nil {
		return nil, exitcode.Wrap(exitcode.BadConfiguration, err)
	}
	return &Instance{host: h, Set: set, Config: cfg}, nil
}

// Read reads the settings again and returns an Instance without identity and record.
func (h *Host) Read() (*Instance, error) {
	set, err := h.settings()
	if err != nil {
		return nil, exitcode.Wrap(exitcode.BadConfiguration, err)
	}
	return h.Load(set)
}

// Of returns the Instance with this identity, its settings and its record.
func (h *Host) Of(id imds.Identity) (*Instance, error) {
	i, err := h.Read()
	if err != nil {
		return nil, err
	}
	i.Identity = id
	return i, i.Recall()
}

// Open reads the settings, the identity of this instance from the metadata service, and its record. It waits up to
// patience for the metadata service. If that fails, Open still returns the Instance, without identity and record, and
// sets NoIdentity.
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

// Glance is the timeout for the metadata service in interactive commands. The service responds in milliseconds on an
// instance, and does not exist outside EC2.
const Glance = time.Second

// Glance is like Open, for interactive commands that may also run outside EC2. It logs what could not be read.
func (h *Host) Glance(ctx context.Context, log *slog.Logger) (*Instance, error) {
	i, err := h.Open(ctx, Glance)
	if err != nil {
		return nil, err
	}
	var failure *imds.Error
	switch {
	case i.NoIdentity == nil:
		i.WarnOfDamage(log)
	case errors.As(i.NoIdentity, &failure) && (failure.Kind == imds.Unreachable || failure.Kind == imds.TimedOut):
		log.Warn(fmt.Sprintf("no metadata service responded within %s: assuming that this is not an EC2 instance", Glance), "phase", "record")
	default:
		i.WarnOfNoRecord(log)
	}
	return i, nil
}

// WarnOfNoRecord logs that the record was not read because the identity is unknown.
func (i *Instance) WarnOfNoRecord(log *slog.Logger) {
	log.Warn("continuing without the record of bootstrap: "+i.NoIdentity.Error(), "phase", "record")
}

// WarnOfDamage logs an error if the record could not be read.
func (i *Instance) WarnOfDamage(log *slog.Logger) {
	if i.Damage != nil {
		log.Warn(i.Damage.Error(), "phase", "record")
	}
}

// Identify reads the identity of this instance from the metadata service.
func (i *Instance) Identify(ctx context.Context, metadata Metadata) error {
	i.Identity, i.NoIdentity = metadata.Identity(ctx)
	return i.NoIdentity
}

// Recall reads the record of bootstrap for this instance, and loads the settings again with it. Without an identity,
// Recall does nothing. An unreadable record is not returned as an error; it is stored in Damage.
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

// Elsewhere reports whether the settings use a root directory other than "/". In that case the services of this host do
// not belong to the instance.
func (i *Instance) Elsewhere() bool { return i.Config.Root != "/" }

// NeverBootstrapped reports whether there is no record of any instance on this system.
func (i *Instance) NeverBootstrapped() bool { return record.None(i.Config) }
