package reach

import (
	"net/netip"
	"testing"
)

// The worked cases that differ only in the ingress rules of Q.
func TestCasesOfIngress(t *testing.T) {
	hint := func(k HintKind) *HintKind { return &k }
	for _, c := range []struct {
		name    string
		ingress []Rule
		p1, p2  string
		hint    *HintKind // for P2
	}{
		{"case 1: the top of the range is missing for both", in(allow("tcp", 47100, 47105, "10.0.0.0/16")),
			"MISSING 47106-47109", "MISSING 47106-47109", nil},
		{"case 2: adjacent intervals merge", in(allow("tcp", 47100, 47103, "10.0.0.0/16"), allow("tcp", 47104, 47109, "10.0.0.0/16")),
			"OPEN", "OPEN", nil},
		{"case 3: a single port between two intervals", in(allow("tcp", 47100, 47104, "10.0.0.0/16"), allow("tcp", 47106, 47109, "10.0.0.0/16")),
			"MISSING 47105", "MISSING 47105", nil},
		{"case 4: a CIDR that holds only P1", in(allow("tcp", 47100, 47109, "10.0.1.0/24")),
			"OPEN", "MISSING 47100-47109", hint(OtherAddress)},
		{"case 5: a group that only P1 carries", in(allow("tcp", 47100, 47109, "sg-a")),
			"OPEN", "MISSING 47100-47109", hint(OtherGroup)},
		{"case 6: a self-reference and peers of other groups", in(allow("tcp", 47100, 47109, "sg-q")),
			"MISSING 47100-47109", "MISSING 47100-47109", hint(SelfReference)},
		{"case 7: a group and an address complete each other", in(allow("tcp", 47100, 47104, "sg-a"), allow("tcp", 47105, 47109, "10.0.1.5/32")),
			"OPEN", "MISSING 47100-47109", hint(OtherGroup)},
		{"case 11: udp does not open tcp", in(allow("udp", 47100, 47109, "10.0.0.0/16")),
			"MISSING 47100-47109", "MISSING 47100-47109", hint(OtherProtocol)},
		{"case 13: icmp type 8 is not port 8", in(Rule{Protocol: ICMP, Ports: AnyPort(), ICMP: ICMPType{8, -1}, Peer: cidr("10.0.0.0/16")}),
			"MISSING 47100-47109", "MISSING 47100-47109", nil},
		{"case 14: protocol 50 never satisfies tcp", in(allow("50", 0, 0, "10.0.0.0/16")),
			"MISSING 47100-47109", "MISSING 47100-47109", nil},
		{"case 15: ::/0 admits no v4 peer", in(allow("tcp", 47100, 47109, "::/0")),
			"MISSING 47100-47109", "MISSING 47100-47109", hint(OtherFamily)},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, p1, p2, q := theCase(c.ingress...)
			j := NewJudge(w)
			want(t, j.Evaluate(p1, q, caseNeed()), c.p1)
			v := j.Evaluate(p2, q, caseNeed())
			want(t, v, c.p2)
			if c.hint != nil && !hinted(v, *c.hint) {
				t.Errorf("hint %d missing in %v", *c.hint, v.Hints)
			}
			if c.hint == nil && len(v.Hints) > 0 {
				t.Errorf("unexpected hints %v", v.Hints)
			}
		})
	}
}

func TestCase10ProtocolNumberOpensAndTheWorldIsWarnedOf(t *testing.T) {
	w, p1, _, q := theCase(in(allow("6", 0, 65535, "0.0.0.0/0"))...)
	v := NewJudge(w).Evaluate(p1, q, caseNeed())
	want(t, v, "OPEN")
	if len(v.Warnings) != 1 {
		t.Fatalf("warnings: %v", v.Warnings)
	}
	contains(t, v.Warnings[0], "sgr-1 of sg-q", "0.0.0.0/0", "tcp 0-65535")

	w, p1, _, q = theCase(in(allow("6", 0, 65535, "10.0.0.0/8"))...)
	if v := NewJudge(w).Evaluate(p1, q, caseNeed()); len(v.Warnings) != 0 {
		t.Errorf("a private source was warned of: %v", v.Warnings)
	}
}

