package reach

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
)

// NetworkACL is one ACL as DescribeNetworkAcls returns it.
type NetworkACL struct {
	NetworkACLID string `json:"NetworkAclId"`
	Associations []struct {
		SubnetID string `json:"SubnetId"`
	}
	Entries []NetworkACLEntry
}

// NetworkACLEntry is one entry; its protocol is a number.
type NetworkACLEntry struct {
	RuleNumber int
	Egress     bool
	RuleAction string
	Protocol   string
	CIDRBlock  string `json:"CidrBlock"`
	IPv6CIDR   string `json:"Ipv6CidrBlock"`
	PortRange  *struct{ From, To *int64 }
	ICMPType   *struct{ Type, Code *int64 } `json:"IcmpTypeCode"`
}

// ParseACLs decodes the JSON of `aws ec2 describe-network-acls`.
func ParseACLs(document []byte) ([]ACL, error) {
	var d struct{ NetworkAcls []NetworkACL }
	if err := json.Unmarshal(document, &d); err != nil {
		return nil, fmt.Errorf("decoding network ACLs: %w", err)
	}
	out := make([]ACL, 0, len(d.NetworkAcls))
	for _, a := range d.NetworkAcls {
		out = append(out, a.Decode())
	}
	return out, nil
}

// Decode makes an ACL of it. An entry that cannot be decoded keeps its place and
// leaves UNKNOWN what it might have decided.
func (a NetworkACL) Decode() ACL {
	out := ACL{ID: a.NetworkACLID}
	for _, s := range a.Associations {
		out.Subnets = append(out.Subnets, s.SubnetID)
	}
	for _, e := range a.Entries {
		out.Entries = append(out.Entries, e.decode())
	}
	return out
}

func (e NetworkACLEntry) decode() ACLEntry {
	traffic := decodeTraffic(e.Protocol, e.first(), e.last())
	out := ACLEntry{
		Number: e.RuleNumber, Allow: e.RuleAction == "allow",
		Protocol: traffic.Protocol, Ports: traffic.Ports, ICMP: traffic.ICMP, Err: traffic.Err,
	}
	if e.Egress {
		out.Direction = Egress
	}
	if e.RuleAction != "allow" && e.RuleAction != "deny" {
		out.Err = join(out.Err, fmt.Sprintf("action %q is neither allow nor deny", e.RuleAction))
	}
	peer, err := e.peer()
	if err != nil {
		out.Err = join(out.Err, err.Error())
	}
	out.CIDR = peer
	return out
}

func (e NetworkACLEntry) first() *int64 {
	switch {
	case e.PortRange != nil:
		return e.PortRange.From
	case e.ICMPType != nil:
		return e.ICMPType.Type
	}
	return nil
}

func (e NetworkACLEntry) last() *int64 {
	switch {
	case e.PortRange != nil:
		return e.PortRange.To
	case e.ICMPType != nil:
		return e.ICMPType.Code
	}
	return nil
}

func (e NetworkACLEntry) peer() (netip.Prefix, error) {
	p, err := Peer{}, errors.New("it names no CIDR")
	switch {
	case e.CIDRBlock != "":
		p, err = decodeCIDR(e.CIDRBlock, true)
	case e.IPv6CIDR != "":
		p, err = decodeCIDR(e.IPv6CIDR, false)
	}
	return p.CIDR, err
}

// ParsePrefixList decodes the pages of `aws ec2 get-managed-prefix-list-entries`
// (100 entries each at most) for one list. Where the last page promises another,
// the list is marked as read in part.
func ParsePrefixList(id string, pages ...[]byte) (PrefixList, error) {
	out := PrefixList{ID: id}
	next := "not one page"
	for i, page := range pages {
		var d struct {
			Entries   []struct{ Cidr string }
			NextToken string
		}
		if err := json.Unmarshal(page, &d); err != nil {
			return out, fmt.Errorf("decoding page %d of prefix list %s: %w", i+1, id, err)
		}
		for _, e := range d.Entries {
			out.add(e.Cidr)
		}
		next = d.NextToken
	}
	if next != "" && out.Unread.isZero() {
		out.Unread = Unread{"ec2:GetManagedPrefixListEntries", "not all pages of " + id + " were read"}
	}
	return out, nil
}

func (l *PrefixList) add(cidr string) {
	p, err := parsePrefix(cidr)
	if err != nil {
		l.Unread = Unread{Reason: fmt.Sprintf("an entry of %s cannot be decoded: %v", l.ID, err)}
		return
	}
	l.Entries = append(l.Entries, p)
}
