package reach

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"
)

// SecurityGroup is one group as DescribeSecurityGroups returns it: no rule ids,
// and no ports where the protocol has none.
type SecurityGroup struct {
	GroupID             string `json:"GroupId"`
	GroupName           string
	IPPermissions       []IPPermission `json:"IpPermissions"`
	IPPermissionsEgress []IPPermission `json:"IpPermissionsEgress"`
}

// IPPermission is one protocol and port range with all its peers.
type IPPermission struct {
	IPProtocol string `json:"IpProtocol"`
	FromPort   *int64
	ToPort     *int64
	IPRanges   []struct {
		CIDR string `json:"CidrIp"`
	} `json:"IpRanges"`
	IPv6Ranges []struct {
		CIDR string `json:"CidrIpv6"`
	} `json:"Ipv6Ranges"`
	PrefixLists []struct {
		ID string `json:"PrefixListId"`
	} `json:"PrefixListIds"`
	Groups []GroupPair `json:"UserIdGroupPairs"`
}

// GroupPair is a referenced group: UserIdGroupPair of the one shape,
// ReferencedGroupInfo of the other.
type GroupPair struct {
	GroupID                string `json:"GroupId"`
	UserID                 string `json:"UserId"`
	VPCID                  string `json:"VpcId"`
	VPCPeeringConnectionID string `json:"VpcPeeringConnectionId"`
	PeeringStatus          string
}

// SecurityGroupRule is one rule as DescribeSecurityGroupRules returns it: one
// peer, an id, and ports -1/-1 where the protocol has none.
type SecurityGroupRule struct {
	SecurityGroupRuleID string `json:"SecurityGroupRuleId"`
	GroupID             string `json:"GroupId"`
	IsEgress            *bool
	IPProtocol          string `json:"IpProtocol"`
	FromPort            *int64
	ToPort              *int64
	CIDRIPv4            string     `json:"CidrIpv4"`
	CIDRIPv6            string     `json:"CidrIpv6"`
	PrefixListID        string     `json:"PrefixListId"`
	ReferencedGroup     *GroupPair `json:"ReferencedGroupInfo"`
}

// ParseGroups decodes the JSON of `aws ec2 describe-security-groups` or of
// `describe-security-group-rules`. The second tells of no group that has no rules:
// add those by hand, or they count as not read.
func ParseGroups(document []byte) ([]Group, error) {
	var d struct {
		SecurityGroups     []SecurityGroup
		SecurityGroupRules []SecurityGroupRule
	}
	if err := json.Unmarshal(document, &d); err != nil {
		return nil, fmt.Errorf("decoding security groups: %w", err)
	}
	if d.SecurityGroups == nil && d.SecurityGroupRules == nil {
		return nil, errors.New("decoding security groups: neither SecurityGroups nor SecurityGroupRules in the document")
	}
	groups := DecodeRules(d.SecurityGroupRules)
	for _, g := range d.SecurityGroups {
		groups = append(groups, g.Decode())
	}
	return groups, nil
}

// Decode makes a Group of it. What cannot be decoded becomes a note and a rule
// with Err; nothing is dropped.
func (g SecurityGroup) Decode() Group {
	out := Group{ID: g.GroupID, Name: g.GroupName}
	for _, p := range g.IPPermissions {
		out.add(p.rules(Ingress)...)
	}
	for _, p := range g.IPPermissionsEgress {
		out.add(p.rules(Egress)...)
	}
	out.Rules = mergeDuplicates(out.Rules)
	return out
}

// add notes what is odd about the rules. An Err gets the group's name, because it
// travels on as a reason without the group.
func (g *Group) add(rules ...Rule) {
	for _, r := range rules {
		if r.Err != "" {
			r.Err = fmt.Sprintf("%s of %s cannot be decoded: %s", r.Name(), g.ID, r.Err)
			g.Notes = append(g.Notes, r.Err)
		}
		g.Rules = append(g.Rules, r)
	}
}

func (p IPPermission) rules(d Direction) []Rule {
	base := decodeTraffic(p.IPProtocol, p.FromPort, p.ToPort)
	base.Direction = d
	var out []Rule
	add := func(peer Peer, err error) { out = append(out, base.withPeer(peer, err)) }
	for _, r := range p.IPRanges {
		add(decodeCIDR(r.CIDR, true))
	}
	for _, r := range p.IPv6Ranges {
		add(decodeCIDR(r.CIDR, false))
	}
	for _, l := range p.PrefixLists {
		add(decodeID(Peer{PrefixList: l.ID}))
	}
	for _, g := range p.Groups {
		add(decodeID(g.peer()))
	}
	if len(out) == 0 {
		add(Peer{}, errors.New("it names no peer"))
	}
	return out
}

