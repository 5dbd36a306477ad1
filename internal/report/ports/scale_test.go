package ports

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"muster/internal/base/plural"
	"muster/internal/term"
	"muster/reach"
)

// named are n peers that rules name by their addresses: each peer's group admits every
// third peer to a part of Ignite's ports. No two peers are alike.
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

// The bounds are those of the issue: 1,000 peers that are all named by /32 take under
// 100 MB and print under 1 MB. The time is printed, because it depends on the machine.
func TestAThousandPeersNamedByAddressStayBounded(t *testing.T) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	start := time.Now()
	r, err := Judge(named(1000))
	if err != nil {
		t.Fatal(err)
	}
	took := time.Since(start)
	runtime.ReadMemStats(&after)
	for form, write := range map[string]func(io.Writer) error{
		"table": func(w io.Writer) error { return r.Table(w, term.Style{}) },
		"html":  r.HTML,
		"junit": r.JUnit,
		"json":  func(w io.Writer) error { return json.NewEncoder(w).Encode(r) },
	} {
		var out bytes.Buffer
		limit := 1_000_000
		if form == "json" { // names every peer of every block
			limit *= 4
		}
		if err := write(&out); err != nil || out.Len() > limit {
			t.Errorf("%s has %s bytes, %v", form, plural.Thousands(out.Len()), err)
		}
	}
	used := after.HeapAlloc - min(before.HeapAlloc, after.HeapAlloc)
	t.Logf("1,000 peers: %s, %d MB in use, %s blocks and %s more", took, used>>20, plural.Thousands(len(r.Blocks)),
		plural.Thousands(r.MoreBlocks))
	if used > 100<<20 {
		t.Errorf("%d MB in use", used>>20)
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
