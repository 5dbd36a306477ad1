package check

import (
	"context"
	"errors"
	"net/netip"
	"net/url"
	"strings"
	"time"

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

// networkChecks check the path to AWS.
func networkChecks(w World, f *facts) []Check {
	return []Check{
		{Kind: ProxyCheck, Group: Network, Title: "the proxy exempts local addresses", Run: w.proxy, Findings: []*Kind{NoProxyIncomplete}},
		{Kind: DNSCheck, Group: Network, Title: "the ECS endpoint names resolve",
			Run:      given(w.Net != nil, func(ctx context.Context) []Finding { return w.dns(ctx, f) }),
			Findings: []*Kind{DNSFailure, EndpointsMixed}},
		{Kind: ECSEndpointsCheck, Group: Network, Title: "the ECS endpoints answer, with certificates that this host trusts",
			Needs: []*Kind{DNSCheck}, Timeout: 6 * time.Second,
			Run: given(w.Net != nil, func(ctx context.Context) []Finding { return w.endpoints(ctx, f) }),
			Findings: []*Kind{EndpointTimeout, EndpointRefused, EndpointNoRoute, EndpointBroken, EndpointUnresolved,
				EndpointsIncomplete, TLSUntrusted, TLSWrongName, TLSNotYetValid, TLSExpired}},
		{Kind: VPCPathCheck, Group: Network, Title: "the VPC allows this instance to reach the endpoints", Needs: []*Kind{InstanceRoleCheck},
			After:  []*Kind{DNSCheck, ECSEndpointsCheck},
			Remote: true, Deep: true, Run: given(w.IMDS != nil && w.VPC != nil && w.Guards != nil,
				func(ctx context.Context) []Finding { return w.vpcPath(ctx, f) }),
			Findings: []*Kind{NoDefaultRoute, NATMissing, NoPublicIP, EgressClosed, ACLClosed, EndpointGroupClosed,
				EndpointUnavailable, PrivateDNSOff, DNSSupportOff}},
		{Kind: PollEndpointCheck, Group: Network, Title: "the endpoints that ECS assigns to its agent answer",
			Needs:  []*Kind{InstanceRoleCheck, ECSEndpointsCheck},
			Remote: true, Deep: true, Run: given(w.Poll != nil && w.Net != nil, w.pollEndpoint),
			Findings: []*Kind{PollDenied, EndpointPolicy, CredentialsRefused, SignatureRefused, PollUnreached}},
	}
}

// endpoint is one that this instance needs.
type endpoint struct {
	service string   // of the VPC endpoint for it: ecs, ecs-agent, ecs-telemetry, ...
	urls    []string // the possible ones, of which one is used
	agent   bool     // the ECS agent does not work without it
}

// needed are the endpoints of the ECS agent, and those that the settings call for.
// ECS sends its agent to ecs-a-1 and ecs-t-1 (or another number), and within
// a VPC with endpoints of its own to ecs-a and ecs-t (amazon-ecs-agent issues 931
// and 4779; the private DNS names of the VPC endpoints).
func (w World) needed() []endpoint {
	at, err := url.Parse(w.ECSEndpoint)
	if err != nil || at.Host == "" {
		return nil
	}
	name, domain, _ := strings.Cut(at.Host, ".")
	if name != "ecs" && name != "ecs-fips" { // AWS_ENDPOINT_URL: one for all; the agent's are unknown
		return []endpoint{{"ecs", []string{w.ECSEndpoint}, true}}
	}
	agent, telemetry := urls(domain, "ecs-a-1", "ecs-a"), urls(domain, "ecs-t-1", "ecs-t")
	if w.onlyIPv6() {
		// ECS sent agents of IPv6-only instances to names of either kind (issue 4779).
		domain = netpath.DualStack(domain)
		agent = append(urls(domain, "ecs-a-1", "ecs-a"), urls(netpath.IPv4Only(domain), "ecs-a-1", "ecs-a")...)
		telemetry = append(urls(domain, "ecs-t-1", "ecs-t"), urls(netpath.IPv4Only(domain), "ecs-t-1", "ecs-t")...)
	}
	all := []endpoint{{"ecs", urls(domain, name), true}, {"ecs-agent", agent, true}, {"ecs-telemetry", telemetry, true}}
	if w.Config.LifecycleHook != "" {
		all = append(all, endpoint{"autoscaling", urls(domain, "autoscaling"), false})
	}
	if w.Config.CFNStack != "" {
		all = append(all, endpoint{"cloudformation", urls(domain, "cloudformation"), false})
	}
	return all
}

func urls(domain string, names ...string) []string {
	var out []string
	for _, name := range names {
		out = append(out, "https://"+name+"."+domain)
	}
	return out
}

// onlyIPv6 says whether the ECS agent uses dual-stack endpoints: where its setting
// says ipv6, or where without a setting only IPv6 has a default route
// (amazon-ecs-agent agent/config/parse_linux.go, config_unix.go; since 1.98).
func (w World) onlyIPv6() bool {
	switch only, _ := w.ipCompatibility(); only {
	case "ipv4":
		return false
	case "ipv6":
		return true
	}
	return w.Net.Families().OnlyIPv6()
}

// ipCompatibility is the setting of the ECS agent, ipv4 or ipv6, and its
// file:line. The agent ignores any other value.
func (w World) ipCompatibility() (value, at string) {
	v, ok := w.agentSettings().Get("ECS_INSTANCE_IP_COMPATIBILITY")
	if !ok {
		return "", ""
	}
	return v.Text, v.Where()
}

// dualStackHost is the name of the ECS endpoint that also answers over IPv6.
func (w World) dualStackHost() string {
	at, err := url.Parse(w.ECSEndpoint)
	if err != nil {
		return "ecs." + w.region() + ".api.aws"
	}
	return netpath.DualStack(at.Hostname())
}

var errNoProxyURL = errors.New("the proxy in ecs.config is not a valid URL")

// ask asks as the ECS agent would: through its proxy.
func (w World) ask(ctx context.Context, endpoint string) (netpath.Answer, error) {
	at, err := url.Parse(endpoint)
	if err != nil || at.Host == "" {
		return netpath.Answer{}, errors.New(noEndpoints)
	}
	via, err := w.agentProxy().For(at)
	if err != nil {
		return netpath.Answer{}, errNoProxyURL
	}
	return w.Net.Ask(ctx, endpoint, via), nil
}
