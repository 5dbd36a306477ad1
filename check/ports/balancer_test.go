package ports

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"muster/internal/base/exitcode"
	"muster/internal/fleet"
	"muster/internal/host/hostports"
	"muster/reach"
)

// balanced returns found with a load balancer in its own subnet. sg-1 admits it only on tcp 7000. An ACL allows
// responses to ports from answersFrom on. 32768 is enough for clients on Linux, but not for a load balancer.
func balanced(answersFrom uint16) fleet.Fleet {
	f := found(0)
	entry := func(d reach.Direction, first uint16) reach.ACLEntry {
		return reach.ACLEntry{Number: 100, Direction: d, Allow: true, Protocol: reach.TCP, Ports: reach.Range{First: first, Last: 65535},
			CIDR: netip.MustParsePrefix("0.0.0.0/0")}
	}
	f.World.ACLs = []reach.ACL{
		{
			ID:      "acl-1",
			Subnets: []string{"subnet-1"},
			Entries: []reach.ACLEntry{entry(reach.Ingress, 1024), entry(reach.Egress, answersFrom)},
		},
		{ID: "acl-lb", Subnets: []string{"subnet-lb"}, Entries: []reach.ACLEntry{entry(reach.Ingress, 1024), entry(reach.Egress, 1024)}},
	}
	f.World.Groups = append(f.World.Groups, reach.Group{ID: "sg-lb"})
	f.Balancers = []reach.Endpoint{{Name: "10.0.9.9",
		ENI: reach.ENI{ID: "eni-lb", Addrs: []netip.Addr{netip.MustParseAddr("10.0.9.9")}, Groups: []string{"sg-1", "sg-lb"},
			Subnet: "subnet-lb", VPC: "vpc-1"}}}
	return f
}

func TestTheBalancerDialsFromItsOwnPorts(t *testing.T) {
	for answersFrom, want := range map[uint16]string{1024: "OPEN", 32768: "BLOCKED"} {
		report, err := Ports(
			t.Context(),
			Options{Discover: finds(balanced(answersFrom), nil), Targets: []reach.Range{{First: 7000, Last: 7000}}},
			"",
			"",
			needs(t, "tcp/7000"),
		)
		if err != nil {
			t.Fatal(err)
		}
		last := report.Blocks[len(report.Blocks)-1]
		if last.From[0] != "load balancer 10.0.9.9" || !slices.Equal(last.To, []string{"me"}) || last.Outcomes[0].Status != want {
			t.Errorf("answers from %d: %+v", answersFrom, last)
		}
		if len(report.Balancers) != 1 || len(report.Peers) != 2 || !slices.Equal(report.Needs,
			[]string{"tcp 7000", "tcp 7000 (load balancer target)"}) {
			t.Errorf("%+v", report)
		}
	}
}

func TestDynamicPortsAreTheKernelsWhereItCouldBeAsked(t *testing.T) {
	host := func(r reach.Range) func(context.Context, netip.Addr, []reach.Need) hostports.Report {
		return func(context.Context, netip.Addr, []reach.Need) hostports.Report {
			return hostports.Report{Ephemeral: r}
		}
	}
	for name, c := range map[string]struct {
		self  int
		host  func(context.Context, netip.Addr, []reach.Need) hostports.Report
		need  string
		noted bool
	}{
		"read":               {0, host(reach.Range{First: 6990, Last: 7009}), "tcp 6990-7009 (load balancer dynamic host ports)", false},
		"not readable":       {0, host(reach.Range{}), "tcp 32768-60999 (load balancer dynamic host ports)", true},
		"not looked for":     {0, nil, "tcp 32768-60999 (load balancer dynamic host ports)", true},
		"of somebody else's": {-1, host(reach.Range{First: 6990, Last: 7009}), "tcp 32768-60999 (load balancer dynamic host ports)", true},
	} {
		t.Run(name, func(t *testing.T) {
			peers := balanced(1024)
			peers.Self = c.self
			report, err := Ports(t.Context(), Options{Discover: finds(peers, nil), Host: c.host}, "", "", needs(t, "tcp/7000"))
			if err != nil {
				t.Fatal(err)
			}
			if report.Needs[1] != c.need {
				t.Errorf("the need is %s", report.Needs[1])
			}
			if noted := strings.Contains(strings.Join(report.Notes, "\n"),
				"Linux's default range of dynamic host ports, 32768-60999"); noted != c.noted {
				t.Errorf("notes %q", report.Notes)
			}
		})
	}
}

