package reach

import (
	"fmt"
	"net/netip"
	"runtime"
	"slices"
	"testing"
)

func mustMatrix(t *testing.T, w World, from, to []Endpoint, needs ...Need) *Matrix {
	t.Helper()
	m, err := NewJudge(w).Matrix(from, to, needs)
	if err != nil {
		t.Fatal(err)
	}
	compareNaively(t, NewJudge(w), m)
	return m
}

// Pairs of sources that differ in only one property, which one rule or entry distinguishes.
func TestClassesDistinguishWhatRulesDistinguish(t *testing.T) {
	v4, v6 := netip.MustParseAddr("10.0.1.5"), netip.MustParseAddr("fd00::5")
	for name, c := range map[string]struct {
		ingress Rule
		replies Range
		change  func(a, b *Endpoint)
	}{
		"the IP version, under a rule for all of IPv4": {
			allow("tcp", 47100, 47109, "0.0.0.0/0"), AnyPort(),
			func(_, b *Endpoint) { b.Addrs = []netip.Addr{v6} }},
		"the version dialled first": {
			allow("tcp", 47100, 47109, "0.0.0.0/0"), AnyPort(),
			func(a, b *Endpoint) { a.Addrs, b.Addrs = []netip.Addr{v4}, []netip.Addr{v6, v4} }},
		"the neighbour of a named address": {
			allow("tcp", 47100, 47109, "10.0.1.5/32"), AnyPort(),
			func(a, b *Endpoint) { b.Addrs = addrs("10.0.1.4") }},
		"the range dialled from, inside and outside of what the ACL lets back": {
			allow("tcp", 47100, 47109, "10.0.0.0/16"), Range{33000, 36000},
			func(a, b *Endpoint) { a.Ephemeral, b.Ephemeral = Range{33000, 34000}, Range{37000, 38000} }},
		"the range dialled from, of which the ACL lets the same part back": {
			allow("tcp", 47100, 47109, "10.0.0.0/16"), Range{33000, 36000},
			func(a, b *Endpoint) { a.Ephemeral, b.Ephemeral = Range{35000, 36000}, Range{35000, 37000} }},
		"a carried group": {
			allow("tcp", 47100, 47109, "sg-a"), AnyPort(),
			func(_, b *Endpoint) { b.Groups = []string{"sg-b"} }},
	} {
		t.Run(name, func(t *testing.T) {
			w, a, b, q := theCase(c.ingress)
			b.ENI, b.ID = a.ENI, "eni-b"
			c.change(&a, &b)
			q.Addrs = append(q.Addrs, netip.MustParseAddr("fd00::9"))
			if a.Addrs[0] != b.Addrs[0] && len(b.Addrs) == 2 {
				slices.Reverse(q.Addrs)
			}
			w.ACLs = []ACL{
				{ID: "acl-1", Subnets: []string{"subnet-1"}, Entries: everything(c.replies, AnyPort())},
				{ID: "acl-q", Subnets: []string{"subnet-3"}, Entries: everything(AnyPort(), c.replies)},
			}
			m := mustMatrix(t, w, []Endpoint{a, b}, []Endpoint{q}, caseNeed())
			first, _ := m.At(0, 0, 0)
			second, _ := m.At(1, 0, 0)
			if first.Status != Open || m.Work.Classes != 3 {
				t.Errorf("first %+v, second %+v, classes %d", first, second, m.Work.Classes)
			}
		})
	}
}

// everything returns entries that allow the given ports in each direction, for both IP versions.
func everything(inward, outward Range) []ACLEntry {
	all := []ACLEntry{allowAll(1, Ingress), allowAll(2, Ingress), allowAll(3, Egress), allowAll(4, Egress)}
	for i := range all {
		if i%2 == 1 {
			all[i].CIDR = netip.MustParsePrefix("::/0")
		}
		all[i].Ports = inward
		if all[i].Direction == Egress {
			all[i].Ports = outward
		}
	}
	return all
}

