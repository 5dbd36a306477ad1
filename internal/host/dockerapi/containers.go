package dockerapi

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/moby/client"
)

// ecsLabels is the prefix of the labels that the ECS agent puts on its
// containers (agent/engine/docker_task_engine.go, labelPrefix).
const ecsLabels = "com.amazonaws.ecs."

// Container is a running container with what stands between its ports and the
// network. Its environment and command are not kept.
type Container struct {
	ID, Name string            // the name without Docker's leading slash
	Labels   map[string]string // those of ECS, com.amazonaws.ecs.*; nil if there are none
	// NetworkMode is host, none, bridge (also where it was left to the default),
	// container:<id> for one that shares another's network, or a network's name.
	NetworkMode string
	Addrs       []netip.Addr // on Docker's networks, in order of these networks' names
	Bindings    []Binding    // in order of container port, protocol and host address
	PID         int          // of the main process, as the Engine's host counts; 0: not known
}

// Binding is one port of a container that the Engine publishes.
type Binding struct {
	ContainerPort uint16
	Protocol      string         // tcp, udp or sctp
	Host          netip.AddrPort // where it is published
	Dynamic       bool           // this host port was not asked for by number: the Engine picked it
}

// Containers lists the running containers, in the order of the Engine. One that
// ends while it is looked at is left out.
func (c *Client) Containers(ctx context.Context) ([]Container, error) {
	list, err := c.List(ctx, false)
	if err != nil {
		return nil, err
	}
	var out []Container
	for _, item := range list {
		found, seen, err := c.inspect(ctx, item.ID)
		if isGone(seen, err) {
			continue
		}
		if err == nil && (found.Container.HostConfig == nil || found.Container.NetworkSettings == nil) {
			err = fmt.Errorf("inspecting the container %s at %s: the answer lacks its network", item.ID, c.host)
		}
		if err != nil {
			return nil, err
		}
		out = append(out, newContainer(found))
	}
	return out, nil
}

// inspect asks for one container, by id or name.
func (c *Client) inspect(ctx context.Context, id string) (found client.ContainerInspectResult, seen exchange, err error) {
	seen, err = c.call(ctx, func(ctx context.Context) (err error) {
		found, err = c.current().ContainerInspect(ctx, id, client.ContainerInspectOptions{})
		if err == nil && (found.Container.State == nil || found.Container.Config == nil) {
			err = errors.New("the answer lacks the container's state or configuration")
		}
		return err
	})
	if err != nil {
		err = fmt.Errorf("inspecting the container %s at %s: %w", id, c.host, err)
	}
	return found, seen, err
}

// isGone tells the Engine's 404 from another server's, which says nothing of
// containers.
func isGone(seen exchange, err error) bool {
	return err != nil && seen.status == http.StatusNotFound && strings.Contains(strings.ToLower(err.Error()), "no such container")
}

func newContainer(found client.ContainerInspectResult) Container {
	it := found.Container
	mode := string(it.HostConfig.NetworkMode)
	if mode == "" || mode == "default" {
		mode = "bridge"
	}
	return Container{
		ID: it.ID, Name: strings.TrimPrefix(it.Name, "/"), Labels: onlyECS(it.Config.Labels),
		NetworkMode: mode, Addrs: addrs(found), Bindings: bindings(found), PID: it.State.Pid,
	}
}

func onlyECS(labels map[string]string) map[string]string {
	var out map[string]string
	for key, value := range labels {
		if strings.HasPrefix(key, ecsLabels) {
			if out == nil {
				out = map[string]string{}
			}
			out[key] = value
		}
	}
	return out
}

func addrs(found client.ContainerInspectResult) []netip.Addr {
	networks := found.Container.NetworkSettings.Networks
	var out []netip.Addr
	for _, name := range slices.Sorted(maps.Keys(networks)) {
		if networks[name] == nil {
			continue
		}
		for _, addr := range []netip.Addr{networks[name].IPAddress, networks[name].GlobalIPv6Address} {
			if addr.IsValid() {
				out = append(out, addr)
			}
		}
	}
	return out
}

// bindings takes what is published from the network settings; what was asked
// for (HostConfig) only tells which of it the Engine picked by itself.
func bindings(found client.ContainerInspectResult) []Binding {
	var out []Binding
	for port, published := range found.Container.NetworkSettings.Ports {
		asked := map[string]bool{}
		for _, b := range found.Container.HostConfig.PortBindings[port] {
			asked[b.HostPort] = true
		}
		for _, b := range published {
			number, err := strconv.ParseUint(b.HostPort, 10, 16)
			if err != nil || number == 0 {
				continue // not published yet
			}
			ip := b.HostIP
			if !ip.IsValid() { // left empty: all addresses
				ip = netip.IPv4Unspecified()
			}
			out = append(out, Binding{port.Num(), string(port.Proto()), netip.AddrPortFrom(ip, uint16(number)), !asked[b.HostPort]})
		}
	}
	slices.SortFunc(out, func(a, b Binding) int {
		return cmp.Or(cmp.Compare(a.ContainerPort, b.ContainerPort), cmp.Compare(a.Protocol, b.Protocol), a.Host.Compare(b.Host))
	})
	return out
}
