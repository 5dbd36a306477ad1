package subject

import (
	"context"
	"errors"
	"net/netip"
	"net/url"

	"muster/internal/host/netpath"
)

// Net is the path to the endpoints.
type Net interface {
	Resolve(ctx context.Context, host string) ([]netip.Addr, error)
	// Ask sends one request without credentials, through the proxy unless it is nil.
	Ask(ctx context.Context, endpoint string, proxy *url.URL) netpath.Answer
	// Families returns the IP versions for which this host has a default route.
	Families() netpath.Families
}

// Route is the path that the instance's ECS agent takes to AWS.
type Route struct {
	Net             // nil if the network cannot be used
	Endpoint string // the URL of ECS; empty if the region is unknown
	OfAgent  *Instance
}

// AskAsAgent sends a request as the ECS agent would, through its proxy.
func (r Route) AskAsAgent(ctx context.Context, endpoint string) (netpath.Answer, error) {
	at, err := url.Parse(endpoint)
	if err != nil || at.Host == "" {
		return netpath.Answer{}, errors.New(NoEndpoint)
	}
	via, err := r.OfAgent.Settings().Proxy().For(at)
	if err != nil {
		return netpath.Answer{}, ErrNoProxyURL
	}
	return r.Ask(ctx, endpoint, via), nil
}

// NoEndpoint explains why there is no endpoint to send a request to.
const NoEndpoint = "region unknown: cannot derive the ECS endpoint"

// ErrNoProxyURL means that the ECS agent's proxy setting is not a URL, so no request can be sent through it.
var ErrNoProxyURL = errors.New("the proxy in ecs.config is not a valid URL")
