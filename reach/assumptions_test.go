package reach

import "testing"

// narrowACL returns an ACL that allows only 10.0.9.0/24 in both directions.
func narrowACL(subnet string) ACL {
	e := func(d Direction) ACLEntry {
		return ACLEntry{Number: 100, Direction: d, Allow: true, Protocol: AllProtocols, Ports: AnyPort(), CIDR: cidr("10.0.9.0/24").CIDR}
	}
	return ACL{ID: "acl-narrow", Subnets: []string{subnet}, Entries: []ACLEntry{e(Ingress), e(Egress)}}
}

// If both endpoints are in the same subnet, ACLs do not apply. If a subnet is unknown, a denial by an ACL is unknown as
// well.
func TestADenialIsUnknownWhileASubnetIsUnknown(t *testing.T) {
	w, p1, _, q := theCase(allow("tcp", 47100, 47109, "10.0.0.0/16"))
	w.ACLs = []ACL{narrowACL("subnet-1"), openACL("subnet-3")}
	want(t, NewJudge(w).Evaluate(p1, q, caseNeed()), "BLOCKED 47100-47109 at source ACL")
	q.Subnet = ""
	for _, pair := range [][2]Endpoint{{p1, q}, {q, p1}} {
		v := NewJudge(w).Evaluate(pair[0], pair[1], caseNeed())
		if v.Status == Blocked || v.Status == Open {
			t.Errorf("%s", v.Sentence())
		}
	}
	v := NewJudge(w).Evaluate(p1, q, caseNeed())
	want(t, v, "UNKNOWN 47100-47109 at source ACL")
	contains(t, v.Sentence(), "the subnet of Q is not known")
}

// According to the ELB and VPC guides, these interfaces have no security group and allow all traffic.
func TestInterfacesThatHaveNoSecurityGroup(t *testing.T) {
	w, p1, _, q := theCase(allow("tcp", 47100, 47109, "10.0.0.0/16"))
	for kind, expected := range map[string]string{
		"network_load_balancer": "OPEN", "nat_gateway": "OPEN", "transit_gateway": "OPEN",
		"interface": "UNKNOWN 47100-47109 at source egress", "": "UNKNOWN 47100-47109 at source egress",
	} {
		src := p1
		src.Groups, src.Type = nil, kind
		want(t, NewJudge(w).Evaluate(src, q, caseNeed()), expected)
	}
	src := p1
	src.Groups, src.Type = nil, "network_load_balancer"
	w, _, _, q = theCase(allow("tcp", 47100, 47109, "sg-a"))
	v := NewJudge(w).Evaluate(src, q, caseNeed())
	want(t, v, "MISSING 47100-47109")
	contains(t, v.Fixes[0].Command(), "CidrIp=10.0.1.5/32")
}

func TestABlackholeIsClosedAndAMissingRouteUnknown(t *testing.T) {
	w, p1, p2, q := theCase(allow("tcp", 47100, 47109, "10.0.0.0/16"))
	w.RouteFaults = map[SubnetPair]RouteFault{
		{"subnet-1", "subnet-3"}: {Blackhole: true, Text: "the route of rtb-1 to 10.0.3.0/24 (pcx-1) is a blackhole"},
		{"subnet-3", "subnet-2"}: {Text: "rtb-3 has no route from subnet-3 to 10.0.2.5 in vpc-2"},
	}
	v := NewJudge(w).Evaluate(p1, q, caseNeed())
	want(t, v, "BLOCKED 47100-47109 at route")
	contains(t, v.Sentence(), "at the route, the route of rtb-1 to 10.0.3.0/24 (pcx-1) is a blackhole")
	if len(v.Fixes) != 0 {
		t.Errorf("a rule was offered for a route: %v", v.Fixes)
	}
	// Replies need the route back.
	want(t, NewJudge(w).Evaluate(q, p1, caseNeed()), "BLOCKED 47100-47109 at route")
	v = NewJudge(w).Evaluate(p2, q, caseNeed())
	want(t, v, "UNKNOWN 47100-47109 at route")
	contains(t, v.Sentence(), "rtb-3 has no route from subnet-3")
}

