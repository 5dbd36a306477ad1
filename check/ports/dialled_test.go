package ports

import (
	"context"
	"net/netip"
	"strings"
	"testing"

	"muster/internal/fleet"
	"muster/internal/host/hostports"
	"muster/internal/host/probe"
	"muster/reach"
)

// three returns this instance and two peers, with tcp 7000 to 7999 open between them.
func three() fleet.Fleet {
	f := found(0)
	f.World.Groups[0].Rules[0].Ports = reach.Range{First: 7000, Last: 7999}
	f.Notes, f.Unread = nil, nil
	third := f.Endpoints[1]
	third.Name, third.ID, third.Addrs = "they", "eni-they", []netip.Addr{netip.MustParseAddr("10.0.0.3")}
	f.Endpoints = append(f.Endpoints, third)
	return f
}

// The results of dials count where the rules are open (amazon-ecs-agent issue 2877: a firewall on the host).
func TestLostDialsAreFindings(t *testing.T) {
	const lost, refused, connected, noRoute, undialled = reach.TimedOut, reach.Refused, reach.Connected, reach.NoRoute, reach.NotProbed
	type dials map[string]reach.Contact // address:port, or address
	for name, c := range map[string]struct {
		ports    string
		listened bool // a server on this instance uses the ports
		dials    dials
		want     string // of the first finding; "" for none
		says     string
	}{
		"every peer, and a server here": {"tcp/7000", true, dials{"10.0.0.2": lost, "10.0.0.3": lost},
			"fail replication-port-filtered: 2 of 2 peers do not respond on tcp 7000 despite open rules: probably a host firewall",
			"port 7000 of you: timed out (i/o timeout)"},
		"every peer, and none here": {"tcp/7000", false, dials{"10.0.0.2": lost, "10.0.0.3": noRoute},
			"warn replication-port-filtered: 2 of 2 peers do not respond on tcp 7000", "port 7000 of they: no route"},
		"one peer of two": {"tcp/7000", true, dials{"10.0.0.2": lost, "10.0.0.3": connected},
			"warn replication-port-filtered: 1 of 2 peers does not respond on tcp 7000", "port 7000 of you"},
		"one peer, which answers elsewhere": {"tcp/7000,tcp/7100", false,
			dials{"10.0.0.2:7000": lost, "10.0.0.2:7100": refused, "10.0.0.3": connected},
			"fail replication-port-filtered: 1 of 2 peers does not respond on tcp 7000", "security groups and network ACLs: OPEN"},
		"refused: nothing listens there": {"tcp/7000", true, dials{"10.0.0.2": refused, "10.0.0.3": connected}, "",
			"tcp 7000: 1 of 2 peers accept a connection; 1 refused it: the host is reached, and nothing listens there"},
		"nothing could be dialled": {"tcp/7000", true, dials{"10.0.0.2": undialled, "10.0.0.3": undialled},
			"unknown replication-port-unknown: no peer could be dialed from here: i/o timeout", ""},
		"the rules are closed, too": {"tcp/8000", true, dials{"10.0.0.2": lost, "10.0.0.3": lost},
			"fail replication-port-closed: me cannot reach you on tcp 8000", "no rule on eni-you allows 8000"},
	} {
		t.Run(name, func(t *testing.T) {
			all := needs(t, c.ports)
			opts := Options{Discover: finds(three(), nil),
				Host: func(context.Context, netip.Addr, []reach.Need) hostports.Report {
					seen := hostports.Report{}
					for _, n := range all {
						s := hostports.PortListeners{Need: n}
						if c.listened {
							s.Listeners = []hostports.Listener{{Protocol: n.Protocol,
								At: []netip.AddrPort{netip.AddrPortFrom(netip.MustParseAddr("10.0.0.1"), n.Ports.First)}}}
						}
						seen.Needs = append(seen.Needs, s)
					}
					return seen
				},
				Dial: func(_ context.Context, _ netip.Addr, targets []probe.Target) (out []probe.Result) {
					for _, to := range targets {
						contact, single := c.dials[to.Addr.String()]
						if !single {
							contact = c.dials[to.Addr.Addr().String()]
						}
						out = append(out, probe.Result{Target: to, Contact: contact, Err: "i/o timeout"})
					}
					return out
				}}
			report, err := Ports(t.Context(), opts, "cluster prod", "eu-west-1", all)
			if err != nil {
				t.Fatal(err)
			}
			got := append(portFindings(report), probeFindings(report)...)
			if c.want == "" {
				if len(got) > 0 || report.Dialled()[0].String() != c.says {
					t.Errorf("got %+v, %s", got, report.Dialled())
				}
				return
			}
			if len(got) == 0 {
				t.Fatal("nothing is found")
			}
			text := string(got[0].Status) + " " + got[0].Kind.ID + ": " + got[0].Summary
			if !strings.HasPrefix(text, c.want) || !strings.Contains(strings.Join(got[0].Evidence, "\n"), c.says) ||
				len(got[0].Summary) > 100 {
				t.Errorf("got %s\n%q", text, got[0].Evidence)
			}
			if filtered := got[0].Kind == ReplicationPortFiltered; filtered != strings.Contains(got[0].Confirm, "tcpdump") {
				t.Errorf("confirmed by %q", got[0].Confirm)
			}
		})
	}
}
