package reach

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
)

// peer parses "10.0.0.0/16", "sg-a" and "pl-1".
func peer(s string) Peer {
	switch {
	case strings.Contains(s, "/"):
		return cidr(s)
	case strings.HasPrefix(s, "pl-"):
		return Peer{PrefixList: s}
	}
	return Peer{Group: GroupRef{ID: s, Owner: "111111111111"}}
}

func rule(d Direction, protocol string, first, last uint16, from string) Rule {
	p, err := ParseProtocol(protocol)
	if err != nil {
		panic(err)
	}
	r := Rule{Direction: d, Protocol: p, Ports: Range{first, last}, Peer: peer(from)}
	if !p.HasPorts() {
		r.Ports = AnyPort()
	}
	return r
}

// in numbers the rules sgr-1, sgr-2, ... in the given order.
func in(rules ...Rule) []Rule {
	for i := range rules {
		rules[i].IDs = []string{fmt.Sprintf("sgr-%d", i+1)}
	}
	return rules
}

func allow(protocol string, first, last uint16, from string) Rule {
	return rule(Ingress, protocol, first, last, from)
}

func allEgress() []Rule {
	return []Rule{rule(Egress, "-1", 0, 0, "0.0.0.0/0"), rule(Egress, "-1", 0, 0, "::/0")}
}

func openGroup(id string, rules ...Rule) Group {
	return Group{ID: id, Name: id, Rules: append(allEgress(), rules...)}
}

func endpoint(name, addr string, groups ...string) Endpoint {
	e := Endpoint{Name: name, Region: "eu-west-1", Account: "111111111111"}
	e.ENI = ENI{ID: "eni-" + strings.ToLower(name), Groups: groups, VPC: "vpc-1", Subnet: "subnet-1"}
	e.Addrs = []netip.Addr{netip.MustParseAddr(addr)}
	return e
}

func openACL(subnets ...string) ACL {
	return ACL{ID: "acl-open", Subnets: subnets, Entries: []ACLEntry{allowAll(100, Ingress), allowAll(100, Egress)}}
}

// theCase returns the setting of the reference's table: P1 and P2 connect to Q, whose only group is sg-q.
func theCase(ingress ...Rule) (World, Endpoint, Endpoint, Endpoint) {
	p1, p2 := endpoint("P1", "10.0.1.5", "sg-a"), endpoint("P2", "10.0.2.5", "sg-b")
	q := endpoint("Q", "10.0.3.5", "sg-q")
	p1.Subnet, p2.Subnet, q.Subnet = "subnet-1", "subnet-2", "subnet-3"
	return World{
		Groups: []Group{openGroup("sg-a"), openGroup("sg-b"), openGroup("sg-q", ingress...)},
		ACLs:   []ACL{openACL("subnet-1", "subnet-2", "subnet-3")},
	}, p1, p2, q
}

func caseNeed() Need {
	return Need{Protocol: TCP, Ports: Range{47100, 47109}, Profile: "ignite2", Role: "communication"}
}

func need(protocol Protocol, first, last uint16) Need {
	return Need{Protocol: protocol, Ports: Range{first, last}}
}

// want compares the outcome in the form "MISSING 47106-47109 at source egress".
func want(t *testing.T, v Verdict, text string) {
	t.Helper()
	got := v.Status.String()
	if len(v.Missing) > 0 {
		got += " " + v.Missing.String()
	}
	if len(v.Missing) == 0 && len(v.Unknown) > 0 {
		got += " " + v.Unknown.String()
	}
	if v.Hop != Nowhere && v.Hop != DestinationIngress {
		got += " at " + v.Hop.String()
	}
	if got != text {
		t.Errorf("%s -> %s: got %q, want %q\n%s", v.Source, v.Destination, got, text, v.Sentence())
	}
}

func hinted(v Verdict, kind HintKind) bool {
	for _, h := range v.Hints {
		if h.Kind == kind {
			return true
		}
	}
	return false
}

func contains(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q lacks %q", text, part)
		}
	}
}
