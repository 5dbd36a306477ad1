package bootstrap

import (
	"context"
	"fmt"
	"log/slog"
	"os"

	"muster/check/checkup"
	"muster/check/portcheck"
	"muster/internal/config"
	"muster/internal/instance"
	unitfiles "muster/systemd"
)

// New creates a Host from the shared clients of this host. It reads the settings once.
func New(this *instance.Host, log *slog.Logger) (*Host, error) {
	set, err := this.Settings()
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("finding this program's own path: %w", err)
	}
	return &Host{
		Settings:  set,
		Log:       log,
		This:      this,
		IMDS:      func(cfg *config.Config) Metadata { return this.Metadata(cfg.IMDSTimeout) },
		AWS:       func(ctx context.Context, region string) (AWS, error) { return this.AWS(ctx, region) },
		Units:     func(ctx context.Context, root string) (Units, error) { return this.Systemd(ctx, root) },
		Agent:     func(cfg *config.Config) Introspection { return this.Introspection(cfg.IntrospectionURL) },
		Docker:    func(i *instance.Instance) (Docker, error) { return i.Docker() },
		World:     checkup.WithNetwork,
		Ports:     portcheck.AtBoot,
		UnitFiles: unitfiles.Units(),
		Binary:    self,
	}, nil
}
