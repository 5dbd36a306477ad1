package reach

import (
	"fmt"
	"strconv"
	"strings"
)

// Protocol is an IANA protocol number, or AllProtocols.
type Protocol int16

// The protocols that EC2 has names for.
const (
	AllProtocols Protocol = -1
	ICMP         Protocol = 1
	TCP          Protocol = 6
	UDP          Protocol = 17
	ICMPv6       Protocol = 58
)

// ParseProtocol parses the protocol of a security group rule ("tcp", "-1", "50") or network ACL entry ("6"). It ignores
// case.
func ParseProtocol(s string) (Protocol, error) {
	word := strings.ToLower(strings.TrimSpace(s))
	for _, p := range []Protocol{AllProtocols, ICMP, TCP, UDP, ICMPv6} {
		if word == p.String() {
			return p, nil
		}
	}
	n, err := strconv.ParseInt(word, 10, 16)
	if err != nil || n < -1 || n > 255 {
		return 0, fmt.Errorf("unknown protocol %q: want tcp, udp, icmp, icmpv6, -1 or a number up to 255", s)
	}
	return Protocol(n), nil
}

// String returns the protocol's name, or its number if it has no name.
func (p Protocol) String() string {
	switch p {
	case AllProtocols:
		return "all"
	case ICMP:
		return "icmp"
	case TCP:
		return "tcp"
	case UDP:
		return "udp"
	case ICMPv6:
		return "icmpv6"
	}
	return strconv.Itoa(int(p))
}

// HasPorts reports whether EC2 compares ports for this protocol. EC2 ignores the ports for "-1" and for every protocol
// that it has no name for. For ICMP the port fields contain type and code.
func (p Protocol) HasPorts() bool { return p == TCP || p == UDP }

// IsICMP reports whether the port fields contain an ICMP type and code.
func (p Protocol) IsICMP() bool { return p == ICMP || p == ICMPv6 }

func (p Protocol) matches(need Protocol) bool { return p == AllProtocols || p == need }

// wire returns the protocol in the form that the EC2 API expects.
func (p Protocol) wire() string {
	if p == AllProtocols {
		return "-1"
	}
	return p.String()
}
