package reach

import (
	"fmt"
	"net/netip"
)

// Status is the verdict on one need between two endpoints.
type Status uint8

// The statuses, from good to bad. Only Open is a yes, only Unknown is not a no.
const (
	Open    Status = iota
	Unknown        // something that decides could not be read
	Stale          // only a rule through a dead peering or deleted group would allow it
	Missing        // no rule allows it
	Blocked        // an ACL denies it
)

func (s Status) String() string {
	return [...]string{"OPEN", "UNKNOWN", "STALE", "MISSING", "BLOCKED"}[s]
}

// Hop is a place on the way that can say no.
type Hop uint8

// The hops, in the order in which a connection meets them. Nowhere belongs to
// verdicts that no hop decided: OPEN, and endpoints without a common address.
const (
	Nowhere Hop = iota
	SourceEgress
	SourceACL
	DestinationACL
	DestinationIngress
	ReturnPath
	RouteHop // both ways; only asked where the route tables say that it does not work
)

func (h Hop) String() string {
	return [...]string{"no hop", "source egress", "source ACL", "destination ACL", "destination ingress", "return path", "route"}[h]
}

// Outcome is the verdict without its reasons: what the matrix holds.
type Outcome struct {
	Status  Status
	Hop     Hop   // the first that says no, or for UNKNOWN the first not known
	Missing Ports // of the need, closed at any hop
	Unknown Ports // of the need, neither closed nor known to be open
}

// Open are the ports of the need that pass every hop.
func (o Outcome) Open(n Need) Ports {
	return n.Ports.set().Subtract(o.Missing).Subtract(o.Unknown)
}

// decide sums up the hops. A definite no at any hop outweighs what is not known
// at another. A hole in the return path closes the whole need: which connections
// meet it is up to the source's choice of port.
func decide(n *Need, legs []leg, covers []cover) Outcome {
	var out, doubt Outcome
	for i, g := range legs {
		_, notKnown, missing := covers[i].share(g.asked.set())
		if g.hop == ReturnPath {
			notKnown, missing = whole(notKnown, n), whole(missing, n)
		}
		if len(missing) > 0 && out.Hop == Nowhere {
			out.Hop, out.Status = g.hop, refusal(&g, covers[i], missing)
		}
		if len(notKnown) > 0 && doubt.Hop == Nowhere {
			doubt.Hop, doubt.Status = g.hop, Unknown
		}
		out.Missing = out.Missing.Union(missing)
		out.Unknown = out.Unknown.Union(notKnown)
	}
	out.Unknown = out.Unknown.Subtract(out.Missing)
	if out.Hop == Nowhere {
		out.Hop, out.Status = doubt.Hop, doubt.Status
	}
	return out
}

func whole(part Ports, n *Need) Ports {
	if len(part) == 0 {
		return nil
	}
	return n.Ports.set()
}

func refusal(g *leg, c cover, missing Ports) Status {
	switch {
	case !g.isGroup():
		return Blocked
	case c.stale.Covers(missing):
		return Stale
	}
	return Missing
}

// unconnected is the outcome for endpoints that share no address family: a no if
// both have addresses, else not known.
func unconnected(src, dst *Endpoint, n *Need) Outcome {
	if len(src.Addrs) > 0 && len(dst.Addrs) > 0 {
		return Outcome{Status: Missing, Missing: n.Ports.set()}
	}
	return Outcome{Status: Unknown, Unknown: n.Ports.set()}
}

// Hit is a rule that had a say, with the group that holds it.
type Hit struct {
	Group string
	Rule  Rule
}

// Name is "sgr-1 of sg-a".
func (h Hit) Name() string { return h.Rule.Name() + " of " + h.Group }

// Step is the verdict at one hop.
type Step struct {
	Hop      Hop
	Endpoint string // whose groups or ACL
	ENI      string
	Asked    Range // the need's ports, or on the return path the source's
	Status   Status
	Open     Ports // Open, Unknown and Missing part Asked
	Unknown  Ports
	Missing  Ports
	Rules    []Hit    // that open the ports in Open
	Stale    []Hit    // that would open more
	Denials  []Denial // by ACL entries
	Route    string   // what the route table says, at RouteHop
	Unread   []Unread // why Unknown
}

// Verdict is the answer for one need from one endpoint to another, with all that
// made it so.
type Verdict struct {
	Source, Destination string // names of the endpoints
	From, To            netip.Addr
	Need                Need
	Outcome
	Steps    []Step
	Hints    []Hint
	Fixes    []Fix    // the least rules that would open what is missing at the groups
	Warnings []string // of ingress rules that are open to the world
	// Excess are ports that the ingress rules in Steps open and no need asks for.
	Excess Ports
	Unread []Unread // every cause of UNKNOWN, once
}

// Evaluate judges one need, which Validate must accept, from src to dst.
func (j *Judge) Evaluate(src, dst Endpoint, n Need) Verdict {
	return j.evaluate(&src, &dst, &n, []Need{n})
}

// evaluate takes all needs of the question, so that what one need makes of a rule
// is not excess of another.
func (j *Judge) evaluate(src, dst *Endpoint, n *Need, all []Need) Verdict {
	l, ok := connect(src, dst)
	v := Verdict{Source: src.Name, Destination: dst.Name, From: l.from, To: l.to, Need: *n}
	if !ok {
		v.Outcome = unconnected(src, dst, n)
		v.noAddress(src, dst)
		return v
	}
	legs := j.legs(&l, n, nil)
	covers := make([]cover, len(legs))
	for i := range legs {
		covers[i] = j.cover(&legs[i])
		v.Steps = append(v.Steps, j.step(&legs[i], covers[i]))
	}
	v.Outcome = decide(n, legs, covers)
	for i := range legs {
		j.explain(&v, &legs[i], &v.Steps[i], all)
	}
	v.Unread = distinct(v.Unread)
	if len(v.Fixes) > 0 {
		if h, ok := j.otherPair(src, dst, n); ok {
			v.Hints, v.Fixes = append(v.Hints, h), nil
		}
	}
	j.warnFamily(&v, src, dst, n)
	return v
}

// outcome is the verdict over one link without its reasons.
func (j *Judge) outcome(l *link, n *Need) Outcome {
	legs := j.legs(l, n, nil)
	covers := make([]cover, len(legs))
	for i := range legs {
		covers[i] = j.cover(&legs[i])
	}
	return decide(n, legs, covers)
}

// warnFamily names the other IP version, where both ends have it and it fares
// otherwise: which of the two a server uses is its own choice.
func (j *Judge) warnFamily(v *Verdict, src, dst *Endpoint, n *Need) {
	v4 := !v.To.Is4()
	l := link{src, dst, firstOf(src, v4), firstOf(dst, v4)}
	if !l.from.IsValid() || !l.to.IsValid() {
		return
	}
	if o := j.outcome(&l, n); o.Status != v.Status {
		v.Warnings = append(v.Warnings, fmt.Sprintf("over %s, from %s to %s, it is %s", family(l.to), l.from, l.to, o.Status))
	}
}