// No rule here contains an IPv6 address, so there is no bound between the versions.
func TestRulesForAllOfIPv4DoNotAdmitIPv6(t *testing.T) {
	a, b, q := endpoint("A", "10.0.1.5", "sg-4"), endpoint("B", "fd00::5", "sg-4"), endpoint("Q", "10.0.1.9", "sg-4")
	q.Addrs = append(q.Addrs, netip.MustParseAddr("fd00::9"))
	w := World{Groups: []Group{{ID: "sg-4", Rules: []Rule{
		allow("tcp", 47100, 47109, "0.0.0.0/0"), rule(Egress, "-1", 0, 0, "0.0.0.0/0")}}}}
	m := mustMatrix(t, w, []Endpoint{a, b}, []Endpoint{q}, caseNeed())
	if m.Tally(0)[Open] != 1 || m.Tally(0)[Missing] != 1 {
		t.Errorf("%v", m.Tally(0))
	}
}

func TestEndpointsThatNoRuleDistinguishesAreOneClass(t *testing.T) {
	w, eps := fleet(1000, 60)
	for i := range w.Groups { // drop the rules for single addresses
		w.Groups[i].Rules = slices.DeleteFunc(w.Groups[i].Rules, func(r Rule) bool { return r.Peer.CIDR.Bits() == 32 })
	}
	m, err := NewJudge(w).Matrix(eps, eps, ignite())
	if err != nil {
		t.Fatal(err)
	}
	if m.Work.Classes != 8 { // one per pool, each in one subnet
		t.Errorf("%d classes", m.Work.Classes)
	}
}

// Work is measured in counts, which do not depend on the machine. It must be linear in peers and rules.
func TestWorkGrowsNoFasterThanPeersAndRules(t *testing.T) {
	work := func(peers, rules int) Work {
		w, eps := fleet(peers, rules)
		for i := range w.Groups { // 64 addresses, regardless of the number of rules
			for k := range w.Groups[i].Rules {
				if r := &w.Groups[i].Rules[k]; r.Peer.CIDR.Bits() == 32 {
					r.Peer = cidr(fmt.Sprintf("10.%d.0.%d/32", k%4, 16*(k/6%16)))
				}
			}
		}
		m, err := NewJudge(w).Matrix(eps, eps, ignite())
		if err != nil {
			t.Fatal(err)
		}
		return m.Work
	}
	base := work(1000, 60)
	for _, factor := range []int{2, 4} {
		if got := work(1000*factor, 60); got.RuleTests > base.RuleTests*factor || got.Cells > base.Cells*factor {
			t.Errorf("%d times the peers: %+v, was %+v", factor, got, base)
		}
		got := work(1000, 60*factor)
		if perName := got.RuleTests / got.Classes; perName > base.RuleTests/base.Classes*factor*11/10 {
			t.Errorf("%d times the rules: %+v, was %+v", factor, got, base)
		}
	}
}

func TestWorkIsBoundedIfRulesNameEveryEndpoint(t *testing.T) {
	w, eps := fleet(1000, 60)
	w = everyoneNamed(w, eps)
	m, err := NewJudge(w).Matrix(eps, eps, ignite())
	if err != nil {
		t.Fatal(err)
	}
	if m.Work.Classes != 1000 || m.Work.RuleTests > 3_000_000 {
		t.Errorf("%+v: a rule must be read once for each group and name, not for each pair", m.Work)
	}
	out, in, err := NewJudge(w).Against(eps[0], eps, ignite())
	if err != nil {
		t.Fatal(err)
	}
	if tests := out.Work.RuleTests + in.Work.RuleTests; tests > 300_000 {
		t.Errorf("one against all reads %d rules", tests)
	}
}

func TestMatrixOfAThousandIsSmall(t *testing.T) {
	w, eps := fleet(1000, 60)
	w = everyoneNamed(w, eps)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	m, err := NewJudge(w).Matrix(eps, eps, ignite())
	if err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if used := (after.TotalAlloc - before.TotalAlloc) >> 20; used > 200 {
		t.Errorf("%d MiB allocated in all, live or not", used)
	}
	runtime.KeepAlive(m)
}

