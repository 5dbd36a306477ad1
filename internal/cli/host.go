package cli

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/spf13/cobra"

	"muster/bootstrap"
	"muster/check/catalog"
	"muster/internal/config"
	"muster/internal/host/ecsagent"
	"muster/internal/host/imds"
	"muster/internal/host/units"
	"muster/internal/report/ports"
	"muster/systemd"
)

// imdsEndpoint is the SDK's own variable; empty means the link-local address.
func imdsEndpoint() string { return os.Getenv("AWS_EC2_METADATA_SERVICE_ENDPOINT") }

// localTimeout bounds one request to a service of this host.
const localTimeout = 5 * time.Second

// host wires the parts of bootstrap and verify together.
func host(cmd *cobra.Command, log *slog.Logger) (*bootstrap.Host, error) {
	set, err := settings(cmd)
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("finding this program's own path: %w", err)
	}
	aws := &clients{}
	return &bootstrap.Host{
		Settings: set,
		Log:      log,
		IMDS: func(cfg *config.Config) bootstrap.Metadata {
			return imds.New(imdsEndpoint(), cfg.IMDSTimeout)
		},
		AWS: func(ctx context.Context, region string) (bootstrap.AWS, error) {
			return aws.of(ctx, region)
		},
		Units: func(ctx context.Context, root string) (bootstrap.Units, error) {
			if !units.Booted(root) {
				return nil, bootstrap.ErrNoSystemd
			}
			return units.Connect(ctx)
		},
		Agent: func(cfg *config.Config) bootstrap.Introspection { return introspection(cfg) },
		World: func(ctx context.Context, w catalog.World) catalog.World {
			return onNetwork(ctx, aws, onDocker(w))
		},
		Ports: func(ctx context.Context, cfg *config.Config, id imds.Identity, name string) (*ports.Report, error) {
			return bootPorts(ctx, aws, cfg, id, name)
		},
		UnitFiles: systemd.Units(),
		Binary:    self,
	}, nil
}

func introspection(cfg *config.Config) *ecsagent.Introspection {
	return ecsagent.NewIntrospection(cfg.IntrospectionURL, ecsagent.LocalClient(localTimeout))
}
