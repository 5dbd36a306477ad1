package hostports

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"muster/internal/base/fix"
	"muster/internal/host/dockerapi"
	"muster/reach"
)

// findings checks for common mistakes. A finding about a container is reported once, regardless of its number of ports.
func (l *inspector) findings() {
	for i := range l.spaces {
		s := &l.spaces[i]
		hits := l.hits(s)
		l.add(igniteMulticast(s), tomcatMulticast(s), l.docker0Announced(s, hits), bridgeAnnounced(s, hits),
			notPublished(s, hits), l.publishedElsewhere(s), l.otherHostPort(s), v6Only(s, hits), boundElsewhere(s, hits))
	}
	for _, seen := range l.report.Needs {
		l.add(beyondFirst(seen), l.noListener(seen))
	}
	l.add(l.ephemeralOverlap())
}

// add appends the findings that have evidence.
func (l *inspector) add(found ...Finding) {
	for _, f := range found {
		if f.Evidence != "" {
			l.report.Findings = append(l.report.Findings, f)
		}
	}
}

// hits returns the sockets of a namespace on required ports.
func (l *inspector) hits(s *space) []socket {
	var out []socket
	for _, k := range s.sockets {
		if l.replicates(k.protocol.String(), k.bound.Port()) {
			out = append(out, k)
		}
	}
	return out
}

// replicates reports whether servers, not only clients, connect to each other on a port. Only then must the port keep
// its number.
func (l *inspector) replicates(protocol string, port uint16) bool {
	return slices.ContainsFunc(l.report.Needs, func(seen PortListeners) bool {
		n := seen.Need
		return n.Flow == reach.Both && n.Protocol.String() == protocol && n.Ports.First <= port && port <= n.Ports.Last
	})
}

// list joins the texts of items without duplicates; it returns "" for no items.
func list[T any](items []T, say func(T) string) string {
	var parts []string
	for _, item := range items {
		if text := say(item); text != "" && !slices.Contains(parts, text) {
			parts = append(parts, text)
		}
	}
	return strings.Join(parts, ", ")
}

func (k socket) String() string { return k.protocol.String() + " " + k.bound.String() }

// locate returns items, prefixed with their location; it returns "" for no items.
func locate(s *space, what, items string) string {
	if items == "" {
		return ""
	}
	return fmt.Sprintf("%s: %s%s", s, what, items)
}

// igniteMulticast detects TcpDiscoveryMulticastIpFinder: DFLT_MCAST_GROUP 228.1.2.4, DFLT_MCAST_PORT 47400.
func igniteMulticast(s *space) Finding {
	return Finding{
		ID:       "multicast-finder",
		Summary:  "Apache Ignite discovers its peers by multicast, which a VPC does not support",
		Evidence: locate(s, "", multicast(s, "228.1.2.4", 47400)),
		Fix: fix.Do(
			"Configure an IP finder that works in a VPC: TcpDiscoveryS3IpFinder, TcpDiscoveryElbIpFinder, or TcpDiscoveryVmIpFinder with addresses.",
		),
	}
}

// tomcatMulticast detects McastService, whose defaults are 228.0.0.4:45564.
func tomcatMulticast(s *space) Finding {
	return Finding{
		ID:       "multicast-finder",
		Summary:  "Tomcat discovers its cluster members by multicast, which a VPC does not support",
		Evidence: locate(s, "", multicast(s, "228.0.0.4", 45564)),
		Fix:      fix.Do("List the members in StaticMembershipService, instead of using McastService."),
	}
}

func multicast(s *space, group string, port uint16) string {
	var seen []string
	if slices.Contains(s.groups, netip.MustParseAddr(group)) {
		seen = append(seen, "group "+group+" is joined")
	}
	for _, k := range s.sockets {
		if k.protocol == reach.UDP && k.bound.Port() == port {
			seen = append(seen, k.String()+" is open")
		}
	}
	return strings.Join(seen, ", ")
}

// docker0Announced returns a finding if Ignite nodes probably announce the address of docker0. An Ignite node announces
// all addresses of its host (IgniteUtils.resolveLocalAddresses) unless localHost is set.
func (l *inspector) docker0Announced(s *space, hits []socket) Finding {
	f := Finding{
		ID:       "docker0-announced",
		Summary:  "Ignite probably announces the address of docker0, which is the same on every host, to its peers",
		Fix:      fix.Do("Set localHost of IgniteConfiguration (or IGNITE_LOCAL_HOST) to the private address of the instance."),
		Confirm:  "the node's log: the line \"Local node addresses\" lists docker0's address, usually 172.17.0.1",
		Inferred: true,
	}
	if s.kind == onHost && l.docker0 && !l.dockerUnknown {
		f.Evidence = locate(s, "docker0 exists; bound to all addresses: ", list(hits, func(k socket) string {
			if k.bound.Addr().IsUnspecified() && isIgnitePort(k) {
				return k.String()
			}
			return ""
		}))
	}
	return f
}

