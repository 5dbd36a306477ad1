package reach

import "fmt"

// Contact is the result of probing a port.
type Contact uint8

// The results of a probe.
const (
	NotProbed Contact = iota
	Connected         // the path is open and something listens
	Refused           // nothing listens, but the path is open
	TimedOut          // filtered, host down, return path blocked, or conntrack table full
	NoRoute           // EHOSTUNREACH or ENETUNREACH; a firewall that rejects the packet can cause these as well
	Silent            // UDP without a reply, which is inconclusive
)

func (c Contact) String() string {
	return [...]string{"not probed", "connected", "refused", "timed out", "no route", "silent"}[c]
}

// Probe is the result of probing one port of the verdict's destination.
type Probe struct {
	Port    uint16
	Contact Contact
}

// Join combines the verdict with a probe of one of its ports. It returns one sentence that says what both together mean
// and what to check next.
func (v Verdict) Join(p Probe) string {
	if p.Contact == NotProbed {
		return v.Sentence()
	}
	return fmt.Sprintf("%s %d from %s to %s: the rules say %s, the probe says %s: %s",
		v.Need.Protocol, p.Port, v.Source, v.Destination, v.at(p.Port), p.Contact, v.meaning(p))
}

// at returns the status of a single port. A port can be open although its need is MISSING.
func (v Verdict) at(port uint16) Status {
	switch {
	case v.Missing.Has(port):
		return v.Status
	case v.Unknown.Has(port):
		return Unknown
	}
	return Open
}

func (v Verdict) meaning(p Probe) string {
	switch p.Contact {
	case Silent:
		return "a missing UDP reply proves nothing, rely on the rules"
	case NoRoute:
		return v.withRules(
			p.Port,
			"the route tables of the two subnets have no route, the peer is gone, or a firewall rejects it as prohibited (iptables and nftables: "+
				"admin-prohibited)",
		)
	}
	switch v.at(p.Port) {
	case Open:
		return whenOpen(p.Contact)
	case Unknown:
		return whenUnknown(p.Contact, reasons(v.Unread))
	}
	if p.Contact == TimedOut {
		return "both agree, " + v.Sentence()
	}
	return "it works, although the rules allow no new connection: a tracked connection from before the rules changed, " +
		"data that was incomplete, or another interface than the evaluated one; it may fail at the next reconnect"
}

// withRules appends the verdict's sentence if the rules do not open the port.
func (v Verdict) withRules(port uint16, text string) string {
	if v.at(port) == Open {
		return text
	}
	return text + "; and " + v.Sentence()
}

func whenOpen(c Contact) string {
	switch c {
	case Connected:
		return "the path is open and something listens"
	case Refused:
		return "the path is open and nothing listens there: start the server, or check the address it binds"
	}
	return "the groups and ACLs that were read allow it, so check the routes, a firewall on the host, " +
		"or a full connection table (conntrack_allowance_exceeded of the ENA driver)"
}

func whenUnknown(c Contact, why string) string {
	switch c {
	case Connected:
		return "it works now, but it is unknown whether the rules allow a new connection: " + why
	case Refused:
		return "the path is open now and nothing listens, but the result of the rules is unknown: " + why
	}
	return "something filters it, and the result of the rules is unknown: " + why
}
