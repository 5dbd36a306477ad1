package ports

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"muster/internal/base/fix"
	"muster/internal/fleet"
	"muster/internal/host/hostports"
	"muster/internal/host/probe"
	"muster/reach"
)

// found returns this instance and one peer, with only tcp 7000 open between them.
func found(self int) fleet.Fleet {
	rules := []reach.Rule{
		{Direction: reach.Ingress, Protocol: reach.TCP, Ports: reach.Range{First: 7000, Last: 7000},
			Peer: reach.Peer{CIDR: netip.MustParsePrefix("10.0.0.0/16")}},
		{Direction: reach.Egress, Protocol: reach.AllProtocols, Ports: reach.AnyPort(),
			Peer: reach.Peer{CIDR: netip.MustParsePrefix("0.0.0.0/0")}},
	}
	endpoint := func(name, addr string) reach.Endpoint {
		return reach.Endpoint{Name: name, ENI: reach.ENI{ID: "eni-" + name, Addrs: []netip.Addr{netip.MustParseAddr(addr)},
			Groups: []string{"sg-1"}, Subnet: "subnet-1", VPC: "vpc-1"}}
	}
	return fleet.Fleet{
		Self:      self,
		Endpoints: []reach.Endpoint{endpoint("me", "10.0.0.1"), endpoint("you", "10.0.0.2")},
		World: reach.World{
			Groups: []reach.Group{{ID: "sg-1", Rules: rules}},
			ACLs:   []reach.ACL{{ID: "acl-1", Subnets: []string{"subnet-1"}}},
		},
		Notes:  []string{"somebody was left out"},
		Unread: []reach.Unread{{Action: "ec2:GetManagedPrefixListEntries", Reason: "AccessDenied"}},
	}
}

func finds(f fleet.Fleet, err error) func(context.Context) (fleet.Fleet, error) {
	return func(context.Context) (fleet.Fleet, error) { return f, err }
}

