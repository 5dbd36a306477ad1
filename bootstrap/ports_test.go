package bootstrap

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"muster/bootstrap/bootreport"
	"muster/internal/config"
	"muster/internal/instance"
	"muster/internal/report/ports"
	"muster/reach"
	"muster/test/observe"
)

// judged returns the report for this instance and three peers with tcp 7000-7009 open between them, except for what
// closed removes. dials contains the probe results by "peer port".
func judged(t *testing.T, closed bool, dials map[string]reach.Contact) *ports.Report {
	t.Helper()
	last := uint16(7009)
	if closed {
		last = 7005
	}
	all := netip.MustParsePrefix("10.0.0.0/16")
	world := reach.World{Groups: []reach.Group{{ID: "sg-1", Rules: []reach.Rule{
		{Direction: reach.Ingress, Protocol: reach.TCP, Ports: reach.Range{First: 7000, Last: last}, Peer: reach.Peer{CIDR: all}},
		{Direction: reach.Egress, Protocol: reach.AllProtocols, Ports: reach.AnyPort(), Peer: reach.Peer{CIDR: all}},
	}}}}
	var ends []reach.Endpoint
	for _, name := range []string{"me", "a", "b", "c"} {
		addr := netip.AddrFrom4([4]byte{10, 0, 0, name[0]})
		ends = append(
			ends,
			reach.Endpoint{
				Name: name,
				ENI:  reach.ENI{ID: "eni-" + name, Addrs: []netip.Addr{addr}, Groups: []string{"sg-1"}, Subnet: "subnet-1", VPC: "vpc-1"},
			},
		)
	}
	needs, _, err := reach.ParsePorts("tcp/7000-7009")
	if err != nil {
		t.Fatal(err)
	}
	report, err := ports.Judge(ports.Question{Self: 0, Peers: ends, World: world, Needs: needs, Notes: []string{"somebody was left out"}})
	if err != nil {
		t.Fatal(err)
	}
	for to, contact := range dials {
		port := uint16(7000)
		if strings.HasSuffix(to, " last") {
			port = 7009
		}
		peer := ends[slices.IndexFunc(ends, func(e reach.Endpoint) bool { return e.Name == to[:1] })]
		report.AddProbe(ends[0], peer, needs[0], reach.Probe{Port: port, Contact: contact}, "")
	}
	report.Findings = []ports.Finding{
		{ID: "no-listener", Summary: "nothing listens"},
		{ID: "ephemeral-overlap", Summary: "a port may be taken", Evidence: "7000", Remedy: "reserve it"},
	}
	return report
}

// registered returns a run that has registered and is about to check its ports.
func registered(policy config.PortsPolicy, look func(context.Context) (*ports.Report, error)) (*run, *observe.Journal) {
	log := &observe.Journal{}
	h := &Host{
		Log: slog.New(slog.NewTextHandler(log, nil)),
		Ports: func(ctx context.Context, _ *instance.Instance, _ string) (*ports.Report, error) {
			return look(ctx)
		},
	}
	return &run{
		Host:     h,
		Instance: &instance.Instance{Config: &config.Config{Ports: "tcp/7000-7009", PortsPolicy: policy, Root: "/"}},
		pace:     pace{ports: time.Minute},
	}, log
}

func TestWhichPortsFailTheBoot(t *testing.T) {
	const refused, lost, noWay = reach.Refused, reach.TimedOut, reach.NoRoute
	for name, c := range map[string]struct {
		closed bool
		dials  map[string]reach.Contact
		fails  bool
		warns  string
	}{
		"nobody was dialled":                       {},
		"nothing listens yet, and the path passes": {dials: map[string]reach.Contact{"a": refused, "b": refused, "c": reach.Connected}},
		"a rule is missing":                        {closed: true, fails: true, warns: "no rule on eni-"},
		"a rule is missing, though a dial passes": {closed: true, dials: map[string]reach.Contact{"a last": refused}, fails: true,
			warns: "no rule on eni-"},
		"one peer of several does not respond": {dials: map[string]reach.Contact{"a": lost, "b": refused},
			warns: "the probe says timed out"},
		"the only peer that was dialled does not": {dials: map[string]reach.Contact{"a": lost, "a last": lost},
			warns: "the probe says timed out"},
		"no peer of several answers": {dials: map[string]reach.Contact{"a": lost, "b": noWay}, fails: true,
			warns: "the probe says no route"},
		"a peer answers on one port, not on another": {dials: map[string]reach.Contact{"a": refused, "a last": lost, "b": refused},
			fails: true, warns: "tcp 7009 from me"},
		"what was not dialled, and silence, is nothing": {dials: map[string]reach.Contact{"a": reach.NotProbed, "b": reach.Silent}},
	} {
		t.Run(name, func(t *testing.T) {
			for policy, fails := range map[config.PortsPolicy]bool{config.PortsFail: c.fails, config.PortsWarn: false} {
				r, _ := registered(policy, func(context.Context) (*ports.Report, error) { return judged(t, c.closed, c.dials), nil })
				report := bootreport.Report{Outcome: bootreport.Registered}
				r.checkPorts(t.Context(), &report)
				if failed := report.Outcome == bootreport.PortsClosed && report.ExitCode == 1 &&
					report.Cause.ID == "ports-closed"; failed != fails ||
					report.Failed() != fails {
					t.Errorf("policy %s: %+v", policy, report)
				}
				warnings := strings.Join(report.Warnings, "\n")
				if !strings.Contains(warnings, c.warns) || c.warns == "" && len(report.Warnings) != 2 {
					t.Errorf("warnings: %s", warnings)
				}
				if !strings.Contains(warnings, "on this host: a port may be taken (7000): reserve it") ||
					strings.Contains(warnings, "nothing listens") {
					t.Errorf("warnings of the host: %s", warnings)
				}
			}
		})
	}
}

func TestUnknownPortsDoNotFailTheBoot(t *testing.T) {
	r, log := registered(config.PortsFail, func(context.Context) (*ports.Report, error) { return nil, errors.New("throttled") })
	report := bootreport.Report{Outcome: bootreport.Registered}
	r.checkPorts(t.Context(), &report)
	if report.Outcome != bootreport.Registered || len(report.Warnings) != 1 ||
		!strings.Contains(log.String(), "could not check the replication ports: throttled") {
		t.Errorf("%+v\n%s", report, log)
	}
}

func TestInstancesThatBootAtOnceSpreadTheirCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var waits []time.Duration
		for range 20 {
			began := time.Now()
			r, _ := registered(config.PortsWarn, func(context.Context) (*ports.Report, error) {
				waits = append(waits, time.Since(began))
				return judged(t, false, nil), nil
			})
			r.pace = realPace()
			r.checkPorts(t.Context(), &bootreport.Report{})
		}
		slices.Sort(waits)
		if waits[0] < 0 || waits[19] >= 15*time.Second || waits[19]-waits[0] < time.Second {
			t.Errorf("waited %s", waits)
		}
		r, _ := registered(config.PortsWarn, func(ctx context.Context) (*ports.Report, error) { return nil, ctx.Err() })
		r.pace = realPace()
		gone, stop := context.WithCancel(t.Context())
		stop()
		began := time.Now()
		r.checkPorts(gone, &bootreport.Report{})
		if waited := time.Since(began); waited != 0 {
			t.Errorf("an interrupted boot waited %s", waited)
		}
	})
}