func TestAStaleReferenceIsNamedOnlyForPeersOfItsVPC(t *testing.T) {
	gone := Rule{
		IDs:      []string{"sgr-1"},
		Protocol: TCP,
		Ports:    Range{47100, 47109},
		Peer:     Peer{Group: GroupRef{ID: "sg-x", VPC: "vpc-9", Peering: "pcx-9"}},
	}
	w, p1, _, q := theCase(gone)
	p1.VPC = "vpc-2"
	want(t, NewJudge(w).Evaluate(p1, q, caseNeed()), "MISSING 47100-47109")
	p1.VPC = "vpc-9"
	want(t, NewJudge(w).Evaluate(p1, q, caseNeed()), "STALE 47100-47109")
}

// A rule that cannot be decoded and has no id is shown as EC2 returned it, not with the widest range, which replaces
// the undecodable one.
func TestUndecodableRuleIsShownAsReturned(t *testing.T) {
	var g Group
	g.ID = "sg-1"
	g.Add(Rule{Protocol: TCP, Ports: AnyPort(), Peer: cidr("10.0.0.0/8"), Err: "first port 90 is above last port 80", Text: "tcp 90-80"})
	if got := g.Notes[0]; got != "rule 'tcp 90-80' of sg-1 cannot be decoded: first port 90 is above last port 80" {
		t.Error(got)
	}
}

// A dual-stack pair is evaluated for its first address. If the result differs for the other family, a warning says so.
func TestOtherFamilyCausesAWarningIfItDiffers(t *testing.T) {
	w, p1, _, q := theCase(allow("tcp", 47100, 47109, "10.0.0.0/16"))
	p1.Subnet = q.Subnet
	p1.Addrs, q.Addrs = addrs("10.0.1.5", "fd00::5"), addrs("10.0.3.5", "fd00::9")
	v := NewJudge(w).Evaluate(p1, q, caseNeed())
	want(t, v, "OPEN")
	contains(t, v.Sentence(), "over IPv6, from fd00::5 to fd00::9, it is MISSING")
	w.Groups[2].Rules = append(w.Groups[2].Rules, allow("tcp", 47100, 47109, "fd00::/64"))
	if v := NewJudge(w).Evaluate(p1, q, caseNeed()); len(v.Warnings) != 0 {
		t.Errorf("%q", v.Warnings)
	}
}

// eth0 is for management, eth1 is for data, and the rules open eth1.
func TestTwoInterfacesOfTheSameHosts(t *testing.T) {
	w, p1, _, q := theCase()
	w.Groups = append(w.Groups, openGroup("sg-data", allow("tcp", 47100, 47109, "sg-data")))
	data := func(id, addr string) ENI {
		return ENI{ID: id, Addrs: addrs(addr), Groups: []string{"sg-data"}, Subnet: "subnet-1", VPC: "vpc-1"}
	}
	p1.Others, q.Others = []ENI{data("eni-d1", "10.0.8.1")}, []ENI{data("eni-d2", "10.0.8.2")}
	v := NewJudge(w).Evaluate(p1, q, caseNeed())
	want(t, v, "MISSING 47100-47109")
	contains(t, v.Sentence(), "open between eni-d1 and eni-d2 of the same hosts: evaluate those with --address 10.0.8.1,10.0.8.2")
	if m := mustMatrix(t, w, []Endpoint{p1}, []Endpoint{q}, caseNeed()); len(v.Fixes) != 0 || len(Openings(nil, m)) != 0 {
		t.Errorf("a rule for the wrong interface: %+v", v.Fixes)
	}
	p1.Others[0].Task = true
	if v := NewJudge(w).Evaluate(p1, q, caseNeed()); len(v.Fixes) != 1 {
		t.Errorf("the interface of another task: %s", v.Sentence())
	}
}
