package probe

import (
	"net/netip"

	"muster/reach"
)

// maxKnown limits the known listeners dialed for one requirement.
const maxKnown = 3

// Targets chooses the targets of one requirement at one peer: the lowest three ports with known listeners (such as those
// of this host, which peers usually share), or else the first port of the range; and one canary.
//
// The canary is the highest other port. Rules that are too narrow usually end too early. Without a listener, a refused
// connection at the canary proves that the whole range is open.
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
