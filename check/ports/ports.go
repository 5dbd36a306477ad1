package ports

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"muster/internal/fleet"
	"muster/internal/host/hostports"
	"muster/internal/host/probe"
	"muster/internal/report/ports"
	"muster/reach"
)

// Options holds the sources and settings of Ports.
type Options struct {
	Discover func(context.Context) (fleet.Fleet, error)
	// Targets are the load balancers' target port ranges. The zero Range, or no range at all, means any host port that
	// is assigned for hostPort 0.
	Targets []reach.Range
	// Dynamic is the range from which this host's ECS agent is configured to assign host ports. Zero means not
	// configured or unknown.
	Dynamic reach.Range
	// Ephemeral is the range of peers' source ports. Zero means this host's range, or else Linux's default.
	Ephemeral reach.Range
	// Host checks this host. It is nil outside an instance.
	Host func(context.Context, netip.Addr, []reach.Need) hostports.Report
	// Dial probes peers from an address of this host. If it is nil, no peer is probed.
	Dial func(ctx context.Context, from netip.Addr, targets []probe.Target) []probe.Result
	// All reports every block of pairs, however many there are.
	All bool
	// Sample is the maximum number of peers to probe, chosen at random. 0 means all.
	Sample int
}

// Ports checks whether the required ports are open, for one instance or a whole fleet. It evaluates rules and ACLs. On
// the instance itself it also checks the listeners on the host and probes peers.
func Ports(ctx context.Context, opts Options, scope, region string, needs []reach.Need) (*ports.Report, error) {
	found, err := opts.Discover(ctx)
	if err != nil {
		return nil, err
	}
	seen := hostports.Report{}
	if opts.Host != nil && found.Self >= 0 {
		seen = opts.Host(ctx, firstAddr(found.Endpoints[found.Self]), needs)
	}
	found.Endpoints = slices.Clone(found.Endpoints) // the slice belongs to the discoverer
	notes := notes(found)
	if ephemeral := cmp.Or(opts.Ephemeral, seen.Ephemeral); ephemeral != (reach.Range{}) {
		for i := range found.Endpoints {
			found.Endpoints[i].Ephemeral = ephemeral
		}
		if opts.Ephemeral == (reach.Range{}) && ephemeral != reach.LinuxEphemeral() {
			notes = append(notes, fmt.Sprintf("assuming that the peers dial from the same ports as this host, %s", ephemeral))
		}
	}
	q := ports.Question{
		Scope: scope, Region: region, Self: found.Self, Peers: found.Endpoints, World: found.World,
		Needs: needs, Notes: notes, At: time.Now(), All: opts.All, OwnInterfaces: found.OwnInterfaces,
	}
	for i := range seen.Needs {
		q.Listened = append(q.Listened, listened(seen, i))
	}
	addBalancers(&q, found, opts, seen.Ephemeral)
	report, err := ports.Judge(q)
	if err != nil {
		return nil, err
	}
	addHostFindings(report, seen)
	if opts.Dial != nil && found.Self >= 0 {
		probePeers(ctx, opts, report, found, needs, seen)
	}
	return report, nil
}

func notes(f fleet.Fleet) []string {
	out := slices.Clone(f.Notes)
	for _, u := range f.Unread {
		if u.Action != "" {
			out = append(out, "could not read "+u.String())
		} else if !slices.Contains(out, u.Reason) {
			out = append(out, u.Reason)
		}
	}
	return out
}

func addHostFindings(report *ports.Report, seen hostports.Report) {
	report.Notes = append(report.Notes, seen.Notes...)
	for _, f := range seen.Findings {
		report.Findings = append(report.Findings, ports.Finding{ID: f.ID, Summary: f.Summary, Evidence: f.Evidence, Remedy: f.Fix.String(),
			Fix: f.Fix, Inferred: f.Inferred})
	}
}

// probePeers probes peers on a few ports of each requirement. It uses ports with a listener on this host, because peers
// are usually alike, or else the ends of the range.
func probePeers(ctx context.Context, opts Options, report *ports.Report, found fleet.Fleet, needs []reach.Need, seen hostports.Report) {
	type probed struct {
		peer reach.Endpoint
		need reach.Need
	}
	var probes []probed
	var targets []probe.Target
	self := found.Endpoints[found.Self]
	for _, peer := range opts.sample(self, found.Endpoints) {
		for i, n := range needs {
			if n.Flow == reach.Inbound {
				continue
			}
			for _, t := range probe.Targets(peer.Addrs[0], n, listened(seen, i)) {
				probes, targets = append(probes, probed{peer, n}), append(targets, t)
			}
		}
	}
	for i, result := range opts.Dial(ctx, firstAddr(self), targets) {
		if result.Contact != reach.NotProbed {
			report.AddProbe(self, probes[i].peer, probes[i].need, result.Probe(), result.Err)
			continue
		}
		report.AddUndialled(result.Err)
	}
}

// sample returns the peers to probe.
func (opts Options) sample(self reach.Endpoint, all []reach.Endpoint) []reach.Endpoint {
	peers := slices.DeleteFunc(slices.Clone(all), func(e reach.Endpoint) bool { return len(e.Addrs) == 0 || reach.Same(self, e) })
	if opts.Sample == 0 || opts.Sample >= len(peers) {
		return peers
	}
	rand.Shuffle(len(peers), func(i, j int) { peers[i], peers[j] = peers[j], peers[i] })
	return peers[:opts.Sample]
}

func listened(seen hostports.Report, need int) reach.Ports {
	if need >= len(seen.Needs) {
		return nil
	}
	return seen.Needs[need].Ports()
}

func firstAddr(e reach.Endpoint) netip.Addr {
	if len(e.Addrs) == 0 {
		return netip.Addr{}
	}
	return e.Addrs[0]
}
