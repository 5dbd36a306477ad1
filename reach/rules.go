package reach

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Direction is which way a rule looks from the interface that it guards.
type Direction uint8

// Ingress is traffic towards the interface.
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

// GroupRef names a security group as the peer of a rule.
type GroupRef struct {
	ID      string
	Owner   string // account; EC2 leaves it out once a group in a peer VPC is deleted
	VPC     string
	Peering string // VPC peering connection
	Status  string // of the peering; empty within a VPC
}

// Peer is whom a rule admits: exactly one of CIDR, Group and PrefixList. The zero
// Peer is one that could not be decoded.
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

// everyone says that the peer is the whole internet.
func (p Peer) everyone() bool { return p.CIDR.IsValid() && p.CIDR.Bits() == 0 }

// Rule is one security-group rule for one peer. Rules only allow, and never look
// at the source port.
type Rule struct {
	IDs       []string // of all exact duplicates; none where the shape has no ids
	Direction Direction
	Protocol  Protocol
	Ports     Range    // all ports where the protocol has none
	ICMP      ICMPType // for ICMP and ICMPv6
	Peer      Peer
	// Err says what of the rule could not be decoded. The fields in question then
	// hold the widest value, and the judge answers UNKNOWN instead of MISSING.
	Err string
}

// ICMPType is an ICMP type and code; -1 is any. EC2 carries them in the port fields.
type ICMPType struct{ Type, Code int64 }

// Name is the rule's ids, or what it says when it has none.
func (r Rule) Name() string {
	if len(r.IDs) == 0 {
		return "rule '" + r.String() + "'"
	}
	return strings.Join(r.IDs, "+")
}

// String is "tcp 47100-47105 from 10.0.0.0/16".
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

// bears says whether the rule speaks of any port of the need.
func (r *Rule) bears(d Direction, n *Need) bool {
	return r.Direction == d && r.Protocol.matches(n.Protocol) && r.Ports.overlaps(n.Ports)
}

// Group is a security group.
type Group struct {
	ID     string
	Name   string
	Rules  []Rule
	Notes  []string // what was odd about its rules when they were decoded
	Unread Unread
}

// Add appends rules and merges duplicates. It notes what is odd about a rule, with
// the group's name, because Err travels on as a reason without the group.
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

// mergeDuplicates makes one rule with all ids out of rules that say the same.
func mergeDuplicates(rules []Rule) []Rule {
	type meaning struct {
		Direction
		Protocol
		Range
		ICMPType
		Peer
		err string
	}
	at := make(map[meaning]int, len(rules))
	out := make([]Rule, 0, len(rules))
	for _, r := range rules {
		key := meaning{r.Direction, r.Protocol, r.Ports, r.ICMP, r.Peer, r.Err}
		i, seen := at[key]
		if !seen {
			at[key] = len(out)
			out = append(out, r)
			continue
		}
		out[i].IDs = slices.Concat(out[i].IDs, r.IDs) // not into the caller's
		slices.Sort(out[i].IDs)
		out[i].IDs = slices.Compact(out[i].IDs)
	}
	return out
}

// PrefixList is a managed prefix list. Entries read before the reading failed
// count, and Unread then answers for the rest.
type PrefixList struct {
	ID      string
	Entries []netip.Prefix // host bits masked
	Unread  Unread
}

// ImplicitEntry is the number of the last entry of every ACL, shown as "*", which
// denies what no other entry decided.
const ImplicitEntry = 32767

// ACLEntry is one entry of a network ACL.
type ACLEntry struct {
	Number    int
	Direction Direction
	Allow     bool
	Protocol  Protocol
	Ports     Range
	ICMP      ICMPType
	CIDR      netip.Prefix // the zero Prefix: not decoded, see Err
	Err       string
}

// ACL is a network ACL with the subnets that it guards.
type ACL struct {
	ID      string
	Subnets []string
	Entries []ACLEntry // any order
	Unread  Unread
}

// World is everything that decides about traffic. What it does not hold counts
// as not read.
type World struct {
	Groups      []Group
	PrefixLists []PrefixList
	ACLs        []ACL
	// Middleboxes names the appliance through which the routes of one subnet lead to
	// another. Group references do not survive one, in either direction.
	Middleboxes map[SubnetPair]string
}

// SubnetPair is two subnets by their ids.
type SubnetPair struct{ From, To string }
