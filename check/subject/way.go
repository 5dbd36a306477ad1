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
	// Ask sends one request without credentials, through the proxy unless that is nil.
	Ask(ctx context.Context, endpoint string, proxy *url.URL) netpath.Answer
	// Families are the IP versions that this host has a default route for.
	Families() netpath.Families
}

// Route is the path from the instance to AWS, as its ECS agent takes it.
type Route struct {
	Net             // nil: it cannot be tried
	Endpoint string // the URL of ECS; empty: the region is unknown
	OfAgent  *Instance
}

// AskAsAgent sends a request as the ECS agent would: through its proxy.
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

// NoEndpoint is why there is nothing to send a request to.
const NoEndpoint = "region unknown: cannot derive the ECS endpoint"

// ErrNoProxyURL is why a request cannot be sent through the ECS agent's proxy.
var ErrNoProxyURL = errors.New("the proxy in ecs.config is not a valid URL")
