// Package checkup connects the checks to this instance: it fills a catalog.World with the shared clients of package
// instance. It evaluates nothing.
package checkup

import (
	"context"
	"errors"
	"net/netip"
	"os"

	"muster/check/catalog"
	"muster/check/portcheck"
	"muster/internal/config"
	"muster/internal/fleet"
	"muster/internal/host/hostports"
	"muster/internal/host/kernel"
	"muster/internal/host/netpath"
	"muster/internal/instance"
	"muster/internal/report/ports"
	"muster/reach"
)

// World returns the sources that the checks can use on this instance. It leaves out a source that is not available, and
// the checks report that.
func World(ctx context.Context, i *instance.Instance) catalog.World {
	w := catalog.World{
		Config:     i.Config,
		Record:     i.Record,
		Identity:   i.Identity,
		NoIdentity: i.NoIdentity,
		Getenv:     os.Getenv,
		Agent:      i.Introspection(),
		AgentTasks: i.Introspection(),
	}
	w = WithNetwork(ctx, i, w)
	if api, err := i.AWS(ctx); err == nil && api.Region() != "" {
		w.Registry, w.Stopped = api, api
	}
	if !i.Elsewhere() {
		switch systemd, err := i.Systemd(ctx); {
		case err == nil:
			w.Units = systemd
		case !errors.Is(err, instance.ErrNoSystemd):
			w.NoUnits = err
		}
	}
	return withPorts(i, w)
}

// WithNetwork adds Docker, this host's network, the metadata service and the AWS clients to w. The checks need them to
// find out why an instance did not register.
func WithNetwork(ctx context.Context, i *instance.Instance, w catalog.World) catalog.World {
	w = withDocker(i, w)
	w.IMDS, w.Net, w.FileSystem = i.Metadata(instance.Glance), netpath.Prober{}, kernel.FileSystemAt
	api, err := i.AWS(ctx)
	if err != nil {
		return w // the checks that call AWS report the error
	}
	if w.ECSEndpoint, err = api.ECSEndpoint(ctx); err != nil {
		return w // without a region, no AWS endpoint is known
	}
	w.VPC, w.Poll = api, api
	w.Guards = func(ctx context.Context, addrs []netip.Addr) (fleet.Fleet, error) {
		return fleet.Discover(ctx, api, fleet.Selector{Addresses: addrs, Self: i.Identity.InstanceID})
	}
	return w
}

// withDocker adds the Docker Engine. If the instance's files are below another root, it adds the Engine only if the
// settings name one.
func withDocker(i *instance.Instance, w catalog.World) catalog.World {
	if i.Elsewhere() && i.Config.Origin("MUSTER_DOCKER_HOST").Layer == config.LayerDefault {
		return w
	}
	if engine, err := i.Docker(); err == nil {
		w.Engine = engine
	} else {
		w.NoEngine = err
	}
	return w
}

// withPorts adds the two sources for the replication ports, if any ports are set.
func withPorts(i *instance.Instance, w catalog.World) catalog.World {
	needs, _, err := reach.ParsePorts(i.Config.Ports)
	if i.Config.Ports == "" || err != nil {
		return w
	}
	if name := i.Cluster(); name != "" && i.Identity.InstanceID != "" {
		w.Ports = func(ctx context.Context) (*ports.Report, error) { return portcheck.AtBoot(ctx, i, name) }
	}
	if !i.Elsewhere() {
		look := portcheck.OnHost(i)
		w.HostPorts = func(ctx context.Context) hostports.Report { return look(ctx, netip.Addr{}, needs) }
	}
	return w
}