func needs(t *testing.T, ports string) []reach.Need {
	t.Helper()
	all, _, err := reach.ParsePorts(ports)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// allFail returns the same result for each target.
func allFail(targets []probe.Target, with probe.Result) []probe.Result {
	out := make([]probe.Result, len(targets))
	for i, to := range targets {
		out[i], out[i].Target = with, to
	}
	return out
}

func TestAnInstanceIsJudgedLookedAtAndDialledFrom(t *testing.T) {
	var probed []probe.Target
	report, err := Ports(t.Context(), Options{
		Discover: finds(found(0), nil),
		Host: func(_ context.Context, self netip.Addr, all []reach.Need) hostports.Report {
			if self != netip.MustParseAddr("10.0.0.1") || len(all) != 1 {
				t.Errorf("looked as %s for %v", self, all)
			}
			return hostports.Report{Notes: []string{"Docker could not be asked"},
				Findings: []hostports.Finding{{ID: "no-listener", Summary: "nobody listens", Fix: fix.Do("start it"), Inferred: true}}}
		},
		Dial: func(_ context.Context, from netip.Addr, targets []probe.Target) []probe.Result {
			probed = targets
			return allFail(targets, probe.Result{Contact: reach.TimedOut, Err: "i/o timeout"})
		},
	}, "cluster prod", "eu-west-1", needs(t, "tcp/7000"))
	if err != nil {
		t.Fatal(err)
	}
	if len(probed) != 1 || probed[0].Addr != netip.MustParseAddrPort("10.0.0.2:7000") {
		t.Errorf("dialled %v", probed)
	}
	if len(report.Probes) != 1 || report.Probes[0].Contact != reach.TimedOut.String() ||
		!strings.Contains(report.Probes[0].Sentence, "you") {
		t.Errorf("probes %+v", report.Probes)
	}
	for _, note := range []string{"somebody was left out", "could not read ec2:GetManagedPrefixListEntries (AccessDenied)",
		"Docker could not be asked"} {
		if !slices.Contains(report.Notes, note) {
			t.Errorf("notes %q lack %q", report.Notes, note)
		}
	}
	if report.Err() != nil || len(report.Findings) != 1 || !report.Findings[0].Inferred || report.Self != "me" {
		t.Errorf("%v, %+v", report.Err(), report)
	}
}

func TestADialThatCouldNotBeMadeIsANoteAndNoProbe(t *testing.T) {
	report, err := Ports(t.Context(), Options{Discover: finds(found(0), nil),
		Dial: func(_ context.Context, _ netip.Addr, targets []probe.Target) []probe.Result {
			return allFail(targets, probe.Result{Err: "cannot assign requested address"})
		}}, "", "", needs(t, "tcp/7000-7009"))
	if err != nil {
		t.Fatal(err)
	}
	if n := slices.Index(report.Notes, "could not dial from here: cannot assign requested address"); n < 0 || len(report.Probes) != 0 ||
		len(report.Notes) != 3 {
		t.Errorf("notes %q, probes %+v", report.Notes, report.Probes)
	}
}

func TestASampleOfThePeersIsDialled(t *testing.T) {
	all := found(0)
	for n := range 98 {
		e := all.Endpoints[1]
		e.Name, e.ID, e.Addrs = fmt.Sprintf("p%d", n), fmt.Sprintf("eni-%d", n), []netip.Addr{netip.AddrFrom4([4]byte{10, 0, 1, byte(n)})}
		all.Endpoints = append(all.Endpoints, e)
	}
	for sample, want := range map[int]int{0: 99, 10: 10, 99: 99, 1000: 99} {
		last := map[netip.Addr]bool{}
		for range 3 {
			now := map[netip.Addr]bool{}
			_, err := Ports(t.Context(), Options{Discover: finds(all, nil), Sample: sample,
				Dial: func(_ context.Context, _ netip.Addr, targets []probe.Target) []probe.Result {
					for _, to := range targets {
						now[to.Addr.Addr()] = true
					}
					return make([]probe.Result, len(targets))
				}}, "", "", needs(t, "tcp/7000-7009"))
			if err != nil || len(now) != want || now[netip.MustParseAddr("10.0.0.1")] {
				t.Fatalf("of %d at most, %d were dialled: %v, %v", sample, len(now), now, err)
			}
			if want < 99 && maps.Equal(now, last) {
				t.Error("the same ones were dialled again")
			}
			last = now
		}
	}
}

func TestTheWholeMatrixLooksAtNoHost(t *testing.T) {
	report, err := Ports(t.Context(), Options{Discover: finds(found(-1), nil),
		Host: func(context.Context, netip.Addr, []reach.Need) hostports.Report {
			t.Error("looked at a host")
			return hostports.Report{}
		},
		Dial: func(context.Context, netip.Addr, []probe.Target) []probe.Result {
			t.Error("dialled")
			return nil
		}}, "", "", needs(t, "tcp/7000-7001"))
	if err != nil || report.Counts["MISSING"] != 2 {
		t.Errorf("%v, %+v", err, report)
	}
}

func TestPeersThatCannotBeFoundAreAnError(t *testing.T) {
	denied := errors.New("ecs:ListContainerInstances is not allowed")
	if _, err := Ports(t.Context(), Options{Discover: finds(fleet.Fleet{}, denied)}, "", "", nil); !errors.Is(err, denied) {
		t.Errorf("error %v", err)
	}
}

// Responses go to the source ports that this host uses, not to Linux's default range.
func TestTheReturnPathIsJudgedByTheHostsOwnPorts(t *testing.T) {
	entry := func(number int, d reach.Direction, p reach.Protocol, ports reach.Range) reach.ACLEntry {
		return reach.ACLEntry{
			Number:    number,
			Direction: d,
			Allow:     true,
			Protocol:  p,
			Ports:     ports,
			CIDR:      netip.MustParsePrefix("0.0.0.0/0"),
		}
	}
	any := entry(100, reach.Egress, reach.AllProtocols, reach.AnyPort())
	f := found(0)
	f.Endpoints[1].Subnet = "subnet-2"
	f.World.ACLs = []reach.ACL{
		{ID: "acl-1", Subnets: []string{"subnet-1"}, Entries: []reach.ACLEntry{any,
			entry(90, reach.Ingress, reach.TCP, reach.Range{First: 7000, Last: 7000}),
			entry(100, reach.Ingress, reach.TCP, reach.LinuxEphemeral())}},
		{ID: "acl-2", Subnets: []string{"subnet-2"},
			Entries: []reach.ACLEntry{any, entry(100, reach.Ingress, reach.AllProtocols, reach.AnyPort())}},
	}
	for name, c := range map[string]struct {
		dialsFrom reach.Range
		blocked   int
	}{
		"Linux's":  {reach.LinuxEphemeral(), 0},
		"unread":   {reach.Range{}, 0},
		"a larger": {reach.Range{First: 1025, Last: 65000}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			opts := Options{Discover: finds(f, nil), Host: func(context.Context, netip.Addr, []reach.Need) hostports.Report {
				return hostports.Report{Ephemeral: c.dialsFrom}
			}}
			report, err := Ports(t.Context(), opts, "cluster prod", "eu-west-1", needs(t, "tcp/7000"))
			if err != nil || report.Counts[reach.Blocked.String()] != c.blocked || f.Endpoints[0].Ephemeral != (reach.Range{}) {
				t.Errorf("%v, %v", report.Counts, err)
			}
		})
	}
}
