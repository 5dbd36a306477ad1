package reach

import (
	"fmt"
	"net/netip"
	"testing"
)

// fleet returns a world of realistic size for peers=1000 and rulesPerGroup=60. Every endpoint has five groups from a
// limited set, as in Auto Scaling groups, in four subnets. A third of the rules are relevant to Ignite's ports, and
// some of those reference single addresses, which makes classes small.
func fleet(peers, rulesPerGroup int) (World, []Endpoint) {
	const pools, subnets = 8, 4
	var w World
	for pool := range pools {
		for k := range 5 {
			w.Groups = append(w.Groups, fleetGroup(pool, k, rulesPerGroup))
		}
	}
	acl := ACL{ID: "acl-1", Entries: []ACLEntry{allowAll(100, Ingress), allowAll(100, Egress)}}
	for s := range subnets {
		acl.Subnets = append(acl.Subnets, fmt.Sprintf("subnet-%d", s))
	}
	w.ACLs = []ACL{acl}
	eps := make([]Endpoint, peers)
	for i := range eps {
		e := Endpoint{Name: fmt.Sprintf("i-%04d", i), Region: "eu-west-1"}
		e.ID, e.VPC, e.Subnet = fmt.Sprintf("eni-%04d", i), "vpc-1", fmt.Sprintf("subnet-%d", i%subnets)
		e.Addrs = []netip.Addr{netip.AddrFrom4([4]byte{10, byte(i % subnets), byte(i >> 8), byte(i)})}
		for k := range 5 {
			e.Groups = append(e.Groups, fmt.Sprintf("sg-%02d-%d", i%pools, k))
		}
		eps[i] = e
	}
	return w, eps
}

func fleetGroup(pool, k, rules int) Group {
	g := Group{ID: fmt.Sprintf("sg-%02d-%d", pool, k)}
	add := func(r Rule) {
		r.IDs = []string{fmt.Sprintf("sgr-%02d-%d-%02d", pool, k, len(g.Rules))}
		g.Rules = append(g.Rules, r)
	}
	add(Rule{Direction: Egress, Protocol: AllProtocols, Ports: AnyPort(), Peer: cidr("0.0.0.0/0")})
	for i := 1; i < rules; i++ {
		r := Rule{Protocol: TCP, Ports: Range{uint16(8000 + i), uint16(8010 + i)}, Peer: cidr(fmt.Sprintf("10.%d.0.0/16", i%8))}
		switch i % 6 {
		case 0:
			r.Ports, r.Peer = Range{47100, 47199}, Peer{Group: GroupRef{ID: fmt.Sprintf("sg-%02d-0", (pool+i)%8), Owner: "1"}}
		case 1:
			r.Ports, r.Peer = Range{47500, uint16(47500 + i)}, cidr(fmt.Sprintf("10.%d.%d.%d/32", i%4, pool%4, i*7%256))
		}
		add(r)
	}
	return g
}

func cidr(s string) Peer { return Peer{CIDR: netip.MustParsePrefix(s).Masked()} }

func allowAll(number int, d Direction) ACLEntry {
	return ACLEntry{
		Number:    number,
		Direction: d,
		Allow:     true,
		Protocol:  AllProtocols,
		Ports:     AnyPort(),
		CIDR:      netip.MustParsePrefix("0.0.0.0/0"),
	}
}

func ignite() []Need {
	return []Need{
		{Protocol: TCP, Ports: Range{47500, 47599}, Profile: "ignite2", Role: "discovery"},
		{Protocol: TCP, Ports: Range{47100, 47199}, Profile: "ignite2", Role: "communication"},
	}
}

// everyoneNamed adds a rule for the address of every endpoint, so that every endpoint is a class of its own. This is
// the worst case.
func everyoneNamed(w World, eps []Endpoint) World {
	for i, e := range eps {
		g := &w.Groups[i%len(w.Groups)]
		g.Rules = append(g.Rules, Rule{Protocol: TCP, Ports: Range{47500, 47549}, Peer: Peer{CIDR: netip.PrefixFrom(e.Addrs[0], 32)}})
	}
	return w
}

// scales are 1, 2 and 4 times the peers, then 2 and 4 times the rules.
var scales = []struct{ peers, rules int }{{1000, 60}, {2000, 60}, {4000, 60}, {1000, 120}, {1000, 240}}

func BenchmarkFullMatrix(b *testing.B) {
	atEachScale(b, func(w World, eps []Endpoint) Work {
		m, _ := NewJudge(w).Matrix(eps, eps, ignite())
		return m.Work
	})
}

func BenchmarkOneAgainstAll(b *testing.B) {
	atEachScale(b, func(w World, eps []Endpoint) Work {
		out, in, _ := NewJudge(w).Against(eps[0], eps, ignite())
		return Work{in.Work.Classes, out.Work.Cells + in.Work.Cells, out.Work.RuleTests + in.Work.RuleTests}
	})
}

func BenchmarkFullMatrixEveryoneNamed(b *testing.B) {
	w, eps := fleet(1000, 60)
	w = everyoneNamed(w, eps)
	b.ReportAllocs()
	for b.Loop() {
		_, _ = NewJudge(w).Matrix(eps, eps, ignite())
	}
}

// atEachScale reports the time as a multiple of the first scale's time. If the time is linear, the multiple does not
// exceed the scale.
func atEachScale(b *testing.B, judge func(World, []Endpoint) Work) {
	var base float64
	for _, s := range scales {
		b.Run(fmt.Sprintf("peers=%d/rules=%d", s.peers, s.rules), func(b *testing.B) {
			w, eps := fleet(s.peers, s.rules)
			b.ReportAllocs()
			var work Work
			for b.Loop() {
				work = judge(w, eps)
			}
			each := float64(b.Elapsed()) / float64(b.N)
			if base == 0 {
				base = each
			}
			b.ReportMetric(each/base, "x-time")
			b.ReportMetric(float64(work.Classes), "classes")
			b.ReportMetric(float64(work.RuleTests), "ruletests")
		})
	}
}
