package sandbox

import (
	"fmt"
	"slices"
	"time"
)

// Interface is a network interface of the sandbox's VPC.
type Interface struct {
	ID     string
	Addrs  []string // private, IPv4 or IPv6; the first IPv4 address is the primary
	Groups []string // security group ids
	Subnet string   // default: this instance's
	VPC    string   // default: this instance's
	Type   string   // default interface; trunk, branch, ...
	// Description and Requester are set by the service that manages the interface, such as "ELB app/web/50dc6c49" and
	// "amazon-elb".
	Description, Requester string
}

// Instance is another EC2 instance. Its first interface is the primary one.
type Instance struct {
	ID         string
	State      string // default running
	Interfaces []Interface

	Type, Zone string    // default: those of the sandbox's instance
	Launched   time.Time // if zero, EC2 returns none
	Tags       map[string]string
}

// Rule is a security group rule for one peer. Exactly one of CIDR, CIDR6, PrefixList and Group is set.
type Rule struct {
	ID       string // generated if empty
	Egress   bool
	Protocol string // tcp, udp, icmp, -1, 50, ...
	// First and Last are the ports. Both are zero if the rule has none, as for -1.
	First, Last int

	CIDR, CIDR6, PrefixList string
	Group                   string
	GroupVPC, PeeringStatus string // of a group across a VPC peering connection
}

// SecurityGroup is the input of AddSecurityGroup.
type SecurityGroup struct {
	ID, Name string
	Rules    []Rule
}

// AllEgress returns the rule of a new group: allow all egress.
func AllEgress() Rule { return Rule{Egress: true, Protocol: "-1", CIDR: "0.0.0.0/0"} }

// ACL is a network ACL. Subnets without another ACL use the default one, which allows all traffic.
type ACL struct {
	ID      string
	Subnets []string
	Entries []ACLEntry
}

// ACLEntry is an entry of a network ACL. First and Last are zero if it has no ports.
type ACLEntry struct {
	Number      int
	Egress      bool
	Deny        bool
	Protocol    string // protocol number: 6, 17, -1
	CIDR, CIDR6 string
	First, Last int
}

// vpc holds EC2's state in addition to this instance's own properties. It always contains this instance, with the
// default security group and ACL.
type vpc struct {
	instances  []*Instance
	interfaces []*Interface // including those of instances and tasks
	owner      map[string]*Instance
	groups     []*SecurityGroup
	acls       []*ACL
	routes     []*RouteTable
	lists      map[string][]string
	lastRule   int

	gateways  []NATGateway
	endpoints []VPCEndpoint
	noDNS     bool
}

const (
	stateRunning = "running"
	defaultACL   = "acl-0aa11bb22cc33dd44"
)

func (s *Sandbox) newVPC() *vpc {
	v := &vpc{owner: map[string]*Instance{}, lists: map[string][]string{}}
	v.addGroup(SecurityGroup{groupID, "default", []Rule{{Protocol: "-1", Group: groupID}, AllEgress()}})
	v.addInstance(Instance{ID: s.opts.InstanceID, Launched: s.clock.Now(), Interfaces: []Interface{
		{ID: interfaceID, Addrs: []string{privateIP}, Groups: []string{groupID}},
	}})
	return v
}

// AddSecurityGroup adds a group to the VPC. It has only the given rules, while a new group in EC2 has AllEgress.
func (s *Sandbox) AddSecurityGroup(g SecurityGroup) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.vpc.addGroup(g)
}

func (v *vpc) addGroup(g SecurityGroup) {
	g.Rules = slices.Clone(g.Rules)
	for i := range g.Rules {
		v.name(&g.Rules[i])
	}
	v.groups = append(v.groups, &g)
}

func (v *vpc) name(r *Rule) {
	if r.ID == "" {
		v.lastRule++
		r.ID = fmt.Sprintf("sgr-%017x", v.lastRule)
	}
}

// AddACL adds a network ACL to the VPC.
func (s *Sandbox) AddACL(a ACL) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.vpc.acls = append(s.vpc.acls, &a)
}

// AddPrefixList adds a managed prefix list to the region.
func (s *Sandbox) AddPrefixList(id string, cidrs ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.vpc.lists[id] = cidrs
}

// AddInterface adds a network interface without an instance to the VPC, such as that of a task or a load balancer.
func (s *Sandbox) AddInterface(i Interface) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.vpc.addInterface(i)
}

// AddInstance adds another instance with its interfaces to the VPC.
func (s *Sandbox) AddInstance(i Instance) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.vpc.addInstance(i)
}

// EditInstance changes an instance of the VPC, including this one: its state, or the groups of its interfaces.
func (s *Sandbox) EditInstance(id string, edit func(*Instance)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, i := range s.vpc.instances {
		if i.ID == id {
			edit(i)
		}
	}
}

// AddPeer adds a running instance with one interface to the VPC and the cluster, and returns the ARN of its container
// instance.
func (s *Sandbox) AddPeer(cluster, instanceID string, i Interface) string {
	s.AddInstance(Instance{ID: instanceID, Interfaces: []Interface{i}})
	return s.AddContainerInstance(cluster, ContainerInstance{EC2InstanceID: instanceID, Status: "ACTIVE", AgentConnected: true})
}

func (v *vpc) addInstance(i Instance) {
	if i.State == "" {
		i.State = stateRunning
	}
	i.Interfaces = slices.Clone(i.Interfaces)
	v.instances = append(v.instances, &i)
	for n := range i.Interfaces {
		v.complete(&i.Interfaces[n])
		v.interfaces = append(v.interfaces, &i.Interfaces[n])
		v.owner[i.Interfaces[n].ID] = &i
	}
}

func (v *vpc) addInterface(i Interface) {
	v.complete(&i)
	v.interfaces = append(v.interfaces, &i)
}

func (v *vpc) complete(i *Interface) {
	for field, value := range map[*string]string{&i.Subnet: subnetID, &i.VPC: vpcID, &i.Type: "interface"} {
		if *field == "" {
			*field = value
		}
	}
}

func (v *vpc) group(id string) *SecurityGroup {
	n := slices.IndexFunc(v.groups, func(g *SecurityGroup) bool { return g.ID == id })
	if n < 0 {
		return nil
	}
	return v.groups[n]
}

// allACLs returns the added ACLs, and the default one for the remaining subnets.
func (v *vpc) allACLs() []*ACL {
	guarded := map[string]bool{}
	for _, a := range v.acls {
		for _, subnet := range a.Subnets {
			guarded[subnet] = true
		}
	}
	rest := &ACL{ID: defaultACL}
	for _, i := range v.interfaces {
		if !guarded[i.Subnet] {
			guarded[i.Subnet] = true
			rest.Subnets = append(rest.Subnets, i.Subnet)
		}
	}
	for _, egress := range []bool{false, true} {
		rest.Entries = append(rest.Entries, ACLEntry{Number: 100, Egress: egress, Protocol: "-1", CIDR: "0.0.0.0/0"},
			ACLEntry{Number: 32767, Egress: egress, Deny: true, Protocol: "-1", CIDR: "0.0.0.0/0"})
	}
	return append(slices.Clone(v.acls), rest)
}
