package awsapi

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"muster/reach"
)

// The functions in this file convert EC2 responses to the model of package reach. They drop nothing: a rule or entry
// that cannot be decoded is returned with Err set, so that the verdict is UNKNOWN instead of closed.

// SecurityGroup converts a group from DescribeSecurityGroups. Its rules have no ids, and no ports if the protocol has
// none.
func SecurityGroup(g types.SecurityGroup) reach.Group {
	out := reach.Group{ID: aws.ToString(g.GroupId), Name: aws.ToString(g.GroupName)}
	for _, p := range g.IpPermissions {
		out.Add(permission(p, reach.Ingress)...)
	}
	for _, p := range g.IpPermissionsEgress {
		out.Add(permission(p, reach.Egress)...)
	}
	return out
}

// permission returns one rule per peer.
func permission(p types.IpPermission, d reach.Direction) []reach.Rule {
	base := traffic(aws.ToString(p.IpProtocol), p.FromPort, p.ToPort)
	base.Direction = d
	text := asReturned(aws.ToString(p.IpProtocol), p.FromPort, p.ToPort)
	var out []reach.Rule
	add := func(peer reach.Peer, err error) {
		r := withPeer(base, peer, err)
		if r.Err != "" {
			r.Text = text
		}
		out = append(out, r)
	}
	for _, r := range p.IpRanges {
		add(cidr(aws.ToString(r.CidrIp), true))
	}
	for _, r := range p.Ipv6Ranges {
		add(cidr(aws.ToString(r.CidrIpv6), false))
	}
	for _, l := range p.PrefixListIds {
		add(identified(reach.Peer{PrefixList: aws.ToString(l.PrefixListId)}))
	}
	for _, g := range p.UserIdGroupPairs {
		add(identified(groupPeer(g.GroupId, g.UserId, g.VpcId, g.VpcPeeringConnectionId, g.PeeringStatus)))
	}
	if len(out) == 0 {
		add(reach.Peer{}, errNoPeer)
	}
	return out
}

var errNoPeer = errors.New("it has no peer")

// RuleGroups sorts the rules from DescribeSecurityGroupRules into their groups, ordered by each group's first rule. A
// rule without a direction counts for both directions.
func RuleGroups(rules []types.SecurityGroupRule) []reach.Group {
	var out []reach.Group
	at, meant := map[string]int{}, map[string]string{}
	for _, r := range rules {
		group, id := aws.ToString(r.GroupId), aws.ToString(r.SecurityGroupRuleId)
		i, ok := at[group]
		if !ok {
			i = len(out)
			at[group] = i
			out = append(out, reach.Group{ID: group})
		}
		mapped := groupRule(r)
		out[i].Add(mapped...)
		if before, seen := meant[id]; seen && id != "" && before != mapped[0].String() {
			out[i].Notes = append(out[i].Notes, fmt.Sprintf("%s was returned twice: '%s' and '%s'; both are evaluated", id, before, mapped[0]))
		}
		meant[id] = mapped[0].String()
	}
	return out
}

func groupRule(r types.SecurityGroupRule) []reach.Rule {
	peer, err := rulePeer(r)
	rule := withPeer(traffic(aws.ToString(r.IpProtocol), r.FromPort, r.ToPort), peer, err)
	if id := aws.ToString(r.SecurityGroupRuleId); id != "" {
		rule.IDs = []string{id}
	}
	switch {
	case r.IsEgress == nil:
		rule.Err = also(rule.Err, "IsEgress is missing")
		other := rule
		other.Direction = reach.Egress
		return []reach.Rule{rule, other}
	case *r.IsEgress:
		rule.Direction = reach.Egress
	}
	return []reach.Rule{rule}
}

func rulePeer(r types.SecurityGroupRule) (reach.Peer, error) {
	switch {
	case aws.ToString(r.CidrIpv4) != "":
		return cidr(*r.CidrIpv4, true)
	case aws.ToString(r.CidrIpv6) != "":
		return cidr(*r.CidrIpv6, false)
	case aws.ToString(r.PrefixListId) != "":
		return reach.Peer{PrefixList: *r.PrefixListId}, nil
	case r.ReferencedGroupInfo != nil:
		g := r.ReferencedGroupInfo
		return identified(groupPeer(g.GroupId, g.UserId, g.VpcId, g.VpcPeeringConnectionId, g.PeeringStatus))
	}
	return reach.Peer{}, errNoPeer
}

// NetworkACL converts a network ACL.
func NetworkACL(a types.NetworkAcl) reach.ACL {
	out := reach.ACL{ID: aws.ToString(a.NetworkAclId)}
	for _, s := range a.Associations {
		out.Subnets = append(out.Subnets, aws.ToString(s.SubnetId))
	}
	for _, e := range a.Entries {
		out.Entries = append(out.Entries, aclEntry(e))
	}
	return out
}

