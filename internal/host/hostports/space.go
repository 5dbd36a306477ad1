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

// kind is how peers get into a network namespace.
type kind uint8

const (
	onHost   kind = iota // it is the host's own
	bridged              // only through ports that Docker publishes
	ownENI               // awsvpc: it has an interface of its own
	isolated             // not at all
)

// space is a network namespace with what Docker and the ECS agent know of it.
type space struct {
	stack
	kind     kind
	name     string              // of its containers; empty for the host
	addrs    []netip.Addr        // at which peers, or Docker in their place, meet it; none: not known
	bindings []dockerapi.Binding // published ports
}

func (s *space) String() string {
	if s.kind == onHost {
		return "on the host"
	}
	return "in container " + s.name
}

// address is where the namespace is met, in words.
func (s *space) address() string {
	return cmp.Or(list(s.addrs, netip.Addr.String), "an unknown IPv4 address")
}

// look reads all there is.
func (l *looker) look(ctx context.Context, h *Host) []space {
	l.readKernel()
	var containers []dockerapi.Container
	if h.Docker != nil {
		var err error
		if containers, err = h.Docker.Containers(ctx); err != nil {
			l.note(err)
			l.complete, l.blind = false, true
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
func (l *looker) stack(dir string) stack {
	s, failed := readStack(dir)
	for _, err := range failed {
		l.note(err)
		l.complete = false
	}
	return s
}

// withoutProxies leaves out the sockets that Docker itself holds for published
// ports: they listen, and take connections, whether or not the container does.
func withoutProxies(sockets []socket, containers []dockerapi.Container) []socket {
	return slices.DeleteFunc(sockets, func(s socket) bool {
		return slices.ContainsFunc(containers, func(c dockerapi.Container) bool {
			return slices.ContainsFunc(c.Bindings, func(b dockerapi.Binding) bool {
				return b.Host == s.bound && b.Protocol == s.protocol.String()
			})
		})
	})
}

// ownAddrs are the addresses of containers in awsvpc mode, by Docker id. The
// agent tells of networks in this mode only (agent/handlers/v1/response.go).
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

// containerSpaces are the namespaces of the containers that have one of their
// own, each with all the containers that live in it.
func (l *looker) containerSpaces(containers []dockerapi.Container, own map[string][]netip.Addr) []space {
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

// owner is the id of the container whose network namespace c lives in.
func owner(c dockerapi.Container, all []dockerapi.Container) string {
	id, shares := strings.CutPrefix(c.NetworkMode, "container:")
	if shares && slices.ContainsFunc(all, func(o dockerapi.Container) bool { return o.ID == id }) {
		return id
	}
	return c.ID
}

// newSpace is the namespace of c, with inside the containers that live in it.
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

// isPause knows the container of the ECS agent that only holds a namespace open
// (agent/api/task/task.go, NetworkPauseContainerName).
func isPause(c dockerapi.Container) bool {
	return strings.HasPrefix(c.Labels["com.amazonaws.ecs.container-name"], "~internal~ecs~pause")
}

// ofFamily are the addresses of one IP version, or all if there is none of it.
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

// at is where peers find a socket.
func (l *looker) at(s *space, k socket) []netip.AddrPort {
	var out []netip.AddrPort
	switch {
	case s.kind == isolated || !s.meets(k.bound.Addr()):
	case s.kind == bridged:
		for _, b := range s.published(k.protocol.String(), k.bound.Port()) {
			if answers(b.Host.Addr(), l.self) {
				out = append(out, shown(b.Host, l.self))
			}
		}
	case len(s.addrs) == 0:
		out = append(out, k.bound)
	default:
		for _, addr := range s.addrs {
			if answers(k.bound.Addr(), addr) {
				out = append(out, netip.AddrPortFrom(addr, k.bound.Port()))
			}
		}
	}
	slices.SortFunc(out, netip.AddrPort.Compare)
	return slices.Compact(out)
}

// shown puts the address that peers dial in the place of "all addresses".
func shown(at netip.AddrPort, self netip.Addr) netip.AddrPort {
	if at.Addr().IsUnspecified() && self.IsValid() {
		return netip.AddrPortFrom(self, at.Port())
	}
	return at
}

// published are the publications of one port of the container.
func (s *space) published(protocol string, port uint16) []dockerapi.Binding {
	var out []dockerapi.Binding
	for _, b := range s.bindings {
		if b.ContainerPort == port && b.Protocol == protocol {
			out = append(out, b)
		}
	}
	return out
}

// meets says whether what arrives in the namespace meets a socket bound to addr.
func (s *space) meets(addr netip.Addr) bool {
	if len(s.addrs) == 0 {
		return answers(addr, netip.Addr{})
	}
	return slices.ContainsFunc(s.addrs, func(at netip.Addr) bool { return answers(addr, at) })
}

// answers says whether what is bound to one address is met at another. The zero
// Addr stands for an unknown IPv4 address.
func answers(bound, at netip.Addr) bool {
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
