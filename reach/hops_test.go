package reach

import (
	"go/parser"
	"go/token"
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

func TestReachImportsOnlyTheStandardLibrary(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range parsed.Imports {
			path, _ := strconv.Unquote(i.Path.Value)
			root, _, _ := strings.Cut(path, "/")
			if strings.Contains(root, ".") || root == "muster" || path == "os/exec" || path == "net" {
				t.Errorf("%s imports %s", file, path)
			}
		}
	}
}

func TestEachHopReportsItsOwnHoles(t *testing.T) {
	w, p1, _, q := theCase(in(allow("tcp", 47102, 47109, "10.0.0.0/16"))...)
	w.Groups[0].Rules = []Rule{rule(Egress, "tcp", 47100, 47105, "0.0.0.0/0")}
	deny := allowAll(10, Ingress)
	deny.Allow, deny.Protocol, deny.Ports = false, TCP, Range{47104, 47104}
	w.ACLs = []ACL{
		openACL("subnet-1"),
		{ID: "acl-q", Subnets: []string{"subnet-3"}, Entries: []ACLEntry{deny, allowAll(20, Ingress), allowAll(20, Egress)}},
	}
	v := NewJudge(w).Evaluate(p1, q, caseNeed())
	want(t, v, "MISSING 47100-47101,47104,47106-47109 at source egress")
	if got := v.Open(v.Need).String(); got != "47102-47103,47105" {
		t.Errorf("open %s", got)
	}
	for i, missing := range []string{"47106-47109", "none", "47104", "47100-47101", "none", "none"} {
		if got := v.Steps[i].Missing.String(); got != missing {
			t.Errorf("%s: missing %s, want %s", v.Steps[i].Hop, got, missing)
		}
	}
	contains(t, v.Sentence(), "source egress of P1", "destination ACL of Q, entry 10 of acl-q denies 47104", "destination ingress of Q")
	if len(v.Fixes) != 2 {
		t.Errorf("fixes %+v", v.Fixes)
	}
}

func TestDenialOutweighsUnknown(t *testing.T) {
	w, p1, _, q := theCase()
	w.ACLs = nil
	v := NewJudge(w).Evaluate(p1, q, caseNeed())
	want(t, v, "MISSING 47100-47109")
	if len(v.Unread) == 0 {
		t.Error("the ACLs were not read, and the verdict does not say so")
	}
}

func TestUnreadDataIsUnknownAndNamesTheAction(t *testing.T) {
	for name, c := range map[string]struct {
		change func(w *World, p, q *Endpoint)
		hop    Hop
		action string
	}{
		"a group id that nobody returned": {func(_ *World, _, q *Endpoint) { q.Groups = []string{"sg-lost"} }, DestinationIngress,
			"ec2:DescribeSecurityGroups"},
		"rules denied": {func(w *World, _, _ *Endpoint) {
			w.Groups[2] = Group{ID: "sg-q", Unread: Unread{"ec2:DescribeSecurityGroupRules", "AccessDenied"}}
		}, DestinationIngress, "ec2:DescribeSecurityGroupRules"},
		"the source's groups not known": {func(_ *World, p, _ *Endpoint) { p.Groups = nil }, SourceEgress, "ec2:DescribeNetworkInterfaces"},
		"the interface denied": {func(_ *World, _, q *Endpoint) { q.Unread = Unread{"ec2:DescribeInstances", "AccessDenied"} },
			DestinationIngress, "ec2:DescribeInstances"},
		"ACLs denied": {func(w *World, _, _ *Endpoint) { w.ACLs[0].Unread = Unread{"ec2:DescribeNetworkAcls", "AccessDenied"} },
			SourceACL, "ec2:DescribeNetworkAcls"},
		"an ACL that nobody returned": {func(w *World, _, _ *Endpoint) { w.ACLs[0].Subnets = []string{"subnet-1"} }, DestinationACL,
			"ec2:DescribeNetworkAcls"},
		"the subnet not known": {func(_ *World, _, q *Endpoint) { q.Subnet = "" }, DestinationACL, "ec2:DescribeNetworkInterfaces"},
	} {
		t.Run(name, func(t *testing.T) {
			w, p1, _, q := theCase(allow("tcp", 47100, 47109, "sg-a"), allow("tcp", 47100, 47109, "10.0.0.0/16"))
			c.change(&w, &p1, &q)
			v := NewJudge(w).Evaluate(p1, q, caseNeed())
			if v.Status != Unknown || v.Hop != c.hop {
				t.Errorf("%s at %s", v.Status, v.Hop)
			}
			contains(t, v.Sentence(), c.action)
		})
	}
}

func TestGroupReferencesDoNotCrossRegionsOrAppliances(t *testing.T) {
	w, p1, _, q := theCase(in(allow("tcp", 47100, 47109, "sg-a"))...)
	p1.Region = "us-east-1"
	v := NewJudge(w).Evaluate(p1, q, caseNeed())
	want(t, v, "MISSING 47100-47109")
	if !hinted(v, OtherRegion) {
		t.Errorf("hints %v", v.Hints)
	}
	p1.Region = q.Region
	w.Middleboxes = map[SubnetPair]string{{"subnet-3", "subnet-2"}: "vpce-firewall"}
	want(t, NewJudge(w).Evaluate(p1, q, caseNeed()), "OPEN")
	w.Middleboxes = map[SubnetPair]string{{"subnet-3", "subnet-1"}: "vpce-firewall"}
	v = NewJudge(w).Evaluate(p1, q, caseNeed())
	want(t, v, "MISSING 47100-47109")
	contains(t, v.Sentence(), "does not work through vpce-firewall")
	p1.Subnet = q.Subnet
	want(t, NewJudge(w).Evaluate(p1, q, caseNeed()), "OPEN")
}

