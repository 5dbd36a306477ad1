package reach

import (
	"fmt"
	"net/netip"
)

// Status is the result for one need between two endpoints.
type Status uint8

// The statuses, from best to worst. Open is the only positive result. Unknown makes no claim either way.
const (
	Open    Status = iota
	Unknown        // data that affects the result could not be read
	Stale          // only a rule that uses a dead peering or a deleted group would allow it
	Missing        // no rule allows it
	Blocked        // an ACL denies it
)

func (s Status) String() string {
	return [...]string{"OPEN", "UNKNOWN", "STALE", "MISSING", "BLOCKED"}[s]
}

// Hop is a place on the path that can block traffic.
type Hop uint8

// The hops, in the order in which a connection passes them. Nowhere is the hop of verdicts that no hop decided: OPEN,
// and endpoints without a common address family.
const (
	Nowhere Hop = iota
	SourceEgress
	SourceACL
	DestinationACL
	DestinationIngress
	ReturnPath
	RouteHop // both directions; included only if the route tables show a problem
)

func (h Hop) String() string {
	return [...]string{"no hop", "source egress", "source ACL", "destination ACL", "destination ingress", "return path", "route"}[h]
}

// Outcome is the result of a verdict without the explanation. The matrix stores outcomes.
type Outcome struct {
	Status  Status
	Hop     Hop   // the first hop that blocks the traffic or, for UNKNOWN, the first unknown hop
	Missing Ports // ports of the need that some hop closes
	Unknown Ports // ports of the need that are neither closed nor known to be open
}

// Open returns the ports of the need that all hops allow.
func (o Outcome) Open(n Need) Ports {
	return n.Ports.set().Subtract(o.Missing).Subtract(o.Unknown)
}

// decide combines the results of the hops. A definite denial at one hop outweighs an unknown result at another. A
// missing port on the return path closes the whole need, because the source chooses its port at random and may choose
// that one.
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

// unconnected returns the outcome for endpoints without a common address family: Missing if both have addresses,
// otherwise Unknown.
func unconnected(src, dst *Endpoint, n *Need) Outcome {
	if len(src.Addrs) > 0 && len(dst.Addrs) > 0 {
		return Outcome{Status: Missing, Missing: n.Ports.set()}
	}
	return Outcome{Status: Unknown, Unknown: n.Ports.set()}
}

// Hit is a rule that matched, together with its group.
type Hit struct {
	Group string
	Rule  Rule
}

// Name returns text such as "sgr-1 of sg-a".
func (h Hit) Name() string { return h.Rule.Name() + " of " + h.Group }

// Step is the result at one hop.
type Step struct {
	Hop      Hop
	Endpoint string // the endpoint whose groups or ACL apply
	ENI      string
	Asked    Range // the ports of the need or, on the return path, the ports of the reply
	Status   Status
	Open     Ports // Open, Unknown and Missing together are Asked
	Unknown  Ports
	Missing  Ports
	Rules    []Hit    // rules that open the ports in Open
	Stale    []Hit    // rules that would open more ports if they were not stale
	Denials  []Denial // ACL entries that deny ports
	Route    string   // the problem with the route; only at RouteHop
	Unread   []Unread // why ports are unknown
}

// Verdict is the full result for one need from one endpoint to another, with the explanation.
type Verdict struct {
	Source, Destination string // names of the endpoints
	From, To            netip.Addr
	Need                Need
	Outcome
	Steps    []Step
	Hints    []Hint
	Fixes    []Fix    // the smallest rules that would open the missing ports in the groups
	Warnings []string // ingress rules that are open to the world
	// Excess contains the ports that the ingress rules in Steps open although no need requires them.
	Excess Ports
	Unread []Unread // all reasons for UNKNOWN, without duplicates
}

// Evaluate evaluates one need from src to dst. Validate must accept the need.
func (j *Judge) Evaluate(src, dst Endpoint, n Need) Verdict {
	return j.evaluate(&src, &dst, &n, []Need{n})
}

// evaluate takes all needs of the request, so that a port that another need requires does not count as excess.
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

// outcome returns the outcome for one link, without the explanation.
func (j *Judge) outcome(l *link, n *Need) Outcome {
	legs := j.legs(l, n, nil)
	covers := make([]cover, len(legs))
	for i := range legs {
		covers[i] = j.cover(&legs[i])
	}
	return decide(n, legs, covers)
}

// warnFamily adds a warning if both endpoints also have addresses of the other IP version and its status differs. A
// server may use either version.
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
