package reach

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Direction is the direction of traffic relative to the interface that a rule applies to.
type Direction uint8

// Ingress is traffic to the interface. Egress is traffic from it.
const (
	Ingress Direction = iota
	Egress
)

func (d Direction) String() string {
	if d == Egress {
		return "egress"
	}
	return "ingress"
}

// GroupRef is a security group that a rule references as its peer.
type GroupRef struct {
	ID      string
	Owner   string // account; EC2 omits it if a group in a peered VPC was deleted
	VPC     string
	Peering string // VPC peering connection
	Status  string // status of the peering; empty within a VPC
}

// Peer is the source or destination that a rule allows: exactly one of CIDR, Group and PrefixList. The zero Peer means
// that the peer could not be decoded.
type Peer struct {
	CIDR       netip.Prefix // host bits masked
	Group      GroupRef
	PrefixList string
}

func (p Peer) String() string {
	switch {
	case p.CIDR.IsValid():
		return p.CIDR.String()
	case p.Group.ID != "":
		return p.Group.ID
	case p.PrefixList != "":
		return p.PrefixList
	}
	return "an unreadable peer"
}

// everyone reports whether the peer is the whole internet.
func (p Peer) everyone() bool { return p.CIDR.IsValid() && p.CIDR.Bits() == 0 }

// Rule is a security group rule for one peer. Rules can only allow traffic, and never match on the source port.
type Rule struct {
	IDs       []string // ids of the rule and its exact duplicates; empty if the API response has no ids
	Direction Direction
	Protocol  Protocol
	Ports     Range    // all ports if the protocol has none
	ICMP      ICMPType // for ICMP and ICMPv6
	Peer      Peer
	// Err says which part of the rule could not be decoded. The affected fields then contain the widest possible value,
	// and the result is UNKNOWN instead of MISSING.
	Err string
	// Text is the rule as EC2 returned it. It is set only if the rule could not be decoded.
	Text string
}

// ICMPType is an ICMP type and code, where -1 means any. EC2 sends them in the port fields.
type ICMPType struct{ Type, Code int64 }

// Name returns the rule's ids, or its text if it has no id.
func (r Rule) Name() string {
	switch {
	case len(r.IDs) == 0 && r.Text != "":
		return "rule '" + r.Text + "'"
	case len(r.IDs) == 0:
		return "rule '" + r.String() + "'"
	}
	return strings.Join(r.IDs, "+")
}

// String returns text such as "tcp 47100-47105 from 10.0.0.0/16".
func (r Rule) String() string {
	word, ports := "from", ""
	if r.Direction == Egress {
		word = "to"
	}
	switch {
	case r.Protocol.HasPorts():
		ports = " " + r.Ports.String()
	case r.Protocol.IsICMP():
		ports = fmt.Sprintf(" %d/%d", r.ICMP.Type, r.ICMP.Code)
	}
	return fmt.Sprintf("%s%s %s %s", r.Protocol, ports, word, r.Peer)
}

// bears reports whether the rule applies to any port of the need.
func (r *Rule) bears(d Direction, n *Need) bool {
	return r.Direction == d && r.Protocol.matches(n.Protocol) && r.Ports.overlaps(n.Ports)
}

// Group is a security group.
type Group struct {
	ID     string
	Name   string
	Rules  []Rule
	Notes  []string // problems with its rules that were found during decoding
	Unread Unread
}

// Add appends rules and merges duplicates. If a rule could not be decoded, Add adds the names of the rule and the group
// to Err, because Err is later shown without them.
func (g *Group) Add(rules ...Rule) {
	for _, r := range rules {
		if r.Err != "" {
			r.Err = fmt.Sprintf("%s of %s cannot be decoded: %s", r.Name(), g.ID, r.Err)
			g.Notes = append(g.Notes, r.Err)
		}
		g.Rules = append(g.Rules, r)
	}
	g.Rules = mergeDuplicates(g.Rules)
}

// mergeDuplicates replaces equal rules with a single rule that has all their ids.
func mergeDuplicates(rules []Rule) []Rule {
	type meaning struct {
		Direction
		Protocol
		Range
		ICMPType
		Peer
		err, text string
	}
	at := make(map[meaning]int, len(rules))
	out := make([]Rule, 0, len(rules))
	for _, r := range rules {
		key := meaning{r.Direction, r.Protocol, r.Ports, r.ICMP, r.Peer, r.Err, r.Text}
		i, seen := at[key]
		if !seen {
			at[key] = len(out)
			out = append(out, r)
			continue
		}
		out[i].IDs = slices.Concat(out[i].IDs, r.IDs) // Concat copies, so the caller's slice is not modified
		slices.Sort(out[i].IDs)
		out[i].IDs = slices.Compact(out[i].IDs)
	}
	return out
}

// PrefixList is a managed prefix list. If reading it failed halfway, Entries contains the entries read until then and
// Unread the reason.
type PrefixList struct {
	ID      string
	Entries []netip.Prefix // host bits masked
	Unread  Unread
}

// ImplicitEntry is the number of the last entry of every ACL, which AWS shows as "*". It denies everything that no
// other entry matches.
const ImplicitEntry = 32767

// ACLEntry is one entry of a network ACL.
type ACLEntry struct {
	Number    int
	Direction Direction
	Allow     bool
	Protocol  Protocol
	Ports     Range
	ICMP      ICMPType
	CIDR      netip.Prefix // the zero Prefix if it could not be decoded; see Err
	Err       string
}

// ACL is a network ACL with the subnets that it applies to.
type ACL struct {
	ID      string
	Subnets []string
	Entries []ACLEntry // in any order
	Unread  Unread
}

// World is all data that affects traffic. Anything that is missing from it counts as not read.
type World struct {
	Groups      []Group
	PrefixLists []PrefixList
	ACLs        []ACL
	// Middleboxes maps a pair of subnets to the appliance on the route between them. Group references do not work
	// through an appliance, in either direction.
	Middleboxes map[SubnetPair]string
	// RouteFaults are the pairs of subnets without a working route in the route tables.
	RouteFaults map[SubnetPair]RouteFault
}

// RouteFault is a problem with the route from one subnet to another.
type RouteFault struct {
	// Blackhole means that the target of the route no longer exists, so no packet passes. If false, no route is known,
	// and the verdict is UNKNOWN.
	Blackhole bool
	Text      string // e.g. "the route of rtb-1 to 10.1.0.0/16 (pcx-1) is a blackhole"
}

// SubnetPair holds the ids of two subnets.
type SubnetPair struct{ From, To string }