// Finding P1: since 1.70 the ECS agent assigns the port for hostPort 0. It uses its own range if one is configured.
func TestDynamicPortsAreTheECSAgentsWhereConfigured(t *testing.T) {
	look := Options{Discover: finds(balanced(1024), nil), Dynamic: reach.Range{First: 20000, Last: 20099},
		Host: func(context.Context, netip.Addr, []reach.Need) hostports.Report {
			return hostports.Report{Ephemeral: reach.Range{First: 32768, Last: 60999}}
		}}
	report, err := Ports(t.Context(), look, "", "", needs(t, "tcp/7000"))
	if err != nil {
		t.Fatal(err)
	}
	if got := report.Needs[1]; got != "tcp 20000-20099 (load balancer dynamic host ports)" {
		t.Error(got)
	}
}

// Finding P3: the clients of a Network Load Balancer have other addresses than the load balancer.
func TestANetworkLoadBalancerMayPreserveClientAddresses(t *testing.T) {
	for name, c := range map[string]struct {
		kind, group string
		noted       bool
	}{
		"application":                           {"interface", "", false},
		"network, admitted by address":          {"network_load_balancer", "", true},
		"network, admitted by its own group":    {"network_load_balancer", "sg-lb", false},
		"network, another group is referred to": {"network_load_balancer", "sg-x", true},
	} {
		t.Run(name, func(t *testing.T) {
			f := balanced(1024)
			f.Balancers[0].Type = c.kind
			if c.group != "" {
				f.World.Groups[0].Rules = append(
					slices.Clone(f.World.Groups[0].Rules),
					reach.Rule{
						Protocol: reach.TCP,
						Ports:    reach.Range{First: 7000, Last: 7000},
						Peer:     reach.Peer{Group: reach.GroupRef{ID: c.group}},
					},
				)
			}
			report, err := Ports(
				t.Context(),
				Options{Discover: finds(f, nil), Targets: []reach.Range{{First: 7000, Last: 7000}}},
				"",
				"",
				needs(t, "tcp/7000"),
			)
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Contains(strings.Join(report.Notes, "\n"), "Whether it preserves client addresses is unknown"); got != c.noted {
				t.Errorf("notes %q", report.Notes)
			}
		})
	}
}

// Finding P5: responses go to the ports that the dialing host uses as source ports, here and on peers.
func TestPeersAreAssumedToDialFromThePortsOfThisHost(t *testing.T) {
	f := balanced(32768)
	f.Balancers = nil
	f.Endpoints[1].Subnet = "subnet-lb"
	f.World.ACLs[0].Entries = append(f.World.ACLs[0].Entries, reach.ACLEntry{Number: 90, Direction: reach.Egress, Allow: true,
		Protocol: reach.TCP, Ports: reach.Range{First: 7000, Last: 7000}, CIDR: netip.MustParsePrefix("0.0.0.0/0")})
	for first, want := range map[uint16]int{1024: 1, 32768: 0} {
		look := Options{Discover: finds(f, nil), Host: func(context.Context, netip.Addr, []reach.Need) hostports.Report {
			return hostports.Report{Ephemeral: reach.Range{First: first, Last: 60999}}
		}}
		report, err := Ports(t.Context(), look, "", "", needs(t, "tcp/7000"))
		if err != nil {
			t.Fatal(err)
		}
		if report.Counts["BLOCKED"] != want {
			t.Errorf("from %d: %v", first, report.Counts)
		}
		noted := strings.Contains(strings.Join(report.Notes, "\n"), "the peers dial from the same ports as this host, 1024-60999")
		if noted != (first == 1024) {
			t.Errorf("from %d: notes %q", first, report.Notes)
		}
	}
}

// Finding F1: the instances' interfaces are open, but no peer dials them.
func TestTasksWithInterfacesOfTheirOwnAreUndetermined(t *testing.T) {
	f := found(-1)
	f.OwnInterfaces = 2
	report, err := Ports(t.Context(), Options{Discover: finds(f, nil)}, "cluster prod", "", needs(t, "tcp/7000"))
	if err != nil {
		t.Fatal(err)
	}
	if code := exitcode.Of(report.Err()); code != exitcode.Undetermined ||
		!slices.Contains(
			report.Notes,
			"2 running tasks with network interfaces of their own not evaluated: pass --service NAME or --family NAME",
		) {
		t.Errorf("exit code %d, notes %q", code, report.Notes)
	}
}
