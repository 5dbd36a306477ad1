package netpath

import (
	"net"
	"strings"
)

// Families are the IP versions that this host can leave its subnet with.
type Families struct{ V4, V6 bool }

// Families asks the routing table: to connect a UDP socket chooses a route, and
// sends no packet. The addresses are those of a.root-servers.net, far from any
// subnet of a VPC, so that only a default route covers them. The ECS agent goes
// by its default routes too (amazon-ecs-agent ecs-agent/utils/net/netutils_linux.go).
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

// OnlyIPv6 says whether IPv6 is the only way out.
func (f Families) OnlyIPv6() bool { return f.V6 && !f.V4 }

// suffixes are the domains of AWS's partitions, for endpoints of IPv4 alone and
// for those that also answer over IPv6 (aws-sdk-go-v2
// internal/endpoints/awsrulesfn/partitions.go, dnsSuffix and dualStackDnsSuffix).
// The longer ones stand first.
var suffixes = []struct{ ipv4, dual string }{
	{"amazonaws.com.cn", "api.amazonwebservices.com.cn"},
	{"amazonaws.com", "api.aws"},
	{"amazonaws.eu", "api.amazonwebservices.eu"},
	{"c2s.ic.gov", "api.aws.ic.gov"},
	{"sc2s.sgov.gov", "api.aws.scloud"},
	{"cloud.adc-e.uk", "api.cloud-aws.adc-e.uk"},
	{"csp.hci.ic.gov", "api.aws.hci.ic.gov"},
}

// DualStack is the name of an AWS endpoint that also answers over IPv6, for a
// name of either kind. What is no name of AWS's stays as it is.
func DualStack(host string) string {
	for _, s := range suffixes {
		if name, ok := strings.CutSuffix(host, "."+s.ipv4); ok {
			return name + "." + s.dual
		}
	}
	return host
}

// IPv4Only undoes DualStack.
func IPv4Only(host string) string {
	for _, s := range suffixes {
		if name, ok := strings.CutSuffix(host, "."+s.dual); ok {
			return name + "." + s.ipv4
		}
	}
	return host
}