// isIgnitePort reports whether a socket uses a default port of one of the SPIs: TcpDiscoverySpi.DFLT_PORT,
// TcpCommunicationSpi.DFLT_PORT, or the 100 ports after it.
func isIgnitePort(k socket) bool {
	ports := reach.PortsOf(reach.Range{First: 47100, Last: 47199}, reach.Range{First: 47500, Last: 47599})
	return k.protocol == reach.TCP && ports.Has(k.bound.Port())
}

func bridgeAnnounced(s *space, hits []socket) Finding {
	f := Finding{
		ID:      "bridge-address-announced",
		Summary: "the server probably announces its address in the bridge network, which no other host can reach",
		Fix: fix.Do(
			"Use network mode awsvpc or host, or configure the server to announce the instance's address (Ignite: an AddressResolver).",
		),
		Confirm:  "the server's log or configuration: which address it announces to its peers",
		Inferred: true,
	}
	if s.kind == bridged {
		f.Evidence = locate(s, "its address is "+s.address()+", and it listens on ", list(hits, socket.String))
	}
	return f
}

func notPublished(s *space, hits []socket) Finding {
	f := Finding{
		ID:      "port-not-published",
		Summary: "the server listens in a bridge network on a port that is not published, so no peer can reach it",
		Fix:     fix.Do("Add the port to portMappings with hostPort equal to containerPort, or use network mode awsvpc or host."),
	}
	if s.kind == bridged {
		f.Evidence = locate(s, "not published: ", list(hits, func(k socket) string {
			if len(s.published(k.protocol.String(), k.bound.Port())) == 0 {
				return k.String()
			}
			return ""
		}))
	}
	return f
}

// publishedElsewhere evaluates all publications of a container port: one that peers can reach is enough.
func (l *inspector) publishedElsewhere(s *space) Finding {
	return Finding{
		ID:      "published-on-other-address",
		Summary: "the port is published only on an address that peers do not dial, such as 127.0.0.1",
		Evidence: locate(s, "", list(s.bindings, func(b dockerapi.Binding) string {
			if !l.replicates(b.Protocol, b.ContainerPort) || slices.ContainsFunc(s.published(b.Protocol, b.ContainerPort), l.isDialed) {
				return ""
			}
			return publication(b)
		})),
		Fix: fix.Do("Publish the port on all addresses of the host, in portMappings, and restrict access by security groups."),
	}
}

func (l *inspector) otherHostPort(s *space) Finding {
	return Finding{
		ID:      "other-host-port",
		Summary: "the port is published under a different number than peers dial",
		Evidence: locate(s, "", list(s.bindings, func(b dockerapi.Binding) string {
			dialled := func(t dockerapi.Binding) bool { return l.replicates(t.Protocol, t.Host.Port()) }
			if !l.replicates(b.Protocol, b.ContainerPort) || !l.isDialed(b) ||
				slices.ContainsFunc(s.published(b.Protocol, b.ContainerPort),
					dialled) {
				return ""
			}
			return publication(b)
		})),
		Fix: fix.Do(
			"Give every replication port a static hostPort equal to its containerPort (not 0), or use network mode awsvpc or host.",
		),
	}
}

// isDialed reports whether peers dial this publication.
func (l *inspector) isDialed(b dockerapi.Binding) bool { return covers(b.Host.Addr(), l.self) }

func publication(b dockerapi.Binding) string {
	text := fmt.Sprintf("%s %d is published at %s", b.Protocol, b.ContainerPort, b.Host)
	if b.Dynamic {
		text += ", a port that Docker chose"
	}
	return text
}

func v6Only(s *space, hits []socket) Finding {
	return Finding{
		ID:      "v6-only-listener",
		Summary: "the server listens on IPv6 only, and its peers dial IPv4",
		Evidence: locate(s, "", list(unreachable(s, hits), func(k socket) string {
			if isV6Only(s, k) {
				return k.String()
			}
			return ""
		})),
		Fix: fix.Do("Bind an IPv4 address; for a JVM, set -Djava.net.preferIPv4Stack=true."),
	}
}