func (r Rule) withPeer(p Peer, err error) Rule {
	r.Peer = p
	if err != nil {
		r.Err = join(r.Err, err.Error())
	}
	return r
}

func join(a, b string) string {
	if a == "" {
		return b
	}
	return a + "; " + b
}

// DecodeRules gathers rules into the groups that hold them, in the order of their
// first rule. A rule that does not say its direction counts in both.
func DecodeRules(rules []SecurityGroupRule) []Group {
	var out []Group
	at := map[string]int{}
	meant := map[string]string{}
	for _, r := range rules {
		i, ok := at[r.GroupID]
		if !ok {
			i = len(out)
			at[r.GroupID] = i
			out = append(out, Group{ID: r.GroupID})
		}
		decoded := r.decode()
		out[i].add(decoded...)
		if said, seen := meant[r.SecurityGroupRuleID]; seen && r.SecurityGroupRuleID != "" && said != decoded[0].String() {
			out[i].Notes = append(out[i].Notes, fmt.Sprintf("%s was given twice: '%s' and '%s'; both count",
				r.SecurityGroupRuleID, said, decoded[0]))
		}
		meant[r.SecurityGroupRuleID] = decoded[0].String()
	}
	for i := range out {
		out[i].Rules = mergeDuplicates(out[i].Rules)
	}
	return out
}

func (r SecurityGroupRule) decode() []Rule {
	rule := decodeTraffic(r.IPProtocol, r.FromPort, r.ToPort).withPeer(r.peer())
	if r.SecurityGroupRuleID != "" {
		rule.IDs = []string{r.SecurityGroupRuleID}
	}
	switch {
	case r.IsEgress == nil:
		rule.Err = join(rule.Err, "IsEgress is missing")
		other := rule
		other.Direction = Egress
		return []Rule{rule, other}
	case *r.IsEgress:
		rule.Direction = Egress
	}
	return []Rule{rule}
}

func (r SecurityGroupRule) peer() (Peer, error) {
	switch {
	case r.CIDRIPv4 != "":
		return decodeCIDR(r.CIDRIPv4, true)
	case r.CIDRIPv6 != "":
		return decodeCIDR(r.CIDRIPv6, false)
	case r.PrefixListID != "":
		return Peer{PrefixList: r.PrefixListID}, nil
	case r.ReferencedGroup != nil:
		return decodeID(r.ReferencedGroup.peer())
	}
	return Peer{}, errors.New("it names no peer")
}

func (p GroupPair) peer() Peer {
	return Peer{Group: GroupRef{p.GroupID, p.UserID, p.VPCID, p.VPCPeeringConnectionID, p.PeeringStatus}}
}

// decodeID refuses a reference without an id, such as EC2-Classic's by name.
func decodeID(p Peer) (Peer, error) {
	if p.Group.ID == "" && p.PrefixList == "" {
		return Peer{}, errors.New("the peer has no id")
	}
	return p, nil
}

// decodeTraffic reads protocol and ports. Null ports are right where EC2 ignores
// ports, and an error for tcp and udp.
func decodeTraffic(protocol string, from, to *int64) Rule {
	r := Rule{Protocol: AllProtocols, Ports: AnyPort()}
	p, err := ParseProtocol(protocol)
	if err != nil {
		r.Err = err.Error()
		return r
	}
	r.Protocol = p
	switch {
	case p.isICMP():
		r.ICMP = ICMPType{orAny(from), orAny(to)}
	case p.HasPorts():
		r.Ports, err = decodePorts(p, from, to)
	}
	if err != nil {
		r.Ports, r.Err = AnyPort(), err.Error()
	}
	return r
}

func decodePorts(p Protocol, from, to *int64) (Range, error) {
	if from == nil || to == nil {
		return Range{}, fmt.Errorf("%s without ports", p)
	}
	return newRange(*from, *to)
}

func orAny(n *int64) int64 {
	if n == nil {
		return -1
	}
	return *n
}

// decodeCIDR masks host bits, which EC2 keeps in some old rules.
func decodeCIDR(s string, v4 bool) (Peer, error) {
	prefix, err := parsePrefix(s)
	if err == nil && prefix.Addr().Is4() != v4 {
		err = fmt.Errorf("CIDR %s is of the other IP version", s)
	}
	if err != nil {
		return Peer{}, err
	}
	return Peer{CIDR: prefix}, nil
}

func parsePrefix(s string) (netip.Prefix, error) {
	prefix, err := netip.ParsePrefix(strings.TrimSpace(s))
	if err != nil {
		return prefix, fmt.Errorf("%q is not a CIDR: %w", s, err)
	}
	return prefix.Masked(), nil
}