func TestCase12TCPRuleLeavesUDPMissing(t *testing.T) {
	needs, _, err := ParsePorts("consul")
	if err != nil {
		t.Fatal(err)
	}
	w, p1, _, q := theCase(in(allow("tcp", 8301, 8301, "10.0.0.0/16"))...)
	for _, n := range needs {
		if n.Ports.First != 8301 {
			continue
		}
		expected := map[Protocol]string{TCP: "OPEN", UDP: "MISSING 8301"}[n.Protocol]
		want(t, NewJudge(w).Evaluate(p1, q, n), expected)
	}
}

func TestCase16PrefixListCountsWhenAllPagesWereRead(t *testing.T) {
	partly := Unread{"ec2:GetManagedPrefixListEntries", "not all pages were read"}
	list := func(unread Unread, cidrs ...string) PrefixList {
		l := PrefixList{ID: "pl-1", Unread: unread}
		for _, c := range cidrs {
			l.Entries = append(l.Entries, netip.MustParsePrefix(c))
		}
		return l
	}
	for name, c := range map[string]struct {
		list PrefixList
		p2   string
	}{
		"both pages":      {list(Unread{}, "10.0.1.0/24", "10.0.2.0/24"), "OPEN"},
		"only the first":  {list(partly, "10.0.1.0/24"), "UNKNOWN 47100-47109"},
		"nothing at all":  {list(partly), "UNKNOWN 47100-47109"},
		"another network": {list(Unread{}, "10.9.0.0/16"), "MISSING 47100-47109"},
	} {
		t.Run(name, func(t *testing.T) {
			w, _, p2, q := theCase(in(allow("tcp", 47100, 47109, "pl-1"))...)
			w.PrefixLists = []PrefixList{c.list}
			want(t, NewJudge(w).Evaluate(p2, q, caseNeed()), c.p2)
		})
	}
}

func TestCase17DeniedPrefixListIsUnknownAndNamesTheAction(t *testing.T) {
	w, p1, _, q := theCase(in(allow("tcp", 47100, 47109, "pl-1"))...)
	w.PrefixLists = []PrefixList{{ID: "pl-1", Unread: Unread{"ec2:GetManagedPrefixListEntries", "AccessDenied"}}}
	v := NewJudge(w).Evaluate(p1, q, caseNeed())
	want(t, v, "UNKNOWN 47100-47109")
	contains(t, v.Sentence(), "ec2:GetManagedPrefixListEntries", "AccessDenied", "destination ingress")
	if len(v.Fixes) != 0 {
		t.Errorf("a fix was offered for what is not known to be broken: %v", v.Fixes)
	}
}

func TestCase18GroupsOfAnENIAreAUnion(t *testing.T) {
	w, p1, _, q := theCase(in(allow("tcp", 47100, 47104, "10.0.0.0/16"))...)
	w.Groups = append(w.Groups, openGroup("sg-q2", allow("tcp", 47105, 47109, "10.0.0.0/16")))
	q.Groups = []string{"sg-q", "sg-q2"}
	want(t, NewJudge(w).Evaluate(p1, q, caseNeed()), "OPEN")
}

