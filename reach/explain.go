package reach

import (
	"fmt"
	"slices"
)

// step returns the result at one hop, together with the rules, entries and errors that caused it.
func (j *Judge) step(g *leg, c cover) Step {
	s := Step{Hop: g.hop, Endpoint: g.self.Name, ENI: g.self.ID, Asked: g.asked}
	s.Open, s.Unknown, s.Missing = c.share(g.asked.set())
	switch {
	case len(s.Missing) > 0:
		s.Status = refusal(g, c, s.Missing)
	case len(s.Unknown) > 0:
		s.Status = Unknown
	}
	switch {
	case g.isGroup():
		j.gatherRules(&s, g)
	case g.hop == RouteHop:
		s.Route = j.fault(g.self, g.peer).Text
		if s.Status == Unknown {
			s.Unread = append(s.Unread, Unread{Reason: s.Route})
		}
	default:
		j.gatherEntries(&s, g)
	}
	s.Unread = distinct(s.Unread)
	return s
}

func (j *Judge) gatherRules(s *Step, g *leg) {
	if why := groupsUnread(g.self); !why.isZero() {
		s.Unread = append(s.Unread, why)
		return
	}
	for _, id := range distinct(g.self.Groups) {
		group, why := j.group(id)
		if !why.isZero() {
			s.Unread = append(s.Unread, why)
		}
		if group == nil {
			continue
		}
		for _, r := range group.bearing(g.dir, g.need()) {
			s.gather(Hit{id, *r}, j, g)
		}
	}
}

func (s *Step) gather(h Hit, j *Judge, g *leg) {
	a, why := j.admits(&h.Rule, g.self, g.peer, g.addr)
	touches := func(p Ports) bool { return len(p.Intersect(h.Rule.Ports.set())) > 0 }
	switch {
	case a == yes:
		s.Rules = append(s.Rules, h)
	case a == stale && touches(s.Missing):
		s.Stale = append(s.Stale, h)
	case a == unknown && touches(s.Unknown):
		s.Unread = append(s.Unread, why)
	}
}

func (j *Judge) gatherEntries(s *Step, g *leg) {
	j.aclCover(g, func(d Denial) { s.Denials = append(s.Denials, d) })
	if len(s.Unknown) == 0 {
		return
	}
	acl, why := j.acl(g.self)
	if !why.isZero() {
		s.Unread = append(s.Unread, why)
		return
	}
	if why := g.subnetUnknown(); !why.isZero() {
		s.Unread = append(s.Unread, why)
	}
	for _, e := range acl.Entries {
		if e.answer() == unknown && len(s.Unknown.Intersect(e.touches(g))) > 0 {
			s.Unread = append(s.Unread, Unread{Reason: fmt.Sprintf("entry %d of %s: %s", e.Number, acl.ID, e.Err)})
		}
	}
}

// explain adds the information from one step to the verdict.
func (j *Judge) explain(v *Verdict, g *leg, s *Step, all []Need) {
	v.Unread = append(v.Unread, s.Unread...)
	if g.hop == DestinationIngress {
		v.Excess = excess(s.Rules, all)
		v.warnWorld(s.Rules)
	}
	if g.isGroup() && len(s.Missing) > 0 {
		v.Hints = append(v.Hints, j.hints(g, s)...)
		v.Fixes = append(v.Fixes, j.fix(g, s.Missing))
	}
}

// excess returns the ports that the rules open but no need requires. A rule for all protocols counts for the protocol
// of every need.
func excess(rules []Hit, all []Need) Ports {
	var opened, asked Ports
	for _, h := range rules {
		opened = opened.Union(h.Rule.Ports.set())
	}
	for _, n := range all {
		if anyMatches(rules, n.Protocol) {
			asked = asked.Union(n.Ports.set())
		}
	}
	return opened.Subtract(asked)
}

func anyMatches(rules []Hit, p Protocol) bool {
	return slices.ContainsFunc(rules, func(h Hit) bool { return h.Rule.Protocol.matches(p) })
}

func (v *Verdict) warnWorld(rules []Hit) {
	for _, h := range rules {
		if h.Rule.Peer.everyone() {
			v.Warnings = append(v.Warnings, fmt.Sprintf("%s opens %s %s to the world (%s)",
				h.Name(), h.Rule.Protocol, h.Rule.Ports, h.Rule.Peer))
		}
	}
}

func (v *Verdict) noAddress(src, dst *Endpoint) {
	for _, e := range []*Endpoint{src, dst} {
		if len(e.Addrs) == 0 {
			why := e.Unread
			if why.isZero() {
				why = Unread{"ec2:DescribeNetworkInterfaces", "no address of " + e.Name + " is known"}
			}
			v.Unread = append(v.Unread, why)
		}
	}
	if len(v.Unread) == 0 {
		v.Hints = []Hint{{NoCommonFamily, fmt.Sprintf("%s has only %s, %s only %s",
			src.Name, family(src.Addrs[0]), dst.Name, family(dst.Addrs[0]))}}
	}
}

// distinct returns the elements of all in order, without duplicates.
func distinct[T comparable](all []T) []T {
	var out []T
	for _, x := range all {
		if !slices.Contains(out, x) {
			out = append(out, x)
		}
	}
	return out
}
