package network

import (
	"net/netip"
	"testing"
)

// The format comes from hosts(5): "IP_address canonical_hostname [aliases...]", with a comment after #.
func TestPinnedIsTheLineOfTheAddress(t *testing.T) {
	for name, c := range map[string]struct {
		hosts string
		want  int
	}{
		"no such name":      {"127.0.0.1 localhost\n", 0},
		"an alias":          {"127.0.0.1 localhost\n\n10.0.1.99\tx ECS.example # test\n", 3},
		"a comment":         {"#10.0.1.99 ecs.example\n10.0.1.99 x # ecs.example\n", 0},
		"another address":   {"10.0.1.98 ecs.example\n", 0},
		"not an address":    {"x ecs.example", 0},
		"mapped into IPv6":  {"::ffff:10.0.1.99 ecs.example", 1},
		"the second counts": {"fe80::1 ecs.example\n10.0.1.99 ecs.example\n", 2},
	} {
		t.Run(name, func(t *testing.T) {
			if got := hostsLine(c.hosts, "ecs.example", netip.MustParseAddr("10.0.1.99")); got != c.want {
				t.Errorf("got %d, want %d", got, c.want)
			}
		})
	}
}

func FuzzPinned(f *testing.F) {
	f.Add("127.0.0.1 localhost\n10.0.1.99 a b # c\n")
	f.Fuzz(func(t *testing.T, hosts string) {
		if n := hostsLine(hosts, "b", netip.MustParseAddr("10.0.1.99")); n < 0 {
			t.Error(n)
		}
	})
}