func TestCase19TheDialledENIIsEvaluated(t *testing.T) {
	w, p1, _, _ := theCase()
	w.Groups = append(w.Groups, openGroup("sg-right", allow("tcp", 47100, 47109, "10.0.0.0/16")))
	enis := []ENI{
		{ID: "eni-trunk", Addrs: addrs("10.0.3.5"), Groups: []string{"sg-right"}, Trunk: true},
		{ID: "eni-right", Addrs: addrs("10.0.3.6"), Groups: []string{"sg-right"}, VPC: "vpc-1", Subnet: "subnet-3"},
		{ID: "eni-dialled", Addrs: addrs("10.0.3.4", "10.0.3.5"), Groups: []string{"sg-q"}, VPC: "vpc-1", Subnet: "subnet-3"},
	}
	q, err := EndpointAt("Q", netip.MustParseAddr("10.0.3.5"), enis)
	if err != nil {
		t.Fatal(err)
	}
	v := NewJudge(w).Evaluate(p1, q, caseNeed())
	want(t, v, "MISSING 47100-47109")
	if v.To.String() != "10.0.3.5" || !hinted(v, WrongENI) {
		t.Errorf("to %s, hints %v", v.To, v.Hints)
	}
	contains(t, v.Sentence(), "eni-right", "eni-dialled")

	q, err = EndpointAt("Q", netip.MustParseAddr("10.0.3.6"), enis)
	if err != nil {
		t.Fatal(err)
	}
	want(t, NewJudge(w).Evaluate(p1, q, caseNeed()), "OPEN")
}

func addrs(all ...string) []netip.Addr {
	var out []netip.Addr
	for _, a := range all {
		out = append(out, netip.MustParseAddr(a))
	}
	return out
}

func TestCase20EgressOfTheSourceIsEvaluated(t *testing.T) {
	w, p1, p2, q := theCase(in(allow("tcp", 47100, 47109, "10.0.0.0/16"))...)
	w.Groups[0].Rules = []Rule{rule(Egress, "tcp", 443, 443, "0.0.0.0/0")}
	v := NewJudge(w).Evaluate(p1, q, caseNeed())
	want(t, v, "MISSING 47100-47109 at source egress")
	contains(t, v.Sentence(), "source egress of P1", "no rule")
	if v.Fixes[0].Direction != Egress || v.Fixes[0].Group != "sg-a" {
		t.Errorf("fix %+v", v.Fixes[0])
	}
	want(t, NewJudge(w).Evaluate(p2, q, caseNeed()), "OPEN")
}

func TestCase21DeadPeeringIsStale(t *testing.T) {
	for _, c := range []struct {
		name string
		ref  GroupRef
		p1   string
	}{
		{"case 21: peering deleted", GroupRef{ID: "sg-a", Owner: "2", Peering: "pcx-1", Status: "deleted"}, "STALE 47100-47109"},
		{"remote group deleted: no owner", GroupRef{ID: "sg-gone", Peering: "pcx-1", Status: "active"}, "STALE 47100-47109"},
		{"peering active", GroupRef{ID: "sg-a", Owner: "2", Peering: "pcx-1", Status: "active"}, "OPEN"},
		{"peering pending", GroupRef{ID: "sg-a", Owner: "2", Peering: "pcx-1", Status: "pending-acceptance"}, "UNKNOWN 47100-47109"},
		{"peering unknown", GroupRef{ID: "sg-a", Owner: "2"}, "UNKNOWN 47100-47109"},
		{"not carried", GroupRef{ID: "sg-b", Owner: "2", Peering: "pcx-1", Status: "deleted"}, "MISSING 47100-47109"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, p1, _, q := theCase(in(Rule{Protocol: TCP, Ports: Range{47100, 47109}, Peer: Peer{Group: c.ref}})...)
			w.Groups = append(w.Groups, openGroup("sg-c"))
			neighbour := endpoint("P3", "10.0.3.6", "sg-c")
			want(t, NewJudge(w).Evaluate(neighbour, q, caseNeed()), "MISSING 47100-47109")
			p1.VPC = "vpc-2"
			v := NewJudge(w).Evaluate(p1, q, caseNeed())
			want(t, v, c.p1)
			if v.Status == Stale && !hinted(v, StaleReference) {
				t.Errorf("no stale hint: %v", v.Hints)
			}
		})
	}
}