func aclEntry(e types.NetworkAclEntry) reach.ACLEntry {
	var first, last *int32
	switch {
	case e.PortRange != nil:
		first, last = e.PortRange.From, e.PortRange.To
	case e.IcmpTypeCode != nil:
		first, last = e.IcmpTypeCode.Type, e.IcmpTypeCode.Code
	}
	t := traffic(aws.ToString(e.Protocol), first, last)
	out := reach.ACLEntry{
		Number: int(aws.ToInt32(e.RuleNumber)), Allow: e.RuleAction == types.RuleActionAllow,
		Protocol: t.Protocol, Ports: t.Ports, ICMP: t.ICMP, Err: t.Err,
	}
	if aws.ToBool(e.Egress) {
		out.Direction = reach.Egress
	}
	if e.RuleAction != types.RuleActionAllow && e.RuleAction != types.RuleActionDeny {
		out.Err = also(out.Err, fmt.Sprintf("action %q is neither allow nor deny", e.RuleAction))
	}
	peer, err := reach.Peer{}, errors.New("it has no CIDR")
	switch {
	case aws.ToString(e.CidrBlock) != "":
		peer, err = cidr(*e.CidrBlock, true)
	case aws.ToString(e.Ipv6CidrBlock) != "":
		peer, err = cidr(*e.Ipv6CidrBlock, false)
	}
	if err != nil {
		out.Err = also(out.Err, err.Error())
	}
	out.CIDR = peer.CIDR
	return out
}

// ManagedPrefixList converts the entries of a managed prefix list.
func ManagedPrefixList(id string, entries []types.PrefixListEntry) reach.PrefixList {
	out := reach.PrefixList{ID: id}
	for _, e := range entries {
		p, err := prefix(aws.ToString(e.Cidr))
		if err != nil {
			out.Unread = reach.Unread{Reason: fmt.Sprintf("an entry of %s cannot be decoded: %v", id, err)}
			continue
		}
		out.Entries = append(out.Entries, p)
	}
	return out
}

// traffic parses protocol and ports. Missing ports are an error for tcp and udp, and are normal for protocols for which
// EC2 ignores ports.
func traffic(protocol string, first, last *int32) reach.Rule {
	r := reach.Rule{Protocol: reach.AllProtocols, Ports: reach.AnyPort()}
	p, err := reach.ParseProtocol(protocol)
	if err != nil {
		r.Err = err.Error()
		return r
	}
	r.Protocol = p
	switch {
	case p.IsICMP():
		r.ICMP = reach.ICMPType{Type: orAny(first), Code: orAny(last)}
	case p.HasPorts() && (first == nil || last == nil):
		r.Err = fmt.Sprintf("%s without ports", p)
	case p.HasPorts():
		ports, err := reach.NewRange(int64(*first), int64(*last))
		if err != nil {
			r.Err = err.Error()
			return r
		}
		r.Ports = ports
	}
	return r
}

// asReturned returns the text of a rule as in EC2's response. It is used for a rule without an id that cannot be
// decoded, because the decoded rule contains the widest possible values instead of the actual ones.
func asReturned(protocol string, first, last *int32) string {
	if first == nil || last == nil {
		return protocol + " without ports"
	}
	return fmt.Sprintf("%s %d-%d", protocol, *first, *last)
}

// orAny returns n, or -1 (any) if an ICMP type or code is missing.
func orAny(n *int32) int64 {
	if n == nil {
		return -1
	}
	return int64(*n)
}

func withPeer(r reach.Rule, p reach.Peer, err error) reach.Rule {
	r.Peer = p
	if err != nil {
		r.Err = also(r.Err, err.Error())
	}
	return r
}

func also(a, b string) string {
	if a == "" {
		return b
	}
	return a + "; " + b
}

func groupPeer(id, owner, vpc, peering, status *string) reach.Peer {
	return reach.Peer{Group: reach.GroupRef{ID: aws.ToString(id), Owner: aws.ToString(owner), VPC: aws.ToString(vpc),
		Peering: aws.ToString(peering), Status: aws.ToString(status)}}
}

// identified returns an error for a peer without an id, such as an EC2-Classic group that is referenced by name.
func identified(p reach.Peer) (reach.Peer, error) {
	if p.Group.ID == "" && p.PrefixList == "" {
		return reach.Peer{}, errors.New("the peer has no id")
	}
	return p, nil
}

// cidr parses a CIDR. It masks host bits, which EC2 keeps in some old rules.
func cidr(s string, v4 bool) (reach.Peer, error) {
	p, err := prefix(s)
	if err == nil && p.Addr().Is4() != v4 {
		err = fmt.Errorf("CIDR %s has the wrong IP version", s)
	}
	if err != nil {
		return reach.Peer{}, err
	}
	return reach.Peer{CIDR: p}, nil
}

func prefix(s string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(strings.TrimSpace(s))
	if err != nil {
		return p, fmt.Errorf("%q is not a CIDR: %w", s, err)
	}
	return p.Masked(), nil
}
