package ports

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"muster/internal/base/plural"
	"muster/internal/term"
	"muster/reach"
)

// named are n peers that rules name by their addresses, each for a part of Ignite's
// ports. No two peers are alike as senders.
func named(n int) Question {
	q := Question{Scope: "cluster prod", Region: "eu-west-1", Self: -1}
	group := reach.Group{ID: "sg-1", Rules: []reach.Rule{{Direction: reach.Egress, Protocol: reach.AllProtocols, Ports: reach.AnyPort(),
		Peer: reach.Peer{CIDR: netip.MustParsePrefix("0.0.0.0/0")}}}}
	for i := range n {
		addr := netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)})
		q.Peers = append(q.Peers, reach.Endpoint{Name: fmt.Sprintf("i-%017x", i), Region: "eu-west-1", ENI: reach.ENI{
			ID: fmt.Sprintf("eni-%017x", i), Addrs: []netip.Addr{addr}, Groups: []string{"sg-1"}, Subnet: "subnet-a", VPC: "vpc-1"}})
		group.Rules = append(group.Rules, reach.Rule{Protocol: reach.TCP, Ports: reach.Range{First: 47100, Last: uint16(47100 + i%99)},
			Peer: reach.Peer{CIDR: netip.PrefixFrom(addr, 32)}})
	}
	q.World.Groups = []reach.Group{group}
	q.Needs, _, _ = reach.ParsePorts("ignite2")
	return q
}

// scattered are n peers in ten groups of which each admits every peer, by its address, to another part of the ports, so
// that the pairs are in thousands of blocks. A second group of each peer makes the fixes name addresses.
func scattered(n int) Question {
	q := named(n)
	egress := q.World.Groups[0].Rules[0]
	q.World.Groups = []reach.Group{{ID: "sg-b", Rules: []reach.Rule{egress}}}
	for g := range 10 {
		group := reach.Group{ID: fmt.Sprintf("sg-%d", g), Rules: []reach.Rule{egress}}
		for i := range n {
			last := uint16(47100 + (i*(g+3)+i/100*g)%99)
			group.Rules = append(group.Rules, reach.Rule{Protocol: reach.TCP, Ports: reach.Range{First: 47100, Last: last},
				Peer: reach.Peer{CIDR: netip.PrefixFrom(q.Peers[i].Addrs[0], 32)}})
		}
		q.World.Groups = append(q.World.Groups, group)
	}
	for i := range q.Peers {
		q.Peers[i].Groups = []string{q.World.Groups[1+i%10].ID, "sg-b"}
	}
	return q
}

// The bounds are those of the issue: 1,000 peers that are all named by /32 take under
// 100 MB and print under 1 MB. The time is printed, because it depends on the machine.
func TestAThousandPeersNamedByAddressStayBounded(t *testing.T) {
	for name, ask := range map[string]func(int) Question{"named": named, "scattered": scattered} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			start := time.Now()
			r, err := Judge(ask(1000))
			if err != nil {
				t.Fatal(err)
			}
			took := time.Since(start)
			runtime.ReadMemStats(&after)
			used := after.HeapAlloc - min(before.HeapAlloc, after.HeapAlloc)
			t.Logf("1,000 peers: %s, %d MB in use, %s blocks and %s more", took, used>>20, plural.Thousands(len(r.Blocks)),
				plural.Thousands(r.MoreBlocks))
			if used > 100<<20 {
				t.Errorf("%d MB in use", used>>20)
			}
			for form, write := range map[string]func(io.Writer) error{
				"table": func(w io.Writer) error { return r.Table(w, term.Style{}) },
				"html":  r.HTML,
				"junit": r.JUnit,
				"json":  func(w io.Writer) error { return json.NewEncoder(w).Encode(r) },
			} {
				var out bytes.Buffer
				if err := write(&out); err != nil || out.Len() > 1_000_000 || out.Len() < 5_000 {
					t.Errorf("%s has %s bytes, %v", form, plural.Thousands(out.Len()), err)
				}
				if n := strings.Count(out.String(), "needed only for further servers"); n > 5 && (form == "table" || form == "html") {
					t.Errorf("%s has %d notes of one kind", form, n)
				}
				t.Logf("%s: %s bytes", form, plural.Thousands(out.Len()))
			}
		})
	}
}

// A report of 100 peers lists all names. What a larger one leaves out, it counts; --all lists it.
func TestABlockListsOrCountsAllItsPeers(t *testing.T) {
	for _, c := range []struct {
		peers      int
		all, whole bool
	}{{100, false, true}, {150, false, false}, {150, true, true}} {
		q := named(c.peers)
		q.All = c.all
		r, err := Judge(q)
		if err != nil {
			t.Fatal(err)
		}
		names, left, pairs := 0, 0, 0
		for _, b := range r.Blocks {
			names += len(b.From) + len(b.To)
			left += b.MoreFrom + b.MoreTo
			pairs += b.Pairs()
		}
		if (left == 0) != c.whole || pairs < c.peers*(c.peers-1) || !c.all && names > maxNames+2*leastNames*maxBlocks {
			t.Errorf("%+v: %d names, %d left out, %d pairs", c, names, left, pairs)
		}
	}
}

// Twice the peers take at most about twice the allocations, if rules do not tell them
// apart.
func TestTheCostOfAReportIsLinearInPeers(t *testing.T) {
	cost := func(n int) float64 {
		peers, w := world(t, n)
		for i := range peers { // world has only 51,200 addresses
			peers[i].Addrs = []netip.Addr{netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)})}
		}
		needs, _, err := reach.ParsePorts("ignite2")
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		allocations := testing.AllocsPerRun(1, func() {
			if _, err := Judge(Question{Self: -1, Peers: peers, World: w, Needs: needs}); err != nil {
				t.Fatal(err)
			}
		})
		t.Logf("%s peers: %s allocations, %s for two runs", plural.Thousands(n), plural.Thousands(int(allocations)), time.Since(start))
		return allocations
	}
	if small, large := cost(5_000), cost(10_000); large > 2.2*small {
		t.Errorf("%.0f allocations for 5,000 peers, %.0f for 10,000", small, large)
	}
}

// BenchmarkReport is for make bench, which prints it.
func BenchmarkReport(b *testing.B) {
	for _, bench := range []struct {
		name string
		ask  func(int) Question
	}{{"named", named}, {"scattered", scattered}} {
		b.Run(bench.name, func(b *testing.B) {
			q := bench.ask(1000)
			var size, used float64
			for b.Loop() {
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				r, err := Judge(q)
				if err != nil {
					b.Fatal(err)
				}
				runtime.ReadMemStats(&after)
				used = max(used, float64(after.HeapAlloc)-float64(before.HeapAlloc))
				data, err := json.Marshal(r)
				if err != nil {
					b.Fatal(err)
				}
				size = float64(len(data))
			}
			b.ReportMetric(used/1e6, "MB-in-use")
			b.ReportMetric(size/1e6, "MB-JSON")
		})
	}
}
