// Package hostports finds what on this host keeps peers away from a container's
// port.
//
// It asks the Docker Engine, the ECS agent and /proc: who listens on the ports of
// a need, in which network namespace, published where; and which of the usual
// mistakes of containers that replicate is made here. It dials nobody and judges
// no security group: for that, packages probe and reach take what it returns.
//
// /proc does not tell whether a socket that is bound to all IPv6 addresses takes
// IPv4 as well. Nearly all do, so it is believed to.
package hostports

import (
	"cmp"
	"context"
	"io"
	"net/netip"
	"path/filepath"
	"slices"

	"muster/internal/base/fix"
	"muster/internal/host/dockerapi"
	"muster/internal/host/ecsagent"
	"muster/reach"
)

// Docker lists the running containers.
type Docker interface {
	Containers(ctx context.Context) ([]dockerapi.Container, error)
}

// Agent lists the tasks of this instance.
type Agent interface {
	Tasks(ctx context.Context) ([]ecsagent.Task, error)
}

// Host is where to look.
type Host struct {
	Proc   string // empty: /proc
	Docker Docker // nil: this host has none
	Agent  Agent  // nil: this host has none
	// Self is the address that peers dial: that of the interface which is judged.
	// The zero Addr: not known, but IPv4.
	Self netip.Addr
}

// Report is what was seen.
type Report struct {
	Needs    []Seen // one for each need, in their order
	Findings []Finding
	// Ephemeral is where Docker picks host ports from, for reach.BalancerNeed; the
	// zero Range: not known.
	Ephemeral reach.Range
	// Notes name each source that could not be read, and why. What it might have
	// told is missing above, and is nowhere taken for a no.
	Notes []string
}

// Seen is who listens on the ports of a need.
type Seen struct {
	Need      reach.Need
	Listeners []Listener
	// Complete: everything was read, so there is no listener besides.
	Complete bool
}

// Listener is a socket that waits for peers.
type Listener struct {
	Protocol reach.Protocol
	Bound    netip.AddrPort // in its own network namespace
	// Container names the container, or those that share its namespace; empty for
	// the host's own namespace, which containers in host mode share.
	Container string
	// At is where peers find it: on this host, or in awsvpc mode at the task's own
	// interface, whose security groups then count. Empty: nowhere, or not known.
	At []netip.AddrPort
}

// Finding is one mistake.
type Finding struct {
	ID       string // stable, kebab-case
	Summary  string // one sentence
	Evidence string // what was seen, and where
	Fix      fix.Fix
	Inferred bool   // what was seen makes it likely; what is configured cannot be seen
	Confirm  string // what would confirm an inferred one
}

// Ports are the ports of the need at which peers find a listener here. Peers are
// mostly made alike, so these are good ports to dial at them too.
func (s Seen) Ports() reach.Ports {
	var found []reach.Range
	for _, l := range s.Listeners {
		for _, at := range l.At {
			found = append(found, one(at.Port()))
		}
	}
	return reach.PortsOf(found...).Intersect(reach.PortsOf(s.Need.Ports))
}

func one(port uint16) reach.Range { return reach.Range{First: port, Last: port} }

// Look looks at everything once. It has no error of its own: see Report.Notes.
func (h *Host) Look(ctx context.Context, needs []reach.Need) Report {
	l := looker{proc: cmp.Or(h.Proc, "/proc"), self: h.Self.Unmap(), complete: true}
	l.spaces = l.look(ctx, h)
	for _, need := range needs {
		l.report.Needs = append(l.report.Needs, l.listeners(need))
	}
	l.findings()
	return l.report
}

// looker is one look, and what it has seen so far.
type looker struct {
	proc     string
	self     netip.Addr
	spaces   []space // the host's own first
	docker0  bool
	reserved reach.Ports // that no outgoing connection gets by chance; all, where that is not known
	complete bool        // no source that may know of listeners failed
	blind    bool        // Docker could not be asked: what listens on the host may be its own
	report   Report
}

func (l *looker) note(err error) {
	if err != nil {
		l.report.Notes = append(l.report.Notes, "could not check: "+err.Error())
	}
}

// listeners are those of a need: bound to one of its ports, where a container
// means to be found, or published on one, where peers look.
func (l *looker) listeners(need reach.Need) Seen {
	seen := Seen{Need: need, Complete: l.complete}
	ports := reach.PortsOf(need.Ports)
	for i := range l.spaces {
		for _, s := range l.spaces[i].sockets {
			at := l.at(&l.spaces[i], s)
			found := slices.ContainsFunc(at, func(a netip.AddrPort) bool { return ports.Has(a.Port()) })
			if s.protocol == need.Protocol && (found || ports.Has(s.bound.Port())) {
				seen.Listeners = append(seen.Listeners, Listener{s.protocol, s.bound, l.spaces[i].name, at})
			}
		}
	}
	return seen
}

// readKernel reads what concerns the host as a whole.
func (l *looker) readKernel() {
	l.note(readTable(filepath.Join(l.proc, "sys/net/ipv4/ip_local_port_range"), func(r io.Reader) (err error) {
		l.report.Ephemeral, err = parsePortRange(r)
		return err
	}))
	l.reserved = reach.PortsOf(reach.AnyPort())
	l.note(readTable(filepath.Join(l.proc, "sys/net/ipv4/ip_local_reserved_ports"), func(r io.Reader) error {
		reserved, err := parsePortList(r)
		if err == nil {
			l.reserved = reserved
		}
		return err
	}))
	l.note(readTable(filepath.Join(l.proc, "net/dev"), func(r io.Reader) (err error) {
		l.docker0, err = hasDocker0(r)
		return err
	}))
}
