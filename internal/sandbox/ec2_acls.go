package sandbox

import "encoding/xml"

type ec2ACL struct {
	ID           string           `xml:"networkAclId"`
	VpcID        string           `xml:"vpcId"`
	Default      bool             `xml:"default"`
	Associations []ec2Association `xml:"associationSet>item"`
	Entries      []ec2ACLEntry    `xml:"entrySet>item"`
}

type ec2Association struct {
	ID     string `xml:"networkAclAssociationId"`
	ACL    string `xml:"networkAclId"`
	Subnet string `xml:"subnetId"`
}

type ec2ACLEntry struct {
	Number   int       `xml:"ruleNumber"`
	Protocol string    `xml:"protocol"`
	Action   string    `xml:"ruleAction"`
	Egress   bool      `xml:"egress"`
	CIDR     string    `xml:"cidrBlock,omitempty"`
	CIDR6    string    `xml:"ipv6CidrBlock,omitempty"`
	Ports    *ec2Ports `xml:"portRange"`
}

type ec2Ports struct {
	From int `xml:"from"`
	To   int `xml:"to"`
}

func (s *Sandbox) describeNetworkACLs(r *request) (any, *apiError) {
	some, err := filtered(r, s.vpc.allACLs(), func(a *ACL) map[string][]string {
		return map[string][]string{"association.subnet-id": a.Subnets, "network-acl-id": {a.ID}, "vpc-id": {vpcID}}
	})
	if err != nil {
		return nil, err
	}
	var items []ec2ACL
	for _, a := range some {
		items = append(items, showACL(a))
	}
	return ec2Page(r, "networkAclSet", items, ec2Default(), "")
}

func showACL(a *ACL) ec2ACL {
	out := ec2ACL{ID: a.ID, VpcID: vpcID, Default: a.ID == defaultACL}
	for _, subnet := range a.Subnets {
		out.Associations = append(out.Associations, ec2Association{"aclassoc-" + subnet, a.ID, subnet})
	}
	for _, e := range a.Entries {
		entry := ec2ACLEntry{Number: e.Number, Protocol: e.Protocol, Action: "allow", Egress: e.Egress, CIDR: e.CIDR, CIDR6: e.CIDR6}
		if e.Deny {
			entry.Action = "deny"
		}
		if e.First != 0 || e.Last != 0 {
			entry.Ports = &ec2Ports{e.First, e.Last}
		}
		out.Entries = append(out.Entries, entry)
	}
	return out
}

func (s *Sandbox) getPrefixListEntries(r *request) (any, *apiError) {
	type entry struct {
		XMLName xml.Name `xml:"item"`
		CIDR    string   `xml:"cidr"`
	}
	id := r.form.Get("PrefixListId")
	cidrs, ok := s.vpc.lists[id]
	if !ok {
		return nil, invalid("InvalidPrefixListID.NotFound", "The prefix list ID '%s' does not exist", id)
	}
	if !r.form.Has("MaxResults") {
		r.form.Set("MaxResults", "100")
	}
	var items []entry
	for _, cidr := range cidrs {
		items = append(items, entry{CIDR: cidr})
	}
	return ec2Page(r, "entrySet", items, ec2Limits{min: 1, max: 100}, "")
}
