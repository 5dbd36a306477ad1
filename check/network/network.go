package network

import (
	"net/url"
	"strings"

	"muster/internal/host/netpath"
)

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
func (w Group) needed() []endpoint {
	at, err := url.Parse(w.Route.Endpoint)
	if err != nil || at.Host == "" {
		return nil
	}
	name, domain, _ := strings.Cut(at.Host, ".")
	if name != "ecs" && name != "ecs-fips" { // AWS_ENDPOINT_URL: one for all; the agent's are unknown
		return []endpoint{{"ecs", []string{w.Route.Endpoint}, true}}
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
func (w Group) onlyIPv6() bool {
	switch only, _ := w.ipCompatibility(); only {
	case "ipv4":
		return false
	case "ipv6":
		return true
	}
	return w.Route.Families().OnlyIPv6()
}

// ipCompatibility is the setting of the ECS agent, ipv4 or ipv6, and its
// file:line. The agent ignores any other value.
func (w Group) ipCompatibility() (value, at string) {
	v, ok := w.Settings().Get("ECS_INSTANCE_IP_COMPATIBILITY")
	if !ok {
		return "", ""
	}
	return v.Text, v.Where()
}

// dualStackHost is the name of the ECS endpoint that also answers over IPv6.
func (w Group) dualStackHost() string {
	at, err := url.Parse(w.Route.Endpoint)
	if err != nil {
		return "ecs." + w.Region() + ".api.aws"
	}
	return netpath.DualStack(at.Hostname())
}
