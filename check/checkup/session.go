package checkup

import (
	"context"
	"log/slog"
	"time"

	"muster/check/catalog"
	"muster/check/portcheck"
	"muster/internal/instance"
)

// metadataPatience is the timeout for the metadata service during checks. A working service responds within
// milliseconds.
const metadataPatience = 2 * time.Second

// Session holds the state that the check runs of one command share. With --wait, there are many runs.
type Session struct {
	Ports portcheck.Recent // the last report on the replication ports

	// The instance and the sources of the last run.
	Instance *instance.Instance
	World    catalog.World

	host *instance.Host
	log  *slog.Logger
}

// NewSession creates a session that checks this instance through host.
func NewSession(host *instance.Host, log *slog.Logger) *Session {
	return &Session{host: host, log: log}
}

// Open reads the current state of this instance. It returns an error only for invalid settings, because the checks
// report everything else that is missing.
func (s *Session) Open(ctx context.Context) (err error) {
	if s.Instance, err = s.host.Open(ctx, metadataPatience); err != nil {
		return err
	}
	s.Instance.WarnOfDamage(s.log)
	s.World = World(ctx, s.Instance)
	if s.World.Ports != nil {
		s.World.Ports = s.Ports.Keep(s.World.Ports)
	}
	return nil
}
