package hostports

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"muster/internal/host/dockerapi"
	"muster/internal/host/ecsagent"
)

// kind is the way in which peers reach a network namespace.
type kind uint8

const (
	onHost   kind = iota // it is the host's own
	bridged              // only through published ports
	ownENI               // awsvpc: it has its own network interface
	isolated             // not reachable
)

// space is a network namespace, with information from Docker and the ECS agent.
type space struct {
	stack
	kind     kind
	name     string              // of its containers; empty for the host
	addrs    []netip.Addr        // that peers, or Docker for them, connect to; empty if unknown
	bindings []dockerapi.Binding // published ports
}

func (s *space) String() string {
	if s.kind == onHost {
		return "on the host"
	}
	return "in container " + s.name
}

// address returns the address of the namespace as text.
func (s *space) address() string {
	return cmp.Or(list(s.addrs, netip.Addr.String), "an unknown IPv4 address")
}

// readAll reads all sources.
func (l *inspector) readAll(ctx context.Context, h *Host) []space {
	l.readKernel()
	var containers []dockerapi.Container
	if h.Docker != nil {
		var err error
		if containers, err = h.Docker.Containers(ctx); err != nil {
			l.note(err)
			l.complete, l.dockerUnknown = false, true
		}
	}
	var tasks []ecsagent.Task
	if h.Agent != nil {
		var err error
		tasks, err = h.Agent.Tasks(ctx)
		l.note(err)
	}
	host := space{kind: onHost, stack: l.stack(filepath.Join(l.proc, "net"))}
	if l.self.IsValid() {
		host.addrs = []netip.Addr{l.self}
	}
	host.sockets = withoutProxies(host.sockets, containers)
	return append([]space{host}, l.containerSpaces(containers, ownAddrs(tasks))...)
}

// stack reads the tables in dir.
func (l *inspector) stack(dir string) stack {
	s, failed := readStack(dir)
	for _, err := range failed {
		l.note(err)
		l.complete = false
	}
	return s
}

// withoutProxies removes Docker's own sockets for published ports. They accept connections even if the container does
// not listen.
func withoutProxies(sockets []socket, containers []dockerapi.Container) []socket {
	return slices.DeleteFunc(sockets, func(s socket) bool {
		return slices.ContainsFunc(containers, func(c dockerapi.Container) bool {
			return slices.ContainsFunc(c.Bindings, func(b dockerapi.Binding) bool {
				return b.Host == s.bound && b.Protocol == s.protocol.String()
			})
		})
	})
}

// ownAddrs returns the addresses of containers in awsvpc mode, by Docker id. The agent lists networks only for this mode
// (agent/handlers/v1/response.go).
func ownAddrs(tasks []ecsagent.Task) map[string][]netip.Addr {
	out := map[string][]netip.Addr{}
	for _, task := range tasks {
		for _, c := range task.Containers {
			for _, network := range c.Networks {
				for _, text := range slices.Concat(network.IPv4Addresses, network.IPv6Addresses) {
					if addr, err := netip.ParseAddr(text); err == nil && network.Mode == "awsvpc" {
						out[c.DockerID] = append(out[c.DockerID], addr)
					}
				}
			}
		}
	}
	return out
}

// containerSpaces returns the network namespaces of containers, each with all containers that share it.
func (l *inspector) containerSpaces(containers []dockerapi.Container, own map[string][]netip.Addr) []space {
	inside := map[string][]dockerapi.Container{}
	for _, c := range containers {
		id := owner(c, containers)
		inside[id] = append(inside[id], c)
	}
	var out []space
	for _, c := range containers {
		if c.NetworkMode == "host" || owner(c, containers) != c.ID {
			continue
		}
		s := newSpace(c, inside[c.ID], own)
		s.addrs = ofFamily(s.addrs, l.self.Is6())
		if c.PID == 0 {
			l.note(fmt.Errorf("Docker reports no process for container %s, so its sockets are unknown", c.Name))
			l.complete = false
		} else {
			s.stack = l.stack(filepath.Join(l.proc, strconv.Itoa(c.PID), "net"))
		}
		out = append(out, s)
	}
	return out
}

