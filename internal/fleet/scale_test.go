package fleet

import (
	"fmt"
	"net/netip"
	"testing"

	"muster/reach"
)

// gather adds n peers with a note each, as discovery does beside its calls.
func gather(tb testing.TB, n int) {
	f := Fleet{Self: -1}
	found := finder{names: map[string]bool{}}
	for i := range n {
		name := fmt.Sprintf("i-%d", i)
		found.add(member{name: name})
		addr := netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)})
		f.add(reach.Endpoint{Name: name, ENI: reach.ENI{ID: "eni-" + name, Addrs: []netip.Addr{addr}}}, false)
		f.note("%s is still starting", name)
	}
	if len(f.Endpoints) != n || len(found.found) != n || len(f.Notes) != n {
		tb.Fatalf("%d, %d, %d of %d", len(f.Endpoints), len(found.found), len(f.Notes), n)
	}
}

// Discovery is linear: twice as many peers take at most about twice as many allocations, and no list is searched for
// each peer. Before, 10,000 peers with four notes each took 1.4 s.
func TestTheCostOfAPeerDoesNotDependOnTheNumberOfPeers(t *testing.T) {
	cost := func(n int) float64 {
		return testing.AllocsPerRun(1, func() {
			f := Fleet{Self: -1}
			found := finder{names: map[string]bool{}}
			for i := range n {
				name := fmt.Sprintf("i-%d", i)
				found.add(member{name: name})
				f.add(reach.Endpoint{Name: name, ENI: reach.ENI{ID: "eni-" + name,
					Addrs: []netip.Addr{netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)})}}}, false)
				f.note("%s is still starting", name)
			}
			if len(f.Endpoints) != n || len(found.found) != n || len(f.Notes) != n {
				t.Fatalf("%d, %d, %d of %d", len(f.Endpoints), len(found.found), len(f.Notes), n)
			}
		})
	}
	small, large := cost(5_000), cost(10_000)
	if large > 2.2*small {
		t.Errorf("%.0f allocations for 5,000 peers, %.0f for 10,000", small, large)
	}
}

// BenchmarkDiscovery is for make bench, which prints it.
func BenchmarkDiscovery(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		gather(b, 10_000)
	}
}
