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

// Container is a running container, with the settings that determine how its ports can be reached. It does not include
// the environment and the command.
type Container struct {
	ID, Name string            // Name has no leading slash
	Labels   map[string]string // only the labels com.amazonaws.ecs.*; nil if there are none
	// NetworkMode is host, none, bridge (also if unset), the name of a network, or container:<id> for a container that
	// shares another's network.
	NetworkMode string
	Addrs       []netip.Addr // addresses on Docker's networks, sorted by network name
	Bindings    []Binding    // sorted by container port, protocol and host address
	PID         int          // process ID of the main process in the Engine's PID namespace; 0 if unknown
}

// Binding is a container port that the Engine publishes.
type Binding struct {
	ContainerPort uint16
	Protocol      string         // tcp, udp or sctp
	Host          netip.AddrPort // the published address and port
	Dynamic       bool           // the Engine chose the host port, because none was requested
}

// Containers returns the running containers, in the Engine's order. It leaves out a container that exits during the
// call.
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
			err = fmt.Errorf("inspecting the container %s at %s: the response lacks its network", item.ID, c.host)
		}
		if err != nil {
			return nil, err
		}
		out = append(out, newContainer(found))
	}
	return out, nil
}

// inspect requests one container, by ID or name.
func (c *Client) inspect(ctx context.Context, id string) (found client.ContainerInspectResult, seen exchange, err error) {
	seen, err = c.call(ctx, func(ctx context.Context) (err error) {
		found, err = c.current().ContainerInspect(ctx, id, client.ContainerInspectOptions{})
		if err == nil && (found.Container.State == nil || found.Container.Config == nil) {
			err = errors.New("the response lacks the container's state or configuration")
		}
		return err
	})
	if err != nil {
		err = fmt.Errorf("inspecting the container %s at %s: %w", id, c.host, err)
	}
	return found, seen, err
}

// isGone reports whether err is the Engine's 404 for a container. A 404 from another server does not count.
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

// bindings returns the published ports from the network settings. The requested ports (HostConfig) only show which host
// ports the Engine chose itself.
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
			if !ip.IsValid() { // no address was requested, which means all addresses
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
