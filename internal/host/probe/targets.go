package probe

import (
	"net/netip"

	"muster/reach"
)

// maxKnown bounds the listeners dialled of one need, whatever its range holds.
const maxKnown = 3

// Targets chooses what to dial of one need at one peer: ports on which servers
// are known to listen (those of this host, say, whose peers are of its kind),
// the lowest three of them, or else the first port of the range; and one canary.
//
// The canary is the highest port that is left. Rules that are too narrow mostly
// end too soon, and where nobody listens a refusal shows that the range is
// passed to its end.
func Targets(peer netip.Addr, n reach.Need, known reach.Ports) []Target {
	all := reach.PortsOf(n.Ports)
	chosen := lowest(known.Intersect(all), maxKnown)
	if len(chosen) == 0 {
		chosen = []uint16{n.Ports.First}
	}
	for _, port := range chosen {
		all = all.Subtract(reach.PortsOf(reach.Range{First: port, Last: port}))
	}
	if len(all) > 0 {
		chosen = append(chosen, all[len(all)-1].Last)
	}
	targets := make([]Target, len(chosen))
	for i, port := range chosen {
		targets[i] = Target{n.Protocol, netip.AddrPortFrom(peer, port)}
	}
	return targets
}

func lowest(ports reach.Ports, n int) []uint16 {
	var out []uint16
	for _, r := range ports {
		for port := int(r.First); port <= int(r.Last) && len(out) < n; port++ {
			out = append(out, uint16(port))
		}
	}
	return out
}
