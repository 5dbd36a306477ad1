package sandbox

import (
	"encoding/xml"
	"fmt"
	"slices"
	"strconv"
)

type ec2Pair struct {
	GroupID       string `xml:"groupId"`
	UserID        string `xml:"userId,omitempty"`
	VpcID         string `xml:"vpcId,omitempty"`
	PeeringStatus string `xml:"peeringStatus,omitempty"`
}

// ec2Permission is a rule of DescribeSecurityGroups: without id, and without ports
// where it has none.
type ec2Permission struct {
	Protocol string    `xml:"ipProtocol"`
	From     *int      `xml:"fromPort"`
	To       *int      `xml:"toPort"`
	CIDR     []ec2Peer `xml:"ipRanges>item"`
	CIDR6    []ec2Peer `xml:"ipv6Ranges>item"`
	Lists    []ec2Peer `xml:"prefixListIds>item"`
	Groups   []ec2Pair `xml:"groups>item"`
}

// ec2Peer is a rule's peer in any of the lists, of which it has one.
type ec2Peer struct {
	CIDR  string `xml:"cidrIp,omitempty"`
	CIDR6 string `xml:"cidrIpv6,omitempty"`
	List  string `xml:"prefixListId,omitempty"`
}

type ec2Group struct {
	ID      string          `xml:"groupId"`
	Name    string          `xml:"groupName"`
	OwnerID string          `xml:"ownerId"`
	VpcID   string          `xml:"vpcId"`
	In      []ec2Permission `xml:"ipPermissions>item"`
	Out     []ec2Permission `xml:"ipPermissionsEgress>item"`
}

func (s *Sandbox) describeSecurityGroups(r *request) (any, *apiError) {
	some, err := chosen(
		r,
		"GroupId",
		"security group",
		"InvalidGroup.NotFound",
		s.vpc.groups,
		func(g *SecurityGroup) string { return g.ID },
	)
	if err != nil {
		return nil, err
	}
	some, err = filtered(r, some, func(g *SecurityGroup) map[string][]string {
		return map[string][]string{"group-id": {g.ID}, "group-name": {g.Name}, "vpc-id": {vpcID}}
	})
	if err != nil {
		return nil, err
	}
	var items []ec2Group
	for _, g := range some {
		out := ec2Group{ID: g.ID, Name: g.Name, OwnerID: s.opts.AccountID, VpcID: vpcID}
		for _, rule := range g.Rules {
			if rule.Egress {
				out.Out = append(out.Out, s.permission(rule))
			} else {
				out.In = append(out.In, s.permission(rule))
			}
		}
		items = append(items, out)
	}
	return ec2Page(r, "securityGroupInfo", items, ec2Default(), "GroupId")
}

func (s *Sandbox) permission(r Rule) ec2Permission {
	p := ec2Permission{Protocol: r.Protocol}
	if r.First != 0 || r.Last != 0 {
		p.From, p.To = &r.First, &r.Last
	}
	switch {
	case r.CIDR != "":
		p.CIDR = []ec2Peer{{CIDR: r.CIDR}}
	case r.CIDR6 != "":
		p.CIDR6 = []ec2Peer{{CIDR6: r.CIDR6}}
	case r.PrefixList != "":
		p.Lists = []ec2Peer{{List: r.PrefixList}}
	case r.Group != "":
		p.Groups = []ec2Pair{s.pair(r)}
	}
	return p
}

// pair leaves the account out for a deleted group across a peering (VPC peering
// guide, stale rules).
func (s *Sandbox) pair(r Rule) ec2Pair {
	p := ec2Pair{GroupID: r.Group, UserID: s.opts.AccountID, VpcID: r.GroupVPC, PeeringStatus: r.PeeringStatus}
	if r.PeeringStatus == "deleted" {
		p.UserID = ""
	}
	return p
}

// ec2Rule is a rule of DescribeSecurityGroupRules: ports -1 where it has none.
type ec2Rule struct {
	ID       string   `xml:"securityGroupRuleId"`
	GroupID  string   `xml:"groupId"`
	OwnerID  string   `xml:"groupOwnerId"`
	Egress   bool     `xml:"isEgress"`
	Protocol string   `xml:"ipProtocol"`
	From     int      `xml:"fromPort"`
	To       int      `xml:"toPort"`
	CIDR     string   `xml:"cidrIpv4,omitempty"`
	CIDR6    string   `xml:"cidrIpv6,omitempty"`
	List     string   `xml:"prefixListId,omitempty"`
	Group    *ec2Pair `xml:"referencedGroupInfo"`
}

