package reach

import (
	"net/netip"
	"slices"
)

// Denial is an ACL entry that denies traffic.
type Denial struct {
	ACL   string
	Entry int // ImplicitEntry for the entry that AWS shows as "*"
	Ports Ports
}

// acl returns the network ACL of e's subnet, or the reason why it is unknown.
func (j *Judge) acl(e *Endpoint) (*ACL, Unread) {
	if e.Subnet == "" {
		return nil, Unread{"ec2:DescribeNetworkInterfaces", "the subnet of " + e.Name + " is not known"}
	}
	acl, ok := j.acls[e.Subnet]
	if !ok {
		return nil, Unread{"ec2:DescribeNetworkAcls", "the ACL of " + e.Subnet + " was not read"}
	}
	return acl, acl.Unread
}

// subnetUnknown returns the reason why a denial by an ACL counts as unknown: the subnet of one endpoint was not read,
// and ACLs do not apply if both endpoints are in the same subnet.
func (g *leg) subnetUnknown() Unread {
	for _, e := range []*Endpoint{g.self, g.peer} {
		if e.subnetless() {
			return Unread{"ec2:DescribeNetworkInterfaces", "the subnet of " + e.Name + " is not known"}
		}
	}
	return Unread{}
}

// subnetless reports whether e could be in any subnet. A public address that belongs to no known interface counts as
// outside the VPC, for example an AWS endpoint behind a NAT gateway.
func (e *Endpoint) subnetless() bool {
	return e.Subnet == "" && (len(e.Addrs) == 0 || slices.ContainsFunc(e.Addrs, isInternal))
}

var sharedSpace = netip.MustParsePrefix("100.64.0.0/10") // RFC 6598; VPCs can use it too

func isInternal(a netip.Addr) bool {
	a = a.Unmap()
	return a.IsPrivate() || !a.IsGlobalUnicast() || sharedSpace.Contains(a)
}

// aclCover evaluates the entries in ascending order of their numbers. The first entry that matches a port decides it.
// Each denial is passed to deny, unless deny is nil.
func (j *Judge) aclCover(g *leg, deny func(Denial)) (c cover) {
	acl, why := j.acl(g.self)
	rest := g.asked.set()
	if !why.isZero() {
		return cover{unknown: rest}
	}
	if !g.subnetUnknown().isZero() {
		deny = nil
		defer func() { c.unknown = g.asked.set().Subtract(c.open) }()
	}
	for i := range acl.Entries {
		e := &acl.Entries[i]
		hit := rest.Intersect(e.touches(g))
		if len(hit) == 0 {
			continue
		}
		rest = rest.Subtract(hit)
		c = c.with(e.answer(), hit)
		if e.answer() == no && deny != nil {
			deny(Denial{acl.ID, e.Number, hit})
		}
	}
	if len(rest) > 0 && deny != nil {
		deny(Denial{acl.ID, ImplicitEntry, rest})
	}
	return c
}

func (e *ACLEntry) answer() answer {
	switch {
	case e.Err != "", !e.CIDR.IsValid():
		return unknown
	case e.Allow:
		return yes
	}
	return no
}

// touches returns the ports of the leg that the entry matches.
func (e *ACLEntry) touches(g *leg) Ports {
	known := e.CIDR.IsValid() && !e.CIDR.Contains(g.addr)
	if e.Direction != g.dir || !e.Protocol.matches(g.protocol) || known {
		return nil
	}
	return e.Ports.set()
}
