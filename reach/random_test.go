package reach

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
)

// dice generates small random worlds in which every feature of the model occurs often. Seeds are fixed, and a failure
// prints its seed.
type dice struct{ *rand.Rand }

func roll(seed uint64) dice { return dice{rand.New(rand.NewPCG(seed, 27))} }

func (d dice) oneIn(n int) bool { return d.IntN(n) == 0 }

func pick[T any](d dice, all ...T) T { return all[d.IntN(len(all))] }

func (d dice) group() string { return fmt.Sprintf("sg-%d", d.IntN(5)) }

func (d dice) addr() string { return fmt.Sprintf("10.0.%d.%d", d.IntN(3), d.IntN(4)) }

func (d dice) subnet() string { return fmt.Sprintf("subnet-%d", d.IntN(3)) }

func (d dice) ports() Range {
	first := 100 + d.IntN(12)
	return Range{uint16(first), uint16(first + d.IntN(8))}
}

func (d dice) peer() Peer {
	switch d.IntN(6) {
	case 0:
		return peer(d.group())
	case 1:
		ref := GroupRef{ID: d.group(), Peering: "pcx-1", Status: pick(d, "active", "deleted", "provisioning")}
		ref.Owner = pick(d, "1", "1", "")
		return Peer{Group: ref}
	case 2:
		return Peer{PrefixList: fmt.Sprintf("pl-%d", d.IntN(4))}
	case 3:
		return cidr(pick(d, "::/0", "fd00::/64", "fd00::1/128", "fd00::2/128"))
	case 4:
		return cidr(d.addr() + "/32")
	}
	return cidr(d.addr() + pick(d, "/0", "/16", "/24", "/31"))
}

func (d dice) rule() Rule {
	r := Rule{
		Direction: pick(d, Ingress, Egress),
		Protocol:  pick(d, TCP, TCP, TCP, UDP, AllProtocols, ICMP, Protocol(50)),
		Ports:     AnyPort(),
		Peer:      d.peer(),
	}
	if r.Protocol.HasPorts() {
		r.Ports = d.ports()
	}
	r.IDs = []string{fmt.Sprintf("sgr-%d", d.IntN(1e6))}
	if d.oneIn(25) {
		r.Err = "broken on purpose"
	}
	return r
}

func (d dice) unread(action string) Unread {
	if d.oneIn(12) {
		return Unread{action, "AccessDenied"}
	}
	return Unread{}
}

func (d dice) world() World {
	var w World
	for i := range 4 + d.IntN(2) { // sg-4 is sometimes missing
		g := Group{ID: fmt.Sprintf("sg-%d", i), Name: pick(d, "app", "default"), Unread: d.unread("ec2:DescribeSecurityGroupRules")}
		if d.oneIn(2) {
			g.Rules = allEgress()
		}
		for range d.IntN(7) {
			g.Rules = append(g.Rules, d.rule())
		}
		w.Groups = append(w.Groups, g)
	}
	for i := range 3 { // pl-3 is always missing
		l := PrefixList{ID: fmt.Sprintf("pl-%d", i), Unread: d.unread("ec2:GetManagedPrefixListEntries")}
		for range d.IntN(3) {
			l.Entries = append(l.Entries, cidr(d.addr()+"/32").CIDR)
		}
		w.PrefixLists = append(w.PrefixLists, l)
	}
	for i := range 3 {
		w.ACLs = append(w.ACLs, d.acl(i))
	}
	if d.oneIn(4) {
		w.Middleboxes = map[SubnetPair]string{{d.subnet(), d.subnet()}: "vpce-firewall"}
	}
	return w
}

func (d dice) acl(i int) ACL {
	a := ACL{ID: fmt.Sprintf("acl-%d", i), Unread: d.unread("ec2:DescribeNetworkAcls")}
	if !d.oneIn(10) {
		a.Subnets = []string{fmt.Sprintf("subnet-%d", i)}
	}
	for number := range d.IntN(4) {
		e := ACLEntry{Number: number, Direction: pick(d, Ingress, Egress), Allow: d.oneIn(2), Protocol: TCP, Ports: d.ports()}
		e.CIDR = cidr(d.addr() + pick(d, "/0", "/24", "/32")).CIDR
		if d.oneIn(5) {
			e.Ports = Range{33000, 40000}
		}
		if d.oneIn(10) {
			e.Err = "broken on purpose"
		}
		a.Entries = append(a.Entries, e)
	}
	if !d.oneIn(6) {
		a.Entries = append(a.Entries, allowAll(100, Ingress), allowAll(100, Egress))
	}
	return a
}

func (d dice) endpoint(i int) Endpoint {
	e := Endpoint{Name: fmt.Sprintf("P%d", i), Region: pick(d, "r1", "r1", "r1", "r2", ""), Account: pick(d, "1", "2")}
	e.ID, e.VPC, e.Subnet = fmt.Sprintf("eni-%d", i), pick(d, "vpc-1", "vpc-1", "vpc-2"), d.subnet()
	if d.oneIn(15) {
		e.Subnet = ""
	}
	if !d.oneIn(15) {
		e.Addrs = append(e.Addrs, netip.MustParseAddr(d.addr()))
	}
	if d.oneIn(3) {
		v6 := netip.MustParseAddr(fmt.Sprintf("fd00::%d", 1+d.IntN(3)))
		e.Addrs = append(e.Addrs, v6)
		if d.oneIn(2) {
			e.Addrs[0], e.Addrs[len(e.Addrs)-1] = e.Addrs[len(e.Addrs)-1], e.Addrs[0]
		}
	}
	for range d.IntN(4) {
		e.Groups = append(e.Groups, d.group())
	}
	if d.oneIn(4) {
		e.Ephemeral = Range{35000, 36000}
	}
	if d.oneIn(4) {
		e.Others = []ENI{{ID: "eni-other", Groups: []string{d.group()}, VPC: e.VPC, Subnet: e.Subnet}}
	}
	e.Unread = d.unread("ec2:DescribeNetworkInterfaces")
	return e
}

func (d dice) endpoints(n int) []Endpoint {
	out := make([]Endpoint, n)
	for i := range out {
		out[i] = d.endpoint(i)
		if i > 0 && !d.oneIn(4) {
			out[i] = d.twin(out[d.IntN(i)], i)
		}
		if i > 0 && d.oneIn(8) {
			out[i].ENI = out[i-1].ENI
		}
	}
	return out
}

func (d dice) needs() []Need {
	n := need(pick(d, TCP, TCP, UDP), 100, 105)
	if d.oneIn(3) {
		n.Reply = n.Ports
	}
	return []Need{n, need(TCP, 104, 112)}
}

// twin returns an endpoint that differs from e in one property, besides name and interface. If a rule distinguishes the
// two, the matrix must as well.
func (d dice) twin(e Endpoint, i int) Endpoint {
	e.Name, e.ID = fmt.Sprintf("P%d", i), fmt.Sprintf("eni-%d", i)
	other := d.endpoint(i)
	e.Addrs = slices.Clone(e.Addrs)
	switch d.IntN(8) {
	case 0, 1:
		e.Addrs = other.Addrs
	case 2, 3:
		for i, a := range e.Addrs {
			e.Addrs[i] = a.Next()
		}
	case 4:
		slices.Reverse(e.Addrs)
	case 5:
		e.Ephemeral = Range{36000, 41000}
	case 6:
		e.Groups = other.Groups
	case 7:
		e.Subnet, e.VPC, e.Region = other.Subnet, other.VPC, other.Region
	}
	return e
}