func (s *Sandbox) describeSecurityGroupRules(r *request) (any, *apiError) {
	var all []ec2Rule
	for _, g := range s.vpc.groups {
		for _, rule := range g.Rules {
			all = append(all, s.showRule(g.ID, rule))
		}
	}
	items, err := filtered(r, all, func(r ec2Rule) map[string][]string {
		return map[string][]string{"group-id": {r.GroupID}, "security-group-rule-id": {r.ID}}
	})
	if err != nil {
		return nil, err
	}
	return ec2Page(r, "securityGroupRuleSet", items, ec2Default(), "")
}

func (s *Sandbox) showRule(group string, r Rule) ec2Rule {
	out := ec2Rule{ID: r.ID, GroupID: group, OwnerID: s.opts.AccountID, Egress: r.Egress, Protocol: r.Protocol,
		From: r.First, To: r.Last, CIDR: r.CIDR, CIDR6: r.CIDR6, List: r.PrefixList}
	if r.First == 0 && r.Last == 0 {
		out.From, out.To = -1, -1
	}
	if r.Group != "" {
		p := s.pair(r)
		out.Group = &p
	}
	return out
}

// authorize adds rules, as `aws ec2 authorize-security-group-ingress --group-id
// --ip-permissions` sends them; the older form with the rule in the top level is
// not understood.
func (s *Sandbox) authorize(egress bool) action {
	return func(r *request) (any, *apiError) {
		g := s.vpc.group(r.form.Get("GroupId"))
		if g == nil {
			return nil, invalid("InvalidGroup.NotFound", "The security group '%s' does not exist", r.form.Get("GroupId"))
		}
		rules, err := r.permissions(egress)
		if err != nil {
			return nil, err
		}
		set := ec2Set[ec2Rule]{XMLName: xml.Name{Local: "securityGroupRuleSet"}}
		for _, rule := range rules {
			if slices.ContainsFunc(g.Rules, func(old Rule) bool { old.ID = ""; return old == rule }) {
				return nil, invalid("InvalidPermission.Duplicate", "the specified rule already exists")
			}
			s.vpc.name(&rule)
			set.Items = append(set.Items, s.showRule(g.ID, rule))
			g.Rules = append(g.Rules, rule)
		}
		return []any{boolean("return", true), set}, nil
	}
}

func boolean(name string, value bool) any {
	return struct {
		XMLName xml.Name
		Value   bool `xml:",chardata"`
	}{xml.Name{Local: name}, value}
}

// permissions reads IpPermissions.N with its peers, a rule for each.
func (r *request) permissions(egress bool) ([]Rule, *apiError) {
	var out []Rule
	for n := 1; r.form.Has(fmt.Sprintf("IpPermissions.%d.IpProtocol", n)); n++ {
		at := fmt.Sprintf("IpPermissions.%d.", n)
		first, err1 := port(r.form.Get(at + "FromPort"))
		last, err2 := port(r.form.Get(at + "ToPort"))
		if err1 != nil || err2 != nil || first > last {
			return nil, invalid("InvalidParameterValue", "Invalid value for portRange.")
		}
		base := Rule{Egress: egress, Protocol: r.form.Get(at + "IpProtocol"), First: first, Last: last}
		for member, set := range map[string]func(*Rule, string){
			"IpRanges.%d.CidrIp":            func(rule *Rule, v string) { rule.CIDR = v },
			"Ipv6Ranges.%d.CidrIpv6":        func(rule *Rule, v string) { rule.CIDR6 = v },
			"PrefixListIds.%d.PrefixListId": func(rule *Rule, v string) { rule.PrefixList = v },
			"Groups.%d.GroupId":             func(rule *Rule, v string) { rule.Group = v },
		} {
			for m := 1; r.form.Has(at + fmt.Sprintf(member, m)); m++ {
				rule := base
				set(&rule, r.form.Get(at+fmt.Sprintf(member, m)))
				out = append(out, rule)
			}
		}
	}
	if len(out) == 0 {
		return nil, invalid("MissingParameter", "The request must contain the parameter ipPermissions")
	}
	return out, nil
}

func port(text string) (int, error) {
	if text == "" || text == "-1" {
		return 0, nil
	}
	n, err := strconv.ParseUint(text, 10, 16)
	return int(n), err
}
