package reach

import "testing"

// For each kind of hint, a case that has it and a similar case that must not have it.
func TestHints(t *testing.T) {
	for _, c := range []struct {
		name    string
		ingress []Rule
		change  func(w *World, p1, q *Endpoint)
		kinds   []HintKind
		says    string
	}{
		{"a group that the peer does not carry", []Rule{allow("tcp", 47100, 47109, "sg-b")}, nil,
			[]HintKind{OtherGroup}, "sgr-1 of sg-q admits sg-b, and P1 carries sg-a"},
		{"its own group", []Rule{allow("tcp", 47100, 47109, "sg-q")}, nil,
			[]HintKind{SelfReference}, "sgr-1 of sg-q admits only members of sg-q itself, and P1 carries sg-a"},
		{"its own group comes before another's", []Rule{allow("tcp", 47100, 47109, "sg-b"), allow("tcp", 47100, 47109, "sg-q")}, nil,
			[]HintKind{SelfReference, OtherGroup}, "sgr-2 of sg-q"},
		{"the first of a kind is enough", []Rule{allow("tcp", 47100, 47109, "sg-b"), allow("tcp", 47100, 47109, "sg-c")}, nil,
			[]HintKind{OtherGroup}, "sgr-1 of sg-q"},
		{"udp for tcp", []Rule{allow("udp", 47100, 47109, "sg-a")}, nil,
			[]HintKind{OtherProtocol}, "sgr-1 of sg-q opens udp, not tcp"},
		{"udp for tcp, but for another peer", []Rule{allow("udp", 47100, 47109, "sg-b")}, nil, nil, ""},
		{"another range altogether", []Rule{allow("tcp", 443, 443, "sg-b")}, nil, nil, ""},
		{"a range that only touches what is open anyway",
			[]Rule{allow("tcp", 47100, 47105, "sg-a"), allow("tcp", 47100, 47105, "sg-b")}, nil, nil, ""},
		{"IPv6 only", []Rule{allow("tcp", 47100, 47109, "::/0")}, nil,
			[]HintKind{OtherFamily}, "admits IPv6 only (::/0), and P1 is reached over IPv4"},
		{"IPv4 only", []Rule{allow("tcp", 47100, 47109, "0.0.0.0/0")},
			func(_ *World, p1, q *Endpoint) { p1.Addrs, q.Addrs = addrs("fd00::1"), addrs("fd00::2") },
			[]HintKind{OtherFamily}, "admits IPv4 only (0.0.0.0/0), and P1 is reached over IPv6"},
		{"another address", []Rule{allow("tcp", 47100, 47109, "10.0.1.6/32")}, nil,
			[]HintKind{OtherAddress}, "admits 10.0.1.6/32, which does not contain 10.0.1.5"},
		{"a prefix list without the address", []Rule{allow("tcp", 47100, 47109, "pl-1")},
			func(w *World, _, _ *Endpoint) { w.PrefixLists = []PrefixList{{ID: "pl-1"}} },
			[]HintKind{OtherAddress}, "admits pl-1, which does not contain 10.0.1.5"},
		{"another region", []Rule{allow("tcp", 47100, 47109, "sg-a")},
			func(_ *World, p1, _ *Endpoint) { p1.Region = "us-east-1" },
			[]HintKind{OtherRegion}, "does not work from us-east-1 to eu-west-1"},
		{"an appliance of the source's subnet", []Rule{allow("tcp", 47100, 47109, "sg-a")},
			func(w *World, _, _ *Endpoint) {
				w.Middleboxes = map[SubnetPair]string{{"subnet-1", "subnet-3"}: "gwlbe-1"}
			},
			[]HintKind{Middlebox}, "does not work through gwlbe-1"},
		{"a peering that expired", []Rule{{Protocol: TCP, Ports: Range{47100, 47109},
			Peer: Peer{Group: GroupRef{ID: "sg-a", Owner: "2", Peering: "pcx-9", Status: "expired"}}}}, nil,
			[]HintKind{StaleReference}, "through peering pcx-9, which is expired"},
		{"a deleted group whose peering is not named", []Rule{{Protocol: TCP, Ports: Range{47100, 47109},
			Peer: Peer{Group: GroupRef{ID: "sg-a", Status: "active"}}}}, nil,
			[]HintKind{StaleReference}, "peering (id not given), and that group was deleted"},
		{"no rule at all", nil, nil, []HintKind{NoRules}, "sg-q has no ingress rule at all"},
		{"another interface", []Rule{allow("tcp", 443, 443, "sg-a")},
			func(w *World, _, q *Endpoint) {
				w.Groups = append(w.Groups, openGroup("sg-right", allow("tcp", 47100, 47109, "sg-a")))
				q.Others = []ENI{{ID: "eni-2", Groups: []string{"sg-right"}, VPC: "vpc-1"}}
			}, []HintKind{WrongENI}, "sg-right on eni-2 of Q allows it, but the address in use is on eni-q"},
		{"another interface that does half of it", []Rule{allow("tcp", 443, 443, "sg-a")},
			func(w *World, _, q *Endpoint) {
				w.Groups = append(w.Groups, openGroup("sg-half", allow("tcp", 47100, 47104, "sg-a")))
				q.Others = []ENI{{ID: "eni-2", Groups: []string{"sg-half"}, VPC: "vpc-1"}}
			}, nil, ""},
		{"the trunk, and an interface of which nothing is known", []Rule{allow("tcp", 443, 443, "sg-a")},
			func(w *World, _, q *Endpoint) {
				w.Groups = append(w.Groups, openGroup("sg-right", allow("tcp", 47100, 47109, "sg-a")))
				q.Others = []ENI{{ID: "eni-t", Groups: []string{"sg-right"}, VPC: "vpc-1", Trunk: true}, {ID: "eni-3"}}
			}, nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, p1, _, q := theCase(in(c.ingress...)...)
			w.ACLs[0].Entries = everything(AnyPort(), AnyPort())
			if c.change != nil {
				c.change(&w, &p1, &q)
			}
			v := NewJudge(w).Evaluate(p1, q, caseNeed())
			if len(v.Missing) == 0 {
				t.Fatalf("nothing is missing: %s", v.Sentence())
			}
			if len(v.Hints) != len(c.kinds) {
				t.Fatalf("hints %+v", v.Hints)
			}
			for i, kind := range c.kinds {
				if v.Hints[i].Kind != kind {
					t.Errorf("hint %d is %+v", i, v.Hints[i])
				}
			}
			contains(t, v.Sentence(), c.says)
		})
	}
}

