// Package hostports finds problems on this host that keep peers from reaching a container's port.
//
// It reads the Docker Engine, the ECS agent and /proc: the listeners on the required ports, their network namespace,
// their published ports, and common mistakes of replicating containers. It does not dial peers or evaluate security
// groups; packages probe and reach use its results.
//
// /proc does not show whether a socket bound to all IPv6 addresses also accepts IPv4. Nearly all do, so this package
// assumes it.
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

// Host holds the sources to read.
type Host struct {
	Proc   string // empty means /proc
	Docker Docker // nil if this host has none
	Agent  Agent  // nil if this host has none
	// Self is the address that peers dial: that of the evaluated network interface. The zero Addr means an unknown IPv4
	// address.
	Self netip.Addr
}

// Report is the result of Inspect.
type Report struct {
	Needs    []PortListeners // one for each requirement, in the same order
	Findings []Finding
	// Ephemeral is Docker's range of host ports, for reach.BalancerNeed; the zero Range means unknown.
	Ephemeral reach.Range
	// Notes lists each unreadable source with its error. Information from such a source is missing, which is never
	// reported as "no".
	Notes []string
}

// PortListeners holds the listeners on the ports of a requirement.
type PortListeners struct {
	Need      reach.Need
	Listeners []Listener
	// Complete means that all sources were read, so there is no other listener.
	Complete bool
}

// Listener is a listening socket.
type Listener struct {
	Protocol reach.Protocol
	Bound    netip.AddrPort // in its own network namespace
	// Container names the container, or all that share its namespace. It is empty for the namespace of the host, which
	// containers in host mode share.
	Container string
	// At lists the addresses that peers dial: on this host, or in awsvpc mode on the task's own network interface, whose
	// security groups then apply. It is empty if there are none, or they are unknown.
	At []netip.AddrPort
}

// Finding is one mistake.
type Finding struct {
	ID       string // stable, kebab-case
	Summary  string // one sentence
	Evidence string // what was found, and where
	Fix      fix.Fix
	Inferred bool   // the evidence makes it likely, but the configuration is not visible
	Confirm  string // how to confirm an inferred finding
}

// Ports returns the required ports on which peers find a listener here. Peers usually have the same configuration, so
// these ports are good targets on them too.
func (s PortListeners) Ports() reach.Ports {
	var found []reach.Range
	for _, l := range s.Listeners {
		for _, at := range l.At {
			found = append(found, one(at.Port()))
		}
	}
	return reach.PortsOf(found...).Intersect(reach.PortsOf(s.Need.Ports))
}

func one(port uint16) reach.Range { return reach.Range{First: port, Last: port} }

// Inspect reads all sources once. It returns no error: see Report.Notes.
func (h *Host) Inspect(ctx context.Context, needs []reach.Need) Report {
	l := inspector{proc: cmp.Or(h.Proc, "/proc"), self: h.Self.Unmap(), complete: true}
	l.spaces = l.readAll(ctx, h)
	for _, need := range needs {
		l.report.Needs = append(l.report.Needs, l.listeners(need))
	}
	l.findings()
	return l.report
}

// inspector holds the state of one Inspect call.
type inspector struct {
	proc          string
	self          netip.Addr
	spaces        []space // the host's own comes first
	docker0       bool
	reserved      reach.Ports // ports that outgoing connections never use; all ports if unknown
	complete      bool        // every source that shows listeners was read
	dockerUnknown bool        // Docker could not be queried, so listeners on the host may belong to Docker
	report        Report
}

func (l *inspector) note(err error) {
	if err != nil {
		l.report.Notes = append(l.report.Notes, "could not check: "+err.Error())
	}
}

// listeners returns the listeners of a requirement: sockets bound to one of its ports, or published on one.
func (l *inspector) listeners(need reach.Need) PortListeners {
	seen := PortListeners{Need: need, Complete: l.complete}
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

// Ephemeral returns the kernel's port range for outgoing connections, from which Docker also takes host ports. The zero
// Range means unknown.
func Ephemeral() (r reach.Range) {
	_ = readTable("/proc/sys/net/ipv4/ip_local_port_range", func(in io.Reader) (err error) {
		r, err = parsePortRange(in)
		return err
	})
	return r
}

// readKernel reads the settings of the whole host.
func (l *inspector) readKernel() {
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
