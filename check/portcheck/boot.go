package portcheck

import (
	"context"

	"muster/internal/fleet"
	"muster/internal/instance"
	"muster/internal/report/ports"
	"muster/reach"
)

// bootSample is how many peers an instance dials when it boots. All of a group that
// boots at once dial as many, so that each is dialed by as many on average, whatever
// the size of the group.
const bootSample = 10

// AtBoot checks this instance against the peers of its cluster, as `muster ports` on the
// instance does, but with few calls and dials, because it may have booted with a
// thousand others.
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
