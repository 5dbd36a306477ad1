package reach

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// HintKind is the kind of mistake that a hint describes.
type HintKind uint8

// The kinds, starting with the most specific. A verdict lists its hints in this order.
const (
	StaleReference HintKind = iota // the rule references the peer's group through a VPC peering that no longer exists
	SelfReference                  // the rule allows only members of its own group
	OtherGroup                     // the rule references a group that the peer does not have
	OtherRegion                    // a rule cannot reference a group in another region
	Middlebox                      // a group reference does not work through an appliance
	WrongENI                       // the groups of another interface of the host would allow the traffic
	OtherProtocol                  // the ports and the peer match, but the protocol does not
	OtherFamily                    // the rule is for the other IP version
	OtherAddress                   // the peer's address is not in the rule's CIDR or prefix list
	NoRules                        // there is no rule in this direction
	NoCommonFamily                 // the endpoints have no IP version in common
	OtherPair                      // other interfaces of the same two hosts reach each other
	PortZero                       // for tcp and udp, 0-0 means port 0, not all ports
)

// Hint describes a probable mistake in the rules.
type Hint struct {
	Kind HintKind
	Text string // a clause that follows a semicolon
}

// hints returns the probable mistakes at a security group hop, at most one of each kind.
func (j *Judge) hints(g *leg, s *Step) []Hint {
	var out []Hint
	add := func(kind HintKind, format string, args ...any) {
		if !slices.ContainsFunc(out, func(h Hint) bool { return h.Kind == kind }) {
			out = append(out, Hint{kind, fmt.Sprintf(format, args...)})
		}
	}
	for _, h := range s.Stale {
		add(StaleReference, "%s admits %s only through %s", h.Name(), h.Rule.Peer, peeringProblem(h.Rule.Peer.Group))
	}
	rules := 0
	j.eachRule(g, func(h Hit) {
		rules++
		if h.Rule.Ports == (Range{}) || h.Rule.Ports.overlaps(g.asked) && len(h.Rule.Ports.set().Intersect(s.Missing)) > 0 {
			j.nearMiss(h, g, add)
		}
	})
	if rules == 0 {
		add(NoRules, "%s has no %s rule at all", strings.Join(g.self.Groups, ", "), g.dir)
	}
	j.otherENI(g, s, add)
	slices.SortStableFunc(out, func(a, b Hint) int { return int(a.Kind) - int(b.Kind) })
	return out
}

func peeringProblem(ref GroupRef) string {
	if ref.deleted() {
		return fmt.Sprintf("peering %s, and that group was deleted", orUnknown(ref.Peering))
	}
	return fmt.Sprintf("peering %s, which is %s", orUnknown(ref.Peering), ref.Status)
}

func orUnknown(s string) string {
	if s == "" {
		return "(id not given)"
	}
	return s
}

func (j *Judge) eachRule(g *leg, visit func(Hit)) {
	for _, id := range distinct(g.self.Groups) {
		group, _ := j.group(id)
		if group == nil {
			continue
		}
		for i := range group.Rules {
			if group.Rules[i].Direction == g.dir {
				visit(Hit{id, group.Rules[i]})
			}
		}
	}
}

func (j *Judge) nearMiss(h Hit, g *leg, add func(HintKind, string, ...any)) {
	a, _ := j.admits(&h.Rule, g.self, g.peer, g.addr)
	switch protocol := h.Rule.Protocol; {
	case protocol.HasPorts() && protocol.matches(g.protocol) && a == yes && h.Rule.Ports == (Range{}):
		add(PortZero, "%s opens port 0 only; all ports are 0-65535", h.Name())
	case protocol.matches(g.protocol) && a == no:
		j.wrongPeer(h, g, add)
	case protocol.HasPorts() && !protocol.matches(g.protocol) && a == yes:
		add(OtherProtocol, "%s opens %s, not %s", h.Name(), protocol, g.protocol)
	}
}

func (j *Judge) wrongPeer(h Hit, g *leg, add func(HintKind, string, ...any)) {
	peer := h.Rule.Peer
	switch {
	case peer.Group.ID != "":
		j.wrongGroup(h, g, add)
	case peer.CIDR.IsValid() && peer.CIDR.Addr().Is4() != g.addr.Is4():
		add(OtherFamily, "%s admits %s only (%s), and %s is reached over %s",
			h.Name(), family(peer.CIDR.Addr()), peer, g.peer.Name, family(g.addr))
	default:
		add(OtherAddress, "%s admits %s, which does not contain %s", h.Name(), peer, g.addr)
	}
}

func (j *Judge) wrongGroup(h Hit, g *leg, add func(HintKind, string, ...any)) {
	ref, carried := h.Rule.Peer.Group.ID, strings.Join(g.peer.Groups, ", ")
	switch {
	case slices.Contains(g.peer.Groups, ref) && farApart(g.self, g.peer):
		add(OtherRegion, "%s admits %s, but a group reference does not work from %s to %s",
			h.Name(), ref, g.peer.Region, g.self.Region)
	case slices.Contains(g.peer.Groups, ref):
		add(Middlebox, "%s admits %s, but a group reference does not work through %s on the path",
			h.Name(), ref, j.detour(g.self, g.peer))
	case ref == h.Group:
		add(SelfReference, "%s admits only members of %s itself, and %s carries %s", h.Name(), ref, g.peer.Name, carried)
	default:
		add(OtherGroup, "%s admits %s, and %s carries %s", h.Name(), ref, g.peer.Name, carried)
	}
}

// otherENI checks whether the groups of another interface of the same host would allow the traffic.
func (j *Judge) otherENI(g *leg, s *Step, add func(HintKind, string, ...any)) {
	for _, eni := range g.self.Others {
		if eni.Trunk || len(eni.Groups) == 0 {
			continue
		}
		other, moved := *g, *g.self
		moved.ENI = eni
		other.self = &moved
		if open, _, _ := j.cover(&other).share(s.Missing); open.Covers(s.Missing) {
			add(WrongENI, "%s on %s of %s allows it, but the address in use is on %s",
				strings.Join(eni.Groups, ", "), eni.ID, g.self.Name, g.self.ID)
		}
	}
}

// otherPair looks for other interfaces of the same two hosts that can reach each other. In that case the server
// probably listens on those, and a rule would open the wrong interface.
func (j *Judge) otherPair(src, dst *Endpoint, n *Need) (Hint, bool) {
	if len(src.Others)+len(dst.Others) == 0 {
		return Hint{}, false
	}
	for _, from := range src.moved() {
		for _, to := range dst.moved() {
			if from.ID == src.ID && to.ID == dst.ID {
				continue
			}
			if l, ok := connect(&from, &to); ok && j.outcome(&l, n).Status == Open {
				return Hint{OtherPair, fmt.Sprintf("it is open between %s and %s of the same hosts: evaluate those with --address %s,%s",
					from.ID, to.ID, l.from, l.to)}, true
			}
		}
	}
	return Hint{}, false
}

// moved returns the endpoint with its own interface and with each other interface that a server on the host can use.
func (e *Endpoint) moved() []Endpoint {
	out := []Endpoint{*e}
	for _, eni := range e.Others {
		if !eni.Trunk && !eni.Task && len(eni.Addrs) > 0 {
			other := *e
			other.ENI = eni
			out = append(out, other)
		}
	}
	return out
}

func family(a netip.Addr) string {
	if a.Unmap().Is4() {
		return "IPv4"
	}
	return "IPv6"
}
