package fleet_test

import (
	"strings"
	"testing"

	"muster/internal/fleet"
	"muster/internal/sandbox"
	"muster/reach"
)

// P1 in subnet-a reaches P2 in subnet-b through a rule that refers to its group.
func TestReferencesEndAtAnApplianceBetweenSubnets(t *testing.T) {
	for name, c := range map[string]struct {
		tables []sandbox.RouteTable
		status reach.Status
		says   string
	}{
		"nothing stands between": {nil, reach.Open, ""},
		"on the way there": {[]sandbox.RouteTable{routes("subnet-a", "10.0.3.0/24", "vpce-fw")}, reach.Missing,
			"does not work through vpce-fw"},
		"on the way back": {[]sandbox.RouteTable{routes("subnet-b", "10.0.2.0/24", "eni-fw")}, reach.Missing,
			"does not work through eni-fw"},
		"on the way to somebody else": {[]sandbox.RouteTable{routes("subnet-a", "10.0.9.0/24", "vpce-fw")}, reach.Open, ""},
		"the way out is another":      {[]sandbox.RouteTable{routes("subnet-a", "0.0.0.0/0", "nat-1")}, reach.Open, ""},
		"a narrower route leads past": {[]sandbox.RouteTable{{ID: "rtb-1", Subnets: []string{"subnet-a"},
			Routes: map[string]string{"10.0.2.0/23": "vpce-fw", "10.0.3.0/24": "local"}}}, reach.Open, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s, api := start(t, sandbox.Options{})
			referring(s)
			for _, table := range c.tables {
				s.AddRouteTable(table)
			}
			f := discover(t, api, fleet.Selector{Cluster: "prod"})
			if v := verdict(t, f, "i-p1", "i-p2"); v.Status != c.status || !strings.Contains(v.Sentence(), c.says) {
				t.Errorf("%s", v.Sentence())
			}
			if len(f.Notes) != 0 {
				t.Errorf("notes %q", f.Notes)
			}
		})
	}
}

// referring is three, but P2 admits P1 only through a rule that refers to its group.
func referring(s *sandbox.Sandbox) {
	three(s)
	s.AddSecurityGroup(sandbox.SecurityGroup{ID: "sg-c",
		Rules: []sandbox.Rule{sandbox.AllEgress(), {Protocol: "tcp", First: 47100, Last: 47109, Group: "sg-a"}}})
	s.EditInstance("i-p2", func(i *sandbox.Instance) { i.Interfaces[0].Groups = []string{"sg-c"} })
}

func routes(subnet, to, via string) sandbox.RouteTable {
	return sandbox.RouteTable{ID: "rtb-1", Subnets: []string{subnet}, Routes: map[string]string{to: via}}
}

func TestRoutesThatMayNotBeReadAreANote(t *testing.T) {
	s, api := start(t, sandbox.Options{})
	referring(s)
	s.Inject(sandbox.AccessDenied(sandbox.EC2, "DescribeRouteTables"))
	f := discover(t, api, fleet.Selector{Cluster: "prod"})
	if len(f.Notes) != 1 || !strings.Contains(f.Notes[0], "ec2:DescribeRouteTables is not allowed") || len(f.Unread) != 0 {
		t.Errorf("notes %q, unread %v", f.Notes, f.Unread)
	}
	if v := verdict(t, f, "i-p1", "i-p2"); v.Status != reach.Open {
		t.Errorf("%s", v.Sentence())
	}
}

func TestRoutesAreReadOnlyWhereTheyCount(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*sandbox.Sandbox)
		calls  int
	}{
		"references across subnets": {func(*sandbox.Sandbox) {}, 1},
		"one subnet":                {func(s *sandbox.Sandbox) { everybodyIn(s, "subnet-a") }, 0},
		"addresses across subnets": {func(s *sandbox.Sandbox) {
			s.EditInstance("i-p2", func(i *sandbox.Instance) { i.Interfaces[0].Groups = []string{"sg-a"} })
		}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s, api := start(t, sandbox.Options{})
			referring(s)
			c.change(s)
			discover(t, api, fleet.Selector{Cluster: "prod"})
			if n := s.CallCount(sandbox.EC2, "DescribeRouteTables"); n != c.calls {
				t.Errorf("%d calls, want %d", n, c.calls)
			}
		})
	}
}

func everybodyIn(s *sandbox.Sandbox, subnet string) {
	for _, id := range []string{self, "i-p1", "i-p2"} {
		s.EditInstance(id, func(i *sandbox.Instance) { i.Interfaces[0].Subnet = subnet })
	}
}