func TestCase23DuplicatesAreOneFindingWithBothIDs(t *testing.T) {
	w, p1, _, q := theCase(in(allow("tcp", 47100, 47109, "10.0.0.0/16"), allow("tcp", 47100, 47109, "10.0.0.0/16"))...)
	v := NewJudge(w).Evaluate(p1, q, caseNeed())
	want(t, v, "OPEN")
	hits := v.Steps[3].Rules
	if len(hits) != 1 || hits[0].Name() != "sgr-1+sgr-2 of sg-q" {
		t.Errorf("hits %v", hits)
	}
}

func TestCase24ExcessIsNoted(t *testing.T) {
	w, p1, _, q := theCase(in(allow("tcp", 47500, 47600, "10.0.0.0/16"))...)
	v := NewJudge(w).Evaluate(p1, q, need(TCP, 47500, 47599))
	want(t, v, "OPEN")
	if v.Excess.String() != "47600" {
		t.Errorf("excess %s", v.Excess)
	}
	contains(t, v.Sentence(), "wider than needed by 47600")
}

func TestCase25BalancerNeedsAllOfTheKernelRange(t *testing.T) {
	w, _, _, q := theCase(in(allow("tcp", 32768, 60999, "sg-lb"))...)
	w.Groups = append(w.Groups, openGroup("sg-lb"))
	lb := endpoint("alb", "10.0.9.9", "sg-lb")
	lb.Subnet, lb.Ephemeral = "subnet-1", BalancerEphemeral()
	v := NewJudge(w).Evaluate(lb, q, BalancerNeed(Range{1025, 65000}))
	want(t, v, "MISSING 1025-32767,61000-65000")
	want(t, NewJudge(w).Evaluate(lb, q, BalancerNeed(LinuxEphemeral())), "OPEN")
}

func TestCase26ACLDeniesAcrossSubnetsOnly(t *testing.T) {
	w, p1, _, q := theCase(in(allow("tcp", 47100, 47109, "10.0.0.0/16"))...)
	deny := allowAll(100, Ingress)
	deny.Allow, deny.Protocol, deny.Ports = false, TCP, Range{47100, 47199}
	guard := ACL{ID: "acl-q", Subnets: []string{"subnet-3"},
		Entries: []ACLEntry{allowAll(200, Ingress), allowAll(200, Egress), deny}} // deliberately not in order
	w.ACLs = []ACL{openACL("subnet-1"), guard}
	v := NewJudge(w).Evaluate(p1, q, caseNeed())
	want(t, v, "BLOCKED 47100-47109 at destination ACL")
	contains(t, v.Sentence(), "entry 100 of acl-q", "47100-47109")
	if len(v.Fixes) != 0 {
		t.Errorf("a group rule cannot fix an ACL: %v", v.Fixes)
	}
	p1.Subnet = "subnet-3"
	want(t, NewJudge(w).Evaluate(p1, q, caseNeed()), "OPEN")
}

func TestCase27ReturnPortsAreEvaluated(t *testing.T) {
	w, p1, _, q := theCase(in(allow("tcp", 47100, 47199, "10.0.0.0/16"))...)
	inward, outward := allowAll(100, Ingress), allowAll(100, Egress)
	inward.Protocol, inward.Ports = TCP, Range{47100, 47199}
	outward.Protocol, outward.Ports = TCP, Range{443, 443}
	w.ACLs = []ACL{openACL("subnet-1"), {ID: "acl-q", Subnets: []string{"subnet-3"}, Entries: []ACLEntry{inward, outward}}}
	v := NewJudge(w).Evaluate(p1, q, caseNeed())
	want(t, v, "BLOCKED 47100-47109 at return path")
	contains(t, v.Sentence(), "entry *", "acl-q", "answers to ports 32768-60999")

	p1.Ephemeral = Range{443, 443}
	want(t, NewJudge(w).Evaluate(p1, q, caseNeed()), "OPEN")
}