func boundElsewhere(s *space, hits []socket) Finding {
	return Finding{
		ID:      "listener-on-other-address",
		Summary: "the server listens only on an address that peers do not dial, such as 127.0.0.1",
		Evidence: locate(s, "peers dial "+s.address()+"; the server listens on ", list(unreachable(s, hits), func(k socket) string {
			if isV6Only(s, k) {
				return ""
			}
			return k.String()
		})),
		Fix: fix.Do("Bind the address that peers dial, or all addresses."),
	}
}

func isV6Only(s *space, k socket) bool {
	v6 := slices.ContainsFunc(s.addrs, netip.Addr.Is6)
	return k.bound.Addr().Is6() && !k.bound.Addr().IsLoopback() && !v6
}

// unreachable returns the sockets that no peer reaches, unless the same port has a reachable one.
func unreachable(s *space, hits []socket) []socket {
	var out []socket
	for _, k := range hits {
		met := slices.ContainsFunc(hits, func(o socket) bool {
			return o.protocol == k.protocol && o.bound.Port() == k.bound.Port() && s.accepts(o.bound.Addr())
		})
		if !met && s.kind != isolated {
			out = append(out, k)
		}
	}
	return out
}

// beyondFirst returns a finding for a listener that is not on the first port of its range. Servers with a port range
// bind the first free port. Ports from the command line have no known order.
func beyondFirst(seen PortListeners) Finding {
	f := Finding{
		ID:      "listener-beyond-first-port",
		Summary: "a server listens beyond the first port of its range: a second server on this host, or the first port was in use",
		Fix: fix.Do(
			"Open the whole range to the peers, and list the whole range in their configuration (Ignite: 10.0.1.5:47500..47509).",
		),
	}
	beyond := seen.Ports().Subtract(reach.PortsOf(one(seen.Need.Ports.First)))
	if seen.Need.Flow == reach.Both && seen.Need.Profile != "" && len(beyond) > 0 {
		f.Evidence = fmt.Sprintf("%s: listeners at %s", seen.Need, beyond)
	}
	return f
}

// noListener also names the publications: Docker itself accepts connections to them, so a dial from this host succeeds.
func (l *inspector) noListener(seen PortListeners) Finding {
	f := Finding{
		ID:      "no-listener",
		Summary: "nothing listens on " + seen.Need.String(),
		Fix: fix.Do("Start the server, or correct its ports or the configured ports; to list what listens:", "sudo ss -lntup",
			"sudo docker ps"),
	}
	if !seen.Complete || len(seen.Listeners) > 0 || seen.Need.Flow == reach.Outbound {
		return f
	}
	containers := "containers"
	if len(l.spaces) == 2 {
		containers = "container"
	}
	f.Evidence = fmt.Sprintf("%s: no socket on the host or in %d %s", seen.Need, len(l.spaces)-1, containers)
	for i := range l.spaces {
		published := list(l.spaces[i].bindings, func(b dockerapi.Binding) string {
			if b.Protocol == seen.Need.Protocol.String() && reach.PortsOf(seen.Need.Ports).Has(b.ContainerPort) {
				return publication(b)
			}
			return ""
		})
		if published != "" {
			f.Evidence += "; " + locate(&l.spaces[i], "", published)
		}
	}
	return f
}

// ephemeralOverlap returns a finding if outgoing connections can use a required port. The kernel picks their source
// port from ip_local_port_range, except ip_local_reserved_ports (Documentation/networking/ip-sysctl.rst). A server with
// its own network interface has its own settings, which are not read.
func (l *inspector) ephemeralOverlap() Finding {
	f := Finding{
		ID:      "ephemeral-overlap",
		Summary: "an outgoing connection can take a replication port before the server binds it",
	}
	if slices.ContainsFunc(l.spaces, func(s space) bool { return s.kind == ownENI && len(l.hits(&s)) > 0 }) {
		return f
	}
	var at reach.Ports
	for _, seen := range l.report.Needs {
		if seen.Need.Flow == reach.Both {
			at = at.Union(reach.PortsOf(seen.Need.Ports))
		}
	}
	at = at.Intersect(reach.PortsOf(l.report.Ephemeral)).Subtract(l.reserved)
	if len(at) > 0 {
		f.Evidence = fmt.Sprintf("%s of net.ipv4.ip_local_port_range, %s, not in ip_local_reserved_ports", at, l.report.Ephemeral)
		setting := fmt.Sprintf("net.ipv4.ip_local_reserved_ports=%s", l.reserved.Union(at))
		f.Fix = fix.Do("Reserve the ports, now and for the next boot:", "sudo sysctl -w "+setting,
			"echo "+setting+" | sudo tee /etc/sysctl.d/90-replication-ports.conf")
	}
	return f
}
