package network

import (
	"net/url"
	"strings"

	"muster/internal/host/netpath"
)

// endpoint is an AWS endpoint that this instance needs.
type endpoint struct {
	service string   // name of the service in a VPC endpoint: ecs, ecs-agent, ecs-telemetry, ...
	urls    []string // alternatives, of which one is used
	agent   bool     // the ECS agent does not work without it
}

// needed returns the endpoints of the ECS agent, and those that the settings require. ECS sends its agent to ecs-a-1
// and ecs-t-1 (or another number). In a VPC with its own endpoints it sends the agent to ecs-a and ecs-t
// (amazon-ecs-agent issues 931 and 4779; the private DNS names of the VPC endpoints).
func (g Group) needed() []endpoint {
	at, err := url.Parse(g.Route.Endpoint)
	if err != nil || at.Host == "" {
		return nil
	}
	name, domain, _ := strings.Cut(at.Host, ".")
	if name != "ecs" && name != "ecs-fips" { // AWS_ENDPOINT_URL replaces every endpoint, so the agent's own are unknown
		return []endpoint{{"ecs", []string{g.Route.Endpoint}, true}}
	}
	agent, telemetry := urls(domain, "ecs-a-1", "ecs-a"), urls(domain, "ecs-t-1", "ecs-t")
	if g.onlyIPv6() {
		// ECS sent agents on IPv6-only instances to names of either kind (issue 4779).
		domain = netpath.DualStack(domain)
		agent = append(urls(domain, "ecs-a-1", "ecs-a"), urls(netpath.IPv4Only(domain), "ecs-a-1", "ecs-a")...)
		telemetry = append(urls(domain, "ecs-t-1", "ecs-t"), urls(netpath.IPv4Only(domain), "ecs-t-1", "ecs-t")...)
	}
	all := []endpoint{{"ecs", urls(domain, name), true}, {"ecs-agent", agent, true}, {"ecs-telemetry", telemetry, true}}
	if g.Config.LifecycleHook != "" {
		all = append(all, endpoint{"autoscaling", urls(domain, "autoscaling"), false})
	}
	if g.Config.CFNStack != "" {
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

// onlyIPv6 reports whether the ECS agent uses dual-stack endpoints. It does so if its setting is ipv6, or if the
// setting is unset and only IPv6 has a default route (amazon-ecs-agent agent/config/parse_linux.go, config_unix.go;
// since 1.98).
func (g Group) onlyIPv6() bool {
	switch only, _ := g.ipCompatibility(); only {
	case "ipv4":
		return false
	case "ipv6":
		return true
	}
	return g.Route.Families().OnlyIPv6()
}

// ipCompatibility returns the ECS agent's setting, ipv4 or ipv6, and its file:line. The agent ignores any other value.
func (g Group) ipCompatibility() (value, at string) {
	v, ok := g.Settings().Get("ECS_INSTANCE_IP_COMPATIBILITY")
	if !ok {
		return "", ""
	}
	return v.Text, v.Where()
}

// dualStackHost returns the name of the ECS endpoint that also supports IPv6.
func (g Group) dualStackHost() string {
	at, err := url.Parse(g.Route.Endpoint)
	if err != nil {
		return "ecs." + g.Region() + ".api.aws"
	}
	return netpath.DualStack(at.Hostname())
}
