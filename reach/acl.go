package reach

import (
	"net/netip"
	"slices"
)

// Denial is one ACL entry that stands in the way.
type Denial struct {
	ACL   string
	Entry int // ImplicitEntry for "*"
	Ports Ports
}

// acl of the subnet of e, or why it is not known.
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

// subnetUnknown explains why a denial counts as unknown: between interfaces in one
// subnet no ACL is asked, and the subnet of one of them was not read.
func (g *leg) subnetUnknown() Unread {
	for _, e := range []*Endpoint{g.self, g.peer} {
		if e.subnetless() {
			return Unread{"ec2:DescribeNetworkInterfaces", "the subnet of " + e.Name + " is not known"}
		}
	}
	return Unread{}
}

// subnetless reports whether e may be in any subnet. A public address that no known
// interface owns is taken for one outside the VPC, such as an endpoint of AWS behind a
// NAT gateway.
func (e *Endpoint) subnetless() bool {
	return e.Subnet == "" && (len(e.Addrs) == 0 || slices.ContainsFunc(e.Addrs, isInternal))
}

var sharedSpace = netip.MustParsePrefix("100.64.0.0/10") // RFC 6598; VPCs use it as well

func isInternal(a netip.Addr) bool {
	a = a.Unmap()
	return a.IsPrivate() || !a.IsGlobalUnicast() || sharedSpace.Contains(a)
}

// aclCover walks the entries in the order of their numbers; the first that
// matches a port decides it. Denials go to deny, unless it is nil.
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

// touches are the ports of the leg that the entry decides.
func (e *ACLEntry) touches(g *leg) Ports {
	known := e.CIDR.IsValid() && !e.CIDR.Contains(g.addr)
	if e.Direction != g.dir || !e.Protocol.matches(g.protocol) || known {
		return nil
	}
	return e.Ports.set()
}