func TestBlocksPutTheWorstFirstAndEqualRowsTogether(t *testing.T) {
	w, p1, p2, q := theCase(allow("tcp", 47100, 47109, "sg-a"))
	sources := []Endpoint{p2, p1}
	for i := range 50 {
		e := p1
		e.Name, e.ID = fmt.Sprintf("twin-%d", i), fmt.Sprintf("eni-t%d", i)
		sources = append(sources, e)
	}
	m := mustMatrix(t, w, sources, []Endpoint{q}, caseNeed())
	blocks := m.Blocks()
	if len(blocks) != 2 || blocks[0].Worst() != Missing || len(blocks[0].From) != 1 || len(blocks[1].From) != 51 {
		t.Fatalf("%+v", blocks)
	}
	compareBlocks(t, m)
}

// Three endpoints that reference each other by address are three classes with one member each. Their cells towards
// themselves must not keep equal rows apart.
func TestAnEndpointTowardsItselfDoesNotSplitBlocks(t *testing.T) {
	w := World{}
	var eps []Endpoint
	for i := range 3 {
		e := endpoint(fmt.Sprintf("P%d", i), fmt.Sprintf("10.0.1.%d", i), fmt.Sprintf("sg-%d", i))
		g := openGroup(e.Groups[0])
		for k := range 3 {
			if k != i {
				g.Rules = append(g.Rules, allow("tcp", 47100, 47109, fmt.Sprintf("10.0.1.%d/32", k)))
			}
		}
		w.Groups, eps = append(w.Groups, g), append(eps, e)
	}
	m := mustMatrix(t, w, eps, eps, caseNeed())
	if m.Work.Classes != 3 || m.Tally(0)[Open] != 6 || len(m.Blocks()) != 1 {
		t.Errorf("classes %d, tally %v, blocks %+v", m.Work.Classes, m.Tally(0), m.Blocks())
	}
}

func TestAgainstEvaluatesEachNeedInItsDirection(t *testing.T) {
	w, p1, p2, q := theCase(allow("tcp", 47100, 47109, "10.0.0.0/16"))
	inward, outward := served(need(TCP, 80, 80)), Need{Protocol: TCP, Ports: Range{443, 443}, Flow: Outbound}
	out, in, err := NewJudge(w).Against(q, []Endpoint{p1, p2}, []Need{caseNeed(), inward, outward})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(out.Needs, []Need{caseNeed(), outward}) || !slices.Equal(in.Needs, []Need{caseNeed(), inward}) {
		t.Errorf("out %v, in %v", out.Needs, in.Needs)
	}
	if o, _ := in.At(1, 0, 0); o.Status != Open {
		t.Errorf("from the peers: %+v", o)
	}
	if o, _ := out.At(0, 1, 0); o.Status != Missing {
		t.Errorf("to the peers: %+v", o)
	}
}

func TestMatrixRejectsInvalidNeeds(t *testing.T) {
	for _, n := range []Need{need(ICMP, 8, 8), need(AllProtocols, 1, 2), need(TCP, 0, 5), need(TCP, 6, 5)} {
		if _, err := NewJudge(World{}).Matrix(nil, nil, []Need{n}); err == nil {
			t.Errorf("%s was judged", n)
		}
		if _, _, err := NewJudge(World{}).Against(Endpoint{}, nil, []Need{n}); err == nil {
			t.Errorf("%s was judged against peers", n)
		}
	}
}

func TestMatrixOfNoEndpointsIsEmpty(t *testing.T) {
	m := mustMatrix(t, World{}, nil, nil, caseNeed())
	if len(m.Blocks()) != 0 || len(m.Tally(0)) != 0 {
		t.Errorf("blocks %v", m.Blocks())
	}
}

// Excess is only what no need of the whole request requires.
func TestPortsOfAnotherNeedAreNotExcess(t *testing.T) {
	w, p1, _, q := theCase(allow("tcp", 47100, 47599, "10.0.0.0/16"))
	m := mustMatrix(t, w, []Endpoint{p1}, []Endpoint{q}, ignite()...)
	if got := m.Verdict(0, 0, 0).Excess.String(); got != "47200-47499" {
		t.Errorf("excess %s", got)
	}
}
