//go:build linux

package instance

import (
	"fmt"
	"os/exec"
	"slices"
	"strings"
)

// Addresses of the instance and of the services in its network.
const (
	metadataAddr = "169.254.169.254"
	resolverAddr = "10.0.0.2"
	proxyAddr    = "10.0.0.8"
	ownAddr      = "10.0.1.17" // of the first interface, equal to the sandbox's EC2
)

// endpoints lists the public addresses of AWS. zone maps names to them.
var endpoints = []string{"52.94.1.1", "52.94.1.2", "52.94.1.3", "52.94.1.4", "52.94.1.5", "52.94.1.6", "52.94.1.7"}

// inVPC lists addresses of interface endpoints, for the names in a case.
var inVPC = []string{"10.0.9.1", "10.0.9.2", "10.0.9.3"}

// zone maps name prefixes to addresses: the endpoints of the ECS API, of ECS's agent and telemetry services, and of the
// other AWS services.
var zone = map[string]string{
	"ecs.":            "52.94.1.1",
	"ecs-a-1.":        "52.94.1.2",
	"ecs-t-1.":        "52.94.1.3",
	"autoscaling.":    "52.94.1.4",
	"cloudformation.": "52.94.1.5",
	"ec2.":            "52.94.1.6",
	"monitoring.":     "52.94.1.7",
	"events.":         "52.94.1.7",
}

// setUpNetwork adds the addresses above to the process's network namespace, and a gateway and peers that drop every
// packet: nothing else is reachable, and no connection is refused.
func setUpNetwork() error {
	var b strings.Builder
	b.WriteString("link set lo up\n")
	for _, addr := range slices.Concat([]string{metadataAddr, resolverAddr, proxyAddr, ownAddr}, endpoints, inVPC) {
		fmt.Fprintf(&b, "addr add %s/32 dev lo\n", addr)
	}
	b.WriteString("link add veth0 type veth peer name veth1\nlink set veth0 up\nlink set veth1 up\naddr add 10.0.1.18/24 dev veth0\n")
	for _, addr := range []string{"10.0.1.1", "10.0.1.21", "10.0.1.22", "10.0.1.23"} {
		fmt.Fprintf(&b, "neigh add %s lladdr 02:00:00:00:00:99 dev veth0 nud permanent\n", addr)
	}
	b.WriteString("route add default via 10.0.1.1\n")
	return ip(b.String())
}

// dropIPv4 removes the IPv4 route to AWS, as on an IPv6-only host.
func dropIPv4() error {
	var b strings.Builder
	b.WriteString("route del default\n")
	for _, addr := range endpoints {
		fmt.Fprintf(&b, "addr del %s/32 dev lo\n", addr)
	}
	return ip(b.String())
}

// ip runs a batch of iproute2 commands.
func ip(batch string) error {
	cmd := exec.Command("ip", "-batch", "-")
	cmd.Stdin = strings.NewReader(batch)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("ip: %w: %s", err, strings.TrimSpace(string(out)))
	}
	return nil
}

// byPrefix returns the value of the longest key that is a prefix of name.
func byPrefix[V any](m map[string]V, name string) (value V, ok bool) {
	best := -1
	for prefix, v := range m {
		if strings.HasPrefix(name, prefix) && len(prefix) > best {
			best, value, ok = len(prefix), v, true
		}
	}
	return value, ok
}
