package ports

import (
	"slices"
	"testing"

	"muster/internal/base/gate"
	"muster/reach"
)

// One peer of ten with a wrong group is closed toward nine others, and each of them is
// closed toward that one.
func TestOneMisconfiguredPeerDoesNotCloseTheGatesOfAll(t *testing.T) {
	for name, c := range map[string]struct {
		peers, bad int // the first bad ones have a group without rules
		self       int
		unread     bool
		want       gate.State
	}{
		"all are well":                            {peers: 10, self: 5, want: gate.Open},
		"the bad one of ten":                      {peers: 10, bad: 1, self: 0, want: gate.Closed},
		"a good one of ten, one is bad":           {peers: 10, bad: 1, self: 5, want: gate.Open},
		"a good one of three, one is bad":         {peers: 3, bad: 1, self: 2, want: gate.Undecided},
		"one of two":                              {peers: 2, bad: 1, self: 1, want: gate.Closed},
		"a good one of ten, six are bad":          {peers: 10, bad: 6, self: 9, want: gate.Closed},
		"alone":                                   {peers: 1, self: 0, want: gate.Open},
		"a good one of ten, one cannot be read":   {peers: 10, self: 5, unread: true, want: gate.Undecided},
		"the bad one of ten, one cannot be read":  {peers: 10, bad: 1, self: 0, unread: true, want: gate.Closed},
		"nobody asked: it says nothing of anyone": {peers: 10, self: -1, want: gate.Undecided},
	} {
		all, w := world(t, c.peers)
		w.Groups = append(slices.Clone(w.Groups), reach.Group{ID: "sg-none"})
		for i := range all {
			all[i].Groups = []string{"sg-batch"}
			if i < c.bad {
				all[i].Groups = []string{"sg-none"}
			}
		}
		if c.unread {
			all[len(all)-1].ENI = reach.ENI{ID: "eni-x", Addrs: all[len(all)-1].Addrs, Unread: reach.Unread{Reason: "AccessDenied"}}
		}
		needs, _, err := reach.ParsePorts("ignite2")
		if err != nil {
			t.Fatal(err)
		}
		r, err := Judge(Question{Self: c.self, Peers: all, World: w, Needs: needs})
		if err != nil {
			t.Fatal(err)
		}
		if got := r.Gate(); got != c.want {
			t.Errorf("%s: %s, want %s: %v", name, got, c.want, r.Counts)
		}
	}
}