func TestHintsOfTheSource(t *testing.T) {
	w, p1, _, q := theCase(allow("tcp", 47100, 47109, "10.0.0.0/16"))
	w.Groups[0].Rules = in(rule(Egress, "udp", 47100, 47109, "0.0.0.0/0"), rule(Egress, "tcp", 47100, 47109, "sg-b"))
	v := NewJudge(w).Evaluate(p1, q, caseNeed())
	want(t, v, "MISSING 47100-47109 at source egress")
	contains(t, v.Sentence(), "sgr-1 of sg-a opens udp, not tcp", "sgr-2 of sg-a admits sg-b, and Q carries sg-q")
}

func TestEveryFinalPeeringStatusIsStaleAndEveryOtherUnknown(t *testing.T) {
	for status, expected := range map[string]answer{
		"active": yes, "deleted": stale, "deleting": stale, "rejected": stale, "expired": stale, "failed": stale,
		"initiating-request": unknown, "pending-acceptance": unknown, "provisioning": unknown, "something-new": unknown,
	} {
		ref := GroupRef{ID: "sg-a", Owner: "2", Peering: "pcx-1", Status: status}
		got, why := ref.peering()
		if got != expected || (got == unknown) == why.isZero() {
			t.Errorf("%s: %v, %v", status, got, why)
		}
	}
}
