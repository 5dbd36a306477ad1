package netpath

import (
	"net"
	"strings"
)

// Families are the IP versions with a route out of the subnet.
type Families struct{ V4, V6 bool }

// Families reads the routing table: connecting a UDP socket selects a route without sending a packet. The targets are
// the addresses of a.root-servers.net, outside any VPC, so only a default route covers them. The ECS agent also checks
// its default routes (amazon-ecs-agent ecs-agent/utils/net/netutils_linux.go).
func (p Prober) Families() Families {
	return Families{V4: routed("198.41.0.4:53"), V6: routed("[2001:503:ba3e::2:30]:53")}
}

func routed(addr string) bool {
	conn, err := net.Dial("udp", addr)
	if err != nil {
		return false
	}
	_ = conn.Close()
	return true
}

// OnlyIPv6 reports whether only IPv6 has a route.
func (f Families) OnlyIPv6() bool { return f.V6 && !f.V4 }

// suffixes lists the domains of the AWS partitions, for IPv4-only and for dual-stack endpoints (aws-sdk-go-v2
// internal/endpoints/awsrulesfn/partitions.go, dnsSuffix and dualStackDnsSuffix). Longer suffixes come first.
var suffixes = []struct{ ipv4, dual string }{
	{"amazonaws.com.cn", "api.amazonwebservices.com.cn"},
	{"amazonaws.com", "api.aws"},
	{"amazonaws.eu", "api.amazonwebservices.eu"},
	{"c2s.ic.gov", "api.aws.ic.gov"},
	{"sc2s.sgov.gov", "api.aws.scloud"},
	{"cloud.adc-e.uk", "api.cloud-aws.adc-e.uk"},
	{"csp.hci.ic.gov", "api.aws.hci.ic.gov"},
}

// DualStack returns the dual-stack name of an AWS endpoint, for a name of either kind. Other names are unchanged.
func DualStack(host string) string {
	for _, s := range suffixes {
		if name, ok := strings.CutSuffix(host, "."+s.ipv4); ok {
			return name + "." + s.dual
		}
	}
	return host
}

// IPv4Only reverses DualStack.
func IPv4Only(host string) string {
	for _, s := range suffixes {
		if name, ok := strings.CutSuffix(host, "."+s.dual); ok {
			return name + "." + s.ipv4
		}
	}
	return host
}
