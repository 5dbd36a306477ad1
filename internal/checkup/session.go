package checkup

import (
	"context"
	"log/slog"
	"time"

	"muster/check"
	"muster/internal/instance"
	"muster/internal/portcheck"
)

// metadataPatience is how long a look waits for the metadata service, which answers in
// milliseconds if it answers at all.
const metadataPatience = 2 * time.Second

// Session is what the looks of one command share. With --wait there are many.
type Session struct {
	Ports portcheck.Recent // the last report on the replication ports

	// What the last look saw.
	Instance *instance.Instance
	World    check.World

	host *instance.Host
	log  *slog.Logger
}

// NewSession makes a session that looks at this instance through host.
func NewSession(host *instance.Host, log *slog.Logger) *Session {
	return &Session{host: host, log: log}
}

// Open opens this instance as it is now. Only bad settings are an error: whatever else
// is missing is for the checks to find.
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
