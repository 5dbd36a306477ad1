package reach

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Unread says why something could not be read. It is the zero value if it was read.
type Unread struct {
	Action string // the IAM action that was denied or failed, e.g. "ec2:DescribeNetworkAcls"
	Reason string // e.g. "AccessDenied reading acl-1"
}

func (u Unread) isZero() bool { return u == Unread{} }

// String returns "action (reason)", or only the part that is set.
func (u Unread) String() string {
	switch {
	case u.Action == "":
		return u.Reason
	case u.Reason == "":
		return u.Action
	}
	return u.Action + " (" + u.Reason + ")"
}

// Flow is the direction in which connections are opened, from the point of view of the evaluated instance.
type Flow uint8

// The directions. Replication needs Both, because every server connects to every other server.
const (
	Both     Flow = iota
	Inbound       // others connect to the instance: clients, load balancers
	Outbound      // the instance connects to others
)

// Need is a range of ports that must be reachable.
type Need struct {
	Protocol Protocol // TCP or UDP
	Ports    Range
	// Reply is the range of destination ports of the replies. The zero Range means the source's ephemeral ports.
	Reply   Range
	Flow    Flow
	Profile string // e.g. "ignite2"; empty for ports that the user listed
	Role    string // e.g. "discovery"
}

// Validate returns an error for needs that cannot be evaluated.
func (n Need) Validate() error {
	if !n.Protocol.HasPorts() {
		return fmt.Errorf("need %s: the protocol must be tcp or udp", n)
	}
	if n.Ports.First == 0 || n.Ports.First > n.Ports.Last {
		return fmt.Errorf("need %s: ports must run from 1 upwards", n)
	}
	return nil
}

// String returns text such as "tcp 47100-47199 (ignite2 communication)".
func (n Need) String() string {
	return fmt.Sprintf("%s %s%s", n.Protocol, n.Ports, n.label())
}

func (n Need) label() string {
	if label := strings.TrimSpace(n.Profile + " " + n.Role); label != "" {
		return " (" + label + ")"
	}
	return ""
}

// BalancerNeed returns the ports that a load balancer needs to reach on an instance whose containers publish hostPort
// 0: the whole kernel range (ip_local_port_range), from which Docker picks a port. Evaluate it from the load balancer's
// endpoint, with Ephemeral set to BalancerEphemeral.
func BalancerNeed(kernel Range) Need {
	return Need{Protocol: TCP, Ports: kernel, Flow: Inbound, Profile: "load balancer", Role: "dynamic host ports"}
}

// ENI is a network interface with the attributes that affect its traffic.
type ENI struct {
	ID    string
	Addrs []netip.Addr // private addresses, v4 and v6; connections use the first
	// Groups are the ids of the interface's security groups. An empty list means unknown, unless Type is a type that
	// can have none.
	Groups []string
	Type   string // EC2's InterfaceType: interface, network_load_balancer, ...
	Subnet string
	VPC    string
	Trunk  bool // the trunk of an awsvpc instance, which carries no traffic of its own
	Task   bool // belongs to an ECS task, although it is attached to the instance
	Unread Unread
}

// ungrouped reports whether the interface has no security group. NAT gateways and transit gateway attachments cannot
// have one. A Network Load Balancer can have none, and then accepts and sends all traffic ("Update the security groups
// for your Network Load Balancer", ELB user guide).
func (e *ENI) ungrouped() bool {
	return e.Unread.isZero() && len(e.Groups) == 0 &&
		slices.Contains([]string{"nat_gateway", "transit_gateway", "network_load_balancer", "gateway_load_balancer"}, e.Type)
}

// Endpoint is one end of a connection: a name and the network interface for its traffic. Tasks in host and bridge mode
// use the interface of the instance, awsvpc tasks their own.
type Endpoint struct {
	Name string
	ENI
	Others    []ENI // other interfaces of the same host; not evaluated, but used for hints
	Trunked   bool  // the host has a trunk, so its tasks may have their own interfaces
	Region    string
	Account   string
	Ephemeral Range // source ports; the zero Range means LinuxEphemeral
}

// EndpointAt returns the endpoint of the host that owns the interfaces, for connections to addr. It uses the interface
// that has the address, and ignores the trunk.
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
		return e, fmt.Errorf("looking for the interface of %s: none of %d has address %s", name, len(enis), addr)
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

// Same reports whether two endpoints share an interface. Traffic between them never leaves the host, so no rule
// applies.
func Same(a, b Endpoint) bool {
	return a.selfKey() != "" && a.selfKey() == b.selfKey()
}

// Key returns the same value for endpoints that share an interface, and "" if the interface is unknown.
func (e *Endpoint) Key() string { return e.selfKey() }

func (e *Endpoint) selfKey() string {
	if e.ID == "" && len(e.Addrs) > 0 {
		return e.Addrs[0].String()
	}
	return e.ID
}

// firstOf returns the endpoint's first address of a family, or the zero Addr.
func firstOf(e *Endpoint, v4 bool) netip.Addr {
	for _, a := range e.Addrs {
		if a = a.Unmap().WithZone(""); a.Is4() == v4 {
			return a
		}
	}
	return netip.Addr{}
}
