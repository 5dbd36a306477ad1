package cli

import (
	"cmp"
	"context"
	"net/netip"

	"muster/check/catalog"
	"muster/internal/config"
	"muster/internal/host/dockerapi"
	"muster/internal/host/hostports"
	"muster/internal/host/units"
	"muster/internal/report/ports"
	"muster/reach"
)

// onDocker gives the checks the Docker Engine. An instance that is elsewhere,
// below another root, has none here unless one is named.
func onDocker(w catalog.World) catalog.World {
	if elsewhere(w.Config) && w.Config.Origin("MUSTER_DOCKER_HOST").Layer == config.LayerDefault {
		return w
	}
	engine, err := dockerapi.New(w.Config.DockerHost, localTimeout)
	if err != nil {
		w.NoEngine = err
		return w
	}
	w.Engine = engine
	return w
}

func elsewhere(cfg *config.Config) bool { return cfg.Root != "/" }

// onECS gives the checks systemd, the ECS agent and the ECS API, and where the
// ports are configured those who look at them.
func onECS(ctx context.Context, aws *clients, w catalog.World) catalog.World {
	w.Agent = introspection(w.Config)
	if units.Booted(w.Config.Root) && !elsewhere(w.Config) {
		if systemd, err := units.Connect(ctx); err == nil {
			w.Units = systemd
		} else {
			w.NoUnits = err
		}
	}
	if api, err := aws.of(ctx, w.Identity.Region); err == nil && api.Region() != "" {
		w.Registry = api
	}
	return onPorts(aws, w)
}

func onPorts(aws *clients, w catalog.World) catalog.World {
	needs, _, err := reach.ParsePorts(w.Config.Ports)
	if w.Config.Ports == "" || err != nil {
		return w
	}
	if name := cmp.Or(w.Config.Cluster, w.Record.Cluster); name != "" && w.Identity.InstanceID != "" {
		w.Ports = func(ctx context.Context) (*ports.Report, error) {
			return bootPorts(ctx, aws, w.Config, w.Identity, name)
		}
	}
	if !elsewhere(w.Config) {
		look := lookAtHost(w.Config)
		w.HostPorts = func(ctx context.Context) hostports.Report { return look(ctx, netip.Addr{}, needs) }
	}
	return w
}
