package portcheck

import (
	"context"

	"muster/internal/fleet"
	"muster/internal/instance"
	"muster/internal/report/ports"
	"muster/reach"
)

// bootSample is the number of peers that a booting instance dials. If a whole group boots at once, each instance is
// dialed this many times on average, whatever the size of the group.
const bootSample = 10

// AtBoot checks the ports between this instance and the peers of its cluster, as `muster ports` does on the instance.
// It makes few calls and dials, because a thousand instances may boot at the same time.
func AtBoot(ctx context.Context, i *instance.Instance, cluster string) (*ports.Report, error) {
	needs, _, err := reach.ParsePorts(i.Config.Ports)
	if err != nil {
		return nil, err
	}
	api, err := i.AWS(ctx)
	if err != nil {
		return nil, err
	}
	p := &Place{Scope: "cluster " + cluster, instance: i, api: api, sample: bootSample,
		selector: fleet.Selector{Cluster: cluster, Self: i.Identity.InstanceID, Brief: true}}
	p.front(i.Config)
	return p.Check(ctx, needs)
}