// owner returns the id of the container that owns the network namespace of c.
func owner(c dockerapi.Container, all []dockerapi.Container) string {
	id, shares := strings.CutPrefix(c.NetworkMode, "container:")
	if shares && slices.ContainsFunc(all, func(o dockerapi.Container) bool { return o.ID == id }) {
		return id
	}
	return c.ID
}

// newSpace returns the namespace of c; inside lists the containers that share it.
func newSpace(c dockerapi.Container, inside []dockerapi.Container, own map[string][]netip.Addr) space {
	s := space{kind: bridged, addrs: c.Addrs, bindings: c.Bindings}
	if c.NetworkMode == "none" {
		s.kind = isolated
	}
	var names []string
	for _, each := range inside {
		if addrs := own[each.ID]; len(addrs) > 0 {
			s.kind, s.addrs = ownENI, addrs
		}
		if len(inside) == 1 || !isPause(each) {
			names = append(names, each.Name)
		}
	}
	s.name = strings.Join(names, ", ")
	return s
}

// isPause reports whether c is a pause container of the ECS agent, which only keeps a namespace open
// (agent/api/task/task.go, NetworkPauseContainerName).
func isPause(c dockerapi.Container) bool {
	return strings.HasPrefix(c.Labels["com.amazonaws.ecs.container-name"], "~internal~ecs~pause")
}

// ofFamily returns the addresses of one IP version, or all if there are none.
func ofFamily(addrs []netip.Addr, v6 bool) []netip.Addr {
	var out []netip.Addr
	for _, addr := range addrs {
		if addr = addr.Unmap(); addr.Is6() == v6 {
			out = append(out, addr)
		}
	}
	if len(out) == 0 {
		return addrs
	}
	return out
}

// at returns the addresses at which peers find a socket.
func (l *inspector) at(s *space, k socket) []netip.AddrPort {
	var out []netip.AddrPort
	switch {
	case s.kind == isolated || !s.accepts(k.bound.Addr()):
	case s.kind == bridged:
		for _, b := range s.published(k.protocol.String(), k.bound.Port()) {
			if covers(b.Host.Addr(), l.self) {
				out = append(out, shown(b.Host, l.self))
			}
		}
	case len(s.addrs) == 0:
		out = append(out, k.bound)
	default:
		for _, addr := range s.addrs {
			if covers(k.bound.Addr(), addr) {
				out = append(out, netip.AddrPortFrom(addr, k.bound.Port()))
			}
		}
	}
	slices.SortFunc(out, netip.AddrPort.Compare)
	return slices.Compact(out)
}

// shown replaces "all addresses" with the address that peers dial.
func shown(at netip.AddrPort, self netip.Addr) netip.AddrPort {
	if at.Addr().IsUnspecified() && self.IsValid() {
		return netip.AddrPortFrom(self, at.Port())
	}
	return at
}

// published returns the publications of one port of the container.
func (s *space) published(protocol string, port uint16) []dockerapi.Binding {
	var out []dockerapi.Binding
	for _, b := range s.bindings {
		if b.ContainerPort == port && b.Protocol == protocol {
			out = append(out, b)
		}
	}
	return out
}

// accepts reports whether traffic to the namespace reaches a socket bound to addr.
func (s *space) accepts(addr netip.Addr) bool {
	if len(s.addrs) == 0 {
		return covers(addr, netip.Addr{})
	}
	return slices.ContainsFunc(s.addrs, func(at netip.Addr) bool { return covers(addr, at) })
}

// covers reports whether a socket bound to one address accepts connections to another. The zero Addr is an unknown IPv4
// address.
func covers(bound, at netip.Addr) bool {
	switch {
	case bound == netip.IPv6Unspecified():
		return true
	case !at.IsValid():
		return bound.Is4() && !bound.IsLoopback()
	case bound == netip.IPv4Unspecified():
		return at.Is4()
	}
	return bound == at
}
