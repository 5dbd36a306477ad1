package check

import (
	"context"
	"errors"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"muster/internal/netpath"
)

// Net is the way to the endpoints.
type Net interface {
	Resolve(ctx context.Context, host string) ([]netip.Addr, error)
	// Ask sends one request without credentials, through the proxy unless that is nil.
	Ask(ctx context.Context, endpoint string, proxy *url.URL) netpath.Answer
}

// networkChecks look at the way to AWS.
func networkChecks(w World, f *facts) []Check {
	return []Check{
		{ID: "proxy", Group: Network, Title: "a proxy is kept from what is local", Run: w.proxy, Findings: []string{"no-proxy-incomplete"}},
		{ID: "dns", Group: Network, Title: "the names of the endpoints resolve",
			Run:      given(w.Net != nil, func(ctx context.Context) []Finding { return w.dns(ctx, f) }),
			Findings: []string{"dns-failure", "endpoints-mixed"}},
		{ID: "ecs-endpoints", Group: Network, Title: "the endpoints of ECS are reached, and speak TLS that is trusted", Needs: []string{"dns"}, Timeout: 6 * time.Second,
			Run:      given(w.Net != nil, func(ctx context.Context) []Finding { return w.endpoints(ctx, f) }),
			Findings: []string{"endpoint-timeout", "endpoint-refused", "endpoint-no-route", "endpoint-broken", "endpoint-unresolved", "endpoints-incomplete", "tls-untrusted", "tls-not-yet-valid", "tls-expired"}},
		{ID: "vpc-path", Group: Network, Title: "the VPC leads to the endpoints", Needs: []string{"instance-role"}, After: []string{"dns", "ecs-endpoints"},
			Remote: true, Deep: true, Run: given(w.IMDS != nil && w.VPC != nil && w.Guards != nil, func(ctx context.Context) []Finding { return w.vpcPath(ctx, f) }),
			Findings: []string{"no-default-route", "nat-missing", "no-public-ip", "egress-closed", "acl-closed", "endpoint-group-closed", "endpoint-unavailable", "private-dns-off", "dns-support-off"}},
		{ID: "poll-endpoint", Group: Network, Title: "ECS tells the agent where to connect, and is reached there", Needs: []string{"instance-role", "ecs-endpoints"},
			Remote: true, Deep: true, Run: given(w.Poll != nil && w.Net != nil, w.pollEndpoint),
			Findings: []string{"poll-denied", "endpoint-policy", "credentials-refused", "signature-refused", "poll-unreached"}},
	}
}

// endpoint is one that this instance needs.
type endpoint struct {
	service string   // of the VPC endpoint for it: ecs, ecs-agent, ecs-telemetry, ...
	urls    []string // of which one is used
	agent   bool     // the ECS agent cannot do without it
}

// needed are the endpoints of the ECS agent, and those that the settings call for.
// ECS tells its agent to go to ecs-a-1 and ecs-t-1 (or another number), and within
// a VPC with endpoints of its own to ecs-a and ecs-t (amazon-ecs-agent issues 931
// and 4779; the private DNS names of the VPC endpoints).
func (w World) needed() []endpoint {
	at, err := url.Parse(w.ECSEndpoint)
	if err != nil || at.Host == "" {
		return nil
	}
	all := []endpoint{{"ecs", []string{w.ECSEndpoint}, true}}
	domain, ok := strings.CutPrefix(at.Host, "ecs.")
	if !ok { // AWS_ENDPOINT_URL: one for all, and nobody knows the agent's
		return all
	}
	all = append(all,
		endpoint{"ecs-agent", []string{"https://ecs-a-1." + domain, "https://ecs-a." + domain}, true},
		endpoint{"ecs-telemetry", []string{"https://ecs-t-1." + domain, "https://ecs-t." + domain}, true})
	if w.Config.LifecycleHook != "" {
		all = append(all, endpoint{"autoscaling", []string{"https://autoscaling." + domain}, false})
	}
	if w.Config.CFNStack != "" {
		all = append(all, endpoint{"cloudformation", []string{"https://cloudformation." + domain}, false})
	}
	return all
}

// ask asks as the ECS agent would: through its proxy.
func (w World) ask(ctx context.Context, endpoint string) (netpath.Answer, error) {
	at, err := url.Parse(endpoint)
	if err != nil || at.Host == "" {
		return netpath.Answer{}, errors.New("where it is is not known: the region is not")
	}
	via, err := w.agentProxy().For(at)
	if err != nil {
		return netpath.Answer{}, errors.New("the proxy in ecs.config is no URL")
	}
	return w.Net.Ask(ctx, endpoint, via), nil
}