// A reference matches members of the group. It does not include the rules of the group.
func TestReferenceDoesNotIncludeTheGroupsRules(t *testing.T) {
	w, p1, p2, q := theCase(in(allow("tcp", 47100, 47109, "sg-a"))...)
	w.Groups[0].Rules = append(w.Groups[0].Rules, allow("tcp", 47100, 47109, "sg-b"))
	want(t, NewJudge(w).Evaluate(p1, q, caseNeed()), "OPEN")
	want(t, NewJudge(w).Evaluate(p2, q, caseNeed()), "MISSING 47100-47109")
}

func TestNewGroupDeniesIngressAndAllowsEgress(t *testing.T) {
	w, p1, _, q := theCase()
	want(t, NewJudge(w).Evaluate(p1, q, caseNeed()), "MISSING 47100-47109")
	v := NewJudge(w).Evaluate(p1, q, caseNeed())
	if v.Steps[0].Status != Open || !hinted(v, NoRules) {
		t.Errorf("egress %s, hints %v", v.Steps[0].Status, v.Hints)
	}
}

func TestFirstAddressDecidesTheFamily(t *testing.T) {
	w, p1, _, q := theCase(allow("tcp", 47100, 47109, "fd00::/64"))
	p1.Addrs, q.Addrs = addrs("10.0.1.5", "fd00::5"), addrs("fd00::9", "10.0.3.5")
	w.ACLs[0].Entries = everything(AnyPort(), AnyPort())
	v := NewJudge(w).Evaluate(p1, q, caseNeed())
	want(t, v, "OPEN")
	if v.From.Is4() || v.To.Is4() {
		t.Errorf("%s -> %s", v.From, v.To)
	}
	q.Addrs = addrs("10.0.3.5", "fd00::9")
	v = NewJudge(w).Evaluate(p1, q, caseNeed())
	want(t, v, "MISSING 47100-47109")
	if !hinted(v, OtherFamily) {
		t.Errorf("hints %v", v.Hints)
	}
}

func TestMappedAddressesAreIPv4(t *testing.T) {
	w, p1, _, q := theCase(allow("tcp", 47100, 47109, "10.0.1.5/32"))
	p1.Addrs = addrs("::ffff:10.0.1.5")
	want(t, NewJudge(w).Evaluate(p1, q, caseNeed()), "OPEN")
}

func TestEndpointAtFindsTheOwningInterface(t *testing.T) {
	enis := []ENI{
		{ID: "eni-1", Addrs: addrs("10.0.0.1", "fd00::1")},
		{ID: "eni-t", Addrs: addrs("10.0.0.3"), Trunk: true},
		{ID: "eni-2", Addrs: addrs("10.0.0.2")},
	}
	e, err := EndpointAt("i-1", netip.MustParseAddr("fd00::1"), enis)
	if err != nil || e.ID != "eni-1" || e.Addrs[0].String() != "fd00::1" || len(e.Others) != 1 {
		t.Errorf("%+v, %v", e, err)
	}
	if enis[0].Addrs[0].String() != "10.0.0.1" {
		t.Error("the caller's interface was changed")
	}
	for _, addr := range []string{"10.0.0.9", "10.0.0.3"} {
		if _, err := EndpointAt("i-1", netip.MustParseAddr(addr), enis); err == nil {
			t.Errorf("%s was found", addr)
		} else {
			contains(t, err.Error(), "i-1", addr)
		}
	}
}

func TestSameInterface(t *testing.T) {
	a, b := endpoint("A", "10.0.0.1", "sg-a"), endpoint("B", "10.0.0.1", "sg-a")
	for _, c := range []struct {
		a, b string
		same bool
	}{{"eni-1", "eni-1", true}, {"eni-1", "eni-2", false}, {"", "", true}, {"eni-1", "", false}} {
		a.ID, b.ID = c.a, c.b
		if Same(a, b) != c.same {
			t.Errorf("%+v", c)
		}
	}
	if Same(Endpoint{}, Endpoint{}) {
		t.Error("two endpoints of which nothing is known are not the same")
	}
}

func TestDuplicatesAreMerged(t *testing.T) {
	w, p1, p2, q := theCase(in(allow("tcp", 47100, 47109, "pl-1"))...)
	w.Groups = append(w.Groups, w.Groups...)
	w.PrefixLists = []PrefixList{
		{ID: "pl-1", Entries: []netip.Prefix{netip.MustParsePrefix("10.0.1.0/24")}},
		{ID: "pl-1", Unread: Unread{"ec2:GetManagedPrefixListEntries", "Throttling"}},
	}
	v := NewJudge(w).Evaluate(p1, q, caseNeed())
	want(t, v, "OPEN")
	if hits := v.Steps[3].Rules; len(hits) != 1 || len(hits[0].Rule.IDs) != 1 {
		t.Errorf("hits %v", hits)
	}
	want(t, NewJudge(w).Evaluate(p2, q, caseNeed()), "UNKNOWN 47100-47109")
}

func TestUndecodableRuleDoesNotAffectAnOpenVerdict(t *testing.T) {
	w, p1, _, q := theCase(allow("tcp", 47100, 47109, "10.0.0.0/16"), Rule{Protocol: AllProtocols, Ports: AnyPort(), Err: "broken"})
	want(t, NewJudge(w).Evaluate(p1, q, caseNeed()), "OPEN")
}
