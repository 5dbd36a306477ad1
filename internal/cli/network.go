package cli

import (
	"context"
	"net/netip"

	"muster/check/catalog"
	"muster/internal/fleet"
	"muster/internal/host/imds"
	"muster/internal/host/kernel"
	"muster/internal/host/netpath"
)

// onNetwork gives the checks this host, the metadata service and the ways to AWS.
// Where the region is not known there is no AWS to be asked.
func onNetwork(ctx context.Context, aws *clients, w catalog.World) catalog.World {
	w.IMDS, w.Net, w.FileSystem = imds.New(imdsEndpoint(), glance), netpath.Prober{}, kernel.FileSystemAt
	api, err := aws.of(ctx, w.Identity.Region)
	if err != nil {
		return w // whoever asks AWS says so
	}
	if w.ECSEndpoint, err = api.ECSEndpoint(ctx); err != nil {
		return w
	}
	w.VPC, w.Poll = api, api
	w.Guards = func(ctx context.Context, addrs []netip.Addr) (fleet.Fleet, error) {
		return fleet.Discover(ctx, api, fleet.Selector{Addresses: addrs, Self: w.Identity.InstanceID})
	}
	return w
}
