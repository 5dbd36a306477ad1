package ports

import (
	"fmt"
	"slices"

	"muster/reach"
)

// firstFree lists requirements whose server binds the first free port of its range. A single server on a host therefore
// uses only the first port. The other ports are for further servers on the same host.
//
// Sources: Ignite 2 TcpDiscoverySpi, TcpCommunicationSpi (localPortRange), ClientListenerProcessor,
// GridTcpRestProtocol; Hazelcast NetworkConfig (port-auto-increment, port-count); JGroups TP and FD_SOCK2 (bind_port,
// port_range), also in Infinispan; Tomcat ReceiverBase (autoBind); Elasticsearch transport.port and http.port. The CLI
// tools of RabbitMQ also bind the first free port, but several of them run at once, so they need their whole range.
var firstFree = map[string][]string{ // profile: roles
	"gridgain":        {"discovery", "communication", "thin client", "REST", "Jetty REST"},
	"opensearch":      {"transport", "HTTP"},
	"ignite2":         {"discovery", "communication", "thin client", "REST", "Jetty REST"},
	"ignite2-compact": {"discovery", "communication"},
	"ignite2-legacy":  {"shared memory", "time server"},
	"hazelcast":       {"member"},
	"jgroups":         {"transport", "FD_SOCK2"},
	"infinispan":      {"transport", "FD_SOCK2"},
	"tomcat-cluster":  {"receiver"},
	"elasticsearch":   {"transport", "HTTP"},
}

// spare returns the closed ports of a requirement that only a second server on a host would use. If the rules open the
// first port and no other, they were written for one server per host. If they open more ports, they were written for
// several servers and the range ends too early, so no port is spare.
func (r *Report) spare(n reach.Need, o reach.Outcome) reach.Ports {
	if !firstOpen(n, o) || o.Open(n).Subtract(r.others(n)).Count() > 1 {
		return nil
	}
	closed := o.Missing.Union(o.Unknown)
	if len(closed.Intersect(r.listened[n.String()])) > 0 {
		return nil
	}
	return closed
}

// others returns the ports of the other requirements, without the first port of n. If rules open these ports, that says
// nothing about the intent for n.
func (r *Report) others(n reach.Need) (ports reach.Ports) {
	for _, other := range r.needs {
		if other != n && other.Protocol == n.Protocol {
			ports = ports.Union(reach.PortsOf(other.Ports))
		}
	}
	return ports.Subtract(reach.PortsOf(reach.Range{First: n.Ports.First, Last: n.Ports.First}))
}

// firstOpen reports whether part of the requirement is closed or unknown, but the port that a single server per host
// uses is open.
func firstOpen(n reach.Need, o reach.Outcome) bool {
	return o.Status > reach.Unknown && slices.Contains(firstFree[n.Profile], n.Role) && o.Open(n).Has(n.Ports.First)
}

// status returns the verdict, ignoring spare ports.
func (r *Report) status(n reach.Need, o reach.Outcome) reach.Status {
	if len(r.spare(n, o)) > 0 {
		return reach.Open
	}
	return o.Status
}

// ease changes an outcome to open if only spare ports are closed. It also adds a hint.
func (r *Report) ease(o *Outcome, v reach.Verdict) {
	if !firstOpen(v.Need, v.Outcome) {
		return
	}
	closed := v.Missing.Union(v.Unknown)
	text := fmt.Sprintf("first port %d is open; %s %s closed, and needed only for further servers on one host", v.Need.Ports.First,
		closed, isAre(closed))
	if note := v.Need.String() + ": " + text; !slices.Contains(r.Hints, note) {
		r.Hints = append(r.Hints, note)
	}
	if len(r.spare(v.Need, v.Outcome)) == 0 {
		return
	}
	o.status, o.Status = reach.Open, reach.Open.String()
	o.Hop, o.Missing, o.Unknown, o.Spare, o.open = "", "", "", closed.String(), v.Open(v.Need).String()
	o.Sentence = v.Source + " can reach " + v.Destination + " on " + v.Need.String() + ": " + text
}

func isAre(p reach.Ports) string {
	if p.Count() == 1 {
		return "is"
	}
	return "are"
}
