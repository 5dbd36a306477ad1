package ports

import (
	"context"
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

// PortsLook is what the check of the ports looks with.
type PortsLook struct {
	Discover func(context.Context) (fleet.Fleet, error)
	// Target is the port that the fleet's balancers dial; 0: any that Docker gives
	// to hostPort 0.
	Target uint16
	// Host looks at this host; nil away from an instance.
	Host func(context.Context, netip.Addr, []reach.Need) hostports.Report
	// Dial dials peers from an address of this host; nil: no peer is dialled.
	Dial func(ctx context.Context, from netip.Addr, targets []probe.Target) []probe.Result
	// Sample is how many peers are dialled at most, chosen by chance; 0: all.
	Sample int
}

// Ports checks, for one instance or a whole fleet, whether the required ports are
// open: by rules and ACLs and, on the instance itself, also by what listens on
// the host and by dialing its peers.
func Ports(ctx context.Context, look PortsLook, scope, region string, needs []reach.Need) (*ports.Report, error) {
	found, err := look.Discover(ctx)
	if err != nil {
		return nil, err
	}
	seen := hostports.Report{}
	if look.Host != nil && found.Self >= 0 {
		seen = look.Host(ctx, firstAddr(found.Endpoints[found.Self]), needs)
		found.Endpoints = slices.Clone(found.Endpoints) // who discovered them keeps them as they are
		found.Endpoints[found.Self].Ephemeral = seen.Ephemeral
	}
	q := ports.Question{
		Scope: scope, Region: region, Self: found.Self, Peers: found.Endpoints, World: found.World,
		Needs: needs, Notes: notes(found), At: time.Now(),
	}
	for i := range seen.Needs {
		q.Listened = append(q.Listened, listened(seen, i))
	}
	addBalancers(&q, found.Balancers, look.Target, seen.Ephemeral)
	report, err := ports.Judge(q)
	if err != nil {
		return nil, err
	}
	tellHost(report, seen)
	if look.Dial != nil && found.Self >= 0 {
		dial(ctx, look, report, found, needs, seen)
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

func tellHost(report *ports.Report, seen hostports.Report) {
	report.Notes = append(report.Notes, seen.Notes...)
	for _, f := range seen.Findings {
		report.Findings = append(report.Findings, ports.Finding{ID: f.ID, Summary: f.Summary, Evidence: f.Evidence, Remedy: f.Fix.String(),
			Fix: f.Fix, Inferred: f.Inferred})
	}
}

// dial dials peers on a few ports of each need: those that are listened on here,
// because peers are of one kind, or the range's ends.
func dial(ctx context.Context, look PortsLook, report *ports.Report, found fleet.Fleet, needs []reach.Need, seen hostports.Report) {
	type dialled struct {
		peer reach.Endpoint
		need reach.Need
	}
	var whose []dialled
	var targets []probe.Target
	self := found.Endpoints[found.Self]
	for _, peer := range look.sample(self, found.Endpoints) {
		for i, n := range needs {
			if n.Flow == reach.Inbound {
				continue
			}
			for _, t := range probe.Targets(peer.Addrs[0], n, listened(seen, i)) {
				whose, targets = append(whose, dialled{peer, n}), append(targets, t)
			}
		}
	}
	for i, result := range look.Dial(ctx, firstAddr(self), targets) {
		if result.Contact != reach.NotProbed {
			report.AddProbe(self, whose[i].peer, whose[i].need, result.Probe(), result.Err)
			continue
		}
		report.AddUndialled(result.Err)
	}
}

// sample are the peers to dial.
func (look PortsLook) sample(self reach.Endpoint, all []reach.Endpoint) []reach.Endpoint {
	peers := slices.DeleteFunc(slices.Clone(all), func(e reach.Endpoint) bool { return len(e.Addrs) == 0 || reach.Same(self, e) })
	if look.Sample == 0 || look.Sample >= len(peers) {
		return peers
	}
	rand.Shuffle(len(peers), func(i, j int) { peers[i], peers[j] = peers[j], peers[i] })
	return peers[:look.Sample]
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
