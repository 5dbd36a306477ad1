package reach

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Unread says why something could not be read. The zero value: it was read.
type Unread struct {
	Action string // the IAM action that was refused or failed, e.g. "ec2:DescribeNetworkAcls"
	Reason string // e.g. "AccessDenied reading acl-1"
}

func (u Unread) isZero() bool { return u == Unread{} }

// String is "action (reason)", or the one of them that is known.
func (u Unread) String() string {
	switch {
	case u.Action == "":
		return u.Reason
	case u.Reason == "":
		return u.Action
	}
	return u.Action + " (" + u.Reason + ")"
}

// Flow says who dials, as the judged instance sees it.
type Flow uint8

// Both is what replication needs: every server dials every other.
const (
	Both     Flow = iota
	Inbound       // others dial it: clients, load balancers
	Outbound      // it dials others
)

// Need is one range of ports that must be reachable.
type Need struct {
	Protocol Protocol // TCP or UDP
	Ports    Range
	// Reply is where answers go; zero: to the source's ephemeral range.
	Reply   Range
	Flow    Flow
	Profile string // e.g. "ignite2"; empty for ports given by hand
	Role    string // e.g. "discovery"
}

// Validate refuses what the judge has no answer for.
func (n Need) Validate() error {
	if !n.Protocol.HasPorts() {
		return fmt.Errorf("need %s: the protocol must be tcp or udp", n)
	}
	if n.Ports.First == 0 || n.Ports.First > n.Ports.Last {
		return fmt.Errorf("need %s: ports must run from 1 upwards", n)
	}
	return nil
}

// String is "tcp 47100-47199 (ignite2 communication)".
func (n Need) String() string {
	return fmt.Sprintf("%s %s%s", n.Protocol, n.Ports, n.label())
}

func (n Need) label() string {
	if label := strings.TrimSpace(n.Profile + " " + n.Role); label != "" {
		return " (" + label + ")"
	}
	return ""
}

// BalancerNeed is what a load balancer needs of an instance whose containers
// publish hostPort 0: all of the kernel's range (ip_local_port_range) that
// Docker picks from. Judge it from the balancer's endpoint, whose Ephemeral is
// BalancerEphemeral.
func BalancerNeed(kernel Range) Need {
	return Need{Protocol: TCP, Ports: kernel, Flow: Inbound, Profile: "load balancer", Role: "dynamic host ports"}
}

// ENI is a network interface with what decides about its traffic.
type ENI struct {
	ID    string
	Addrs []netip.Addr // private addresses, v4 and v6; the one dialled first
	// Groups are the ids of its security groups. None means unknown, unless Type is one
	// that may go without.
	Groups []string
	Type   string // EC2's InterfaceType: interface, network_load_balancer, ...
	Subnet string
	VPC    string
	Trunk  bool // of an awsvpc instance: carries no traffic of its own
	Task   bool // of an ECS task, though it is attached to the instance
	Unread Unread
}

// ungrouped reports whether no security group guards the interface. NAT gateways and
// transit gateway attachments cannot have one. A Network Load Balancer can go
// without, and then accepts and sends everything ("Update the security groups for
// your Network Load Balancer", ELB user guide).
func (e *ENI) ungrouped() bool {
	return e.Unread.isZero() && len(e.Groups) == 0 &&
		slices.Contains([]string{"nat_gateway", "transit_gateway", "network_load_balancer", "gateway_load_balancer"}, e.Type)
}

// Endpoint is one party: a name and the interface that its traffic uses. For
// tasks in host and bridge mode that is the instance's, for awsvpc tasks their own.
type Endpoint struct {
	Name string
	ENI
	Others    []ENI // of the same host: not judged, but looked at for a hint
	Trunked   bool  // the host has a trunk, so that its tasks may have interfaces of their own
	Region    string
	Account   string
	Ephemeral Range // where it dials from; zero: LinuxEphemeral
}

// EndpointAt is the endpoint of the host that owns the interfaces when it is
// dialled at addr: the interface with the address is judged, the trunk ignored.
func EndpointAt(name string, addr netip.Addr, enis []ENI) (Endpoint, error) {
	addr = addr.Unmap()
	e := Endpoint{Name: name}
	for _, eni := range enis {
		switch {
		case eni.Trunk:
			e.Trunked = true
		case len(e.Addrs) == 0 && owns(eni, addr):
			e.ENI = dialled(eni, addr)
		default:
			e.Others = append(e.Others, eni)
		}
	}
	if len(e.Addrs) == 0 {
		return e, fmt.Errorf("looking for the interface of %s: none of %d owns %s", name, len(enis), addr)
	}
	return e, nil
}

func owns(eni ENI, addr netip.Addr) bool {
	for _, a := range eni.Addrs {
		if a.Unmap() == addr {
			return true
		}
	}
	return false
}

func dialled(eni ENI, addr netip.Addr) ENI {
	first := []netip.Addr{addr}
	for _, a := range eni.Addrs {
		if a = a.Unmap(); a != addr {
			first = append(first, a)
		}
	}
	eni.Addrs = first
	return eni
}

func (e *Endpoint) ephemeral() Range {
	if e.Ephemeral == (Range{}) {
		return LinuxEphemeral()
	}
	return e.Ephemeral
}

// Same says whether two endpoints share one interface: what passes between them
// never leaves the host, so no rule is asked.
func Same(a, b Endpoint) bool {
	return a.selfKey() != "" && a.selfKey() == b.selfKey()
}

// Key is equal for endpoints that share one interface, and empty if that is unknown.
func (e *Endpoint) Key() string { return e.selfKey() }

func (e *Endpoint) selfKey() string {
	if e.ID == "" && len(e.Addrs) > 0 {
		return e.Addrs[0].String()
	}
	return e.ID
}

// firstOf is the endpoint's first address of a family.
func firstOf(e *Endpoint, v4 bool) netip.Addr {
	for _, a := range e.Addrs {
		if a = a.Unmap().WithZone(""); a.Is4() == v4 {
			return a
		}
	}
	return netip.Addr{}
}
