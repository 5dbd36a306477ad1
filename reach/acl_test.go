package reach

import (
	"net/netip"
	"testing"
)

func entry(number int, allow bool, protocol Protocol, ports Range, from string) ACLEntry {
	return ACLEntry{Number: number, Allow: allow, Protocol: protocol, Ports: ports, CIDR: netip.MustParsePrefix(from).Masked()}
}

// The ports of tcp 47100-47109 that the ingress entries of one ACL allow from 10.0.1.5.
func TestACLEntries(t *testing.T) {
	all := AnyPort()
	for _, c := range []struct {
		name    string
		entries []ACLEntry
		open    string
		denied  map[int]string
	}{
		{"the lowest number wins, not the first listed",
			[]ACLEntry{entry(200, false, TCP, all, "0.0.0.0/0"), entry(100, true, TCP, all, "0.0.0.0/0")}, "47100-47109", nil},
		{"a deny below an allow",
			[]ACLEntry{entry(200, true, TCP, all, "0.0.0.0/0"), entry(100, false, TCP, all, "0.0.0.0/0")},
			"none", map[int]string{100: "47100-47109"}},
		{"each port falls to the first entry that names it",
			[]ACLEntry{entry(1, true, TCP, Range{47100, 47101}, "0.0.0.0/0"), entry(2, false, TCP, Range{47100, 47103}, "0.0.0.0/0"),
				entry(3, true, TCP, Range{47103, 47107}, "0.0.0.0/0")},
			"47100-47101,47104-47107", map[int]string{2: "47102-47103", ImplicitEntry: "47108-47109"}},
		{"no entries: the implicit one denies", nil, "none", map[int]string{ImplicitEntry: "47100-47109"}},
		{"the implicit entry, when it is listed", []ACLEntry{entry(ImplicitEntry, false, AllProtocols, all, "0.0.0.0/0")},
			"none", map[int]string{ImplicitEntry: "47100-47109"}},
		{"all protocols, ports and all", []ACLEntry{entry(1, true, AllProtocols, all, "0.0.0.0/0")}, "47100-47109", nil},
		{"another protocol decides nothing", []ACLEntry{entry(1, false, UDP, all, "0.0.0.0/0"), entry(2, false, ICMP, all, "0.0.0.0/0"),
			entry(3, false, Protocol(50), all, "0.0.0.0/0"), entry(4, true, TCP, all, "0.0.0.0/0")}, "47100-47109", nil},
		{"another address decides nothing", []ACLEntry{entry(1, false, TCP, all, "10.0.2.0/24"), entry(2, true, TCP, all, "10.0.1.0/24")},
			"47100-47109", nil},
		{"the other IP version decides nothing", []ACLEntry{entry(1, false, TCP, all, "::/0"), entry(2, true, TCP, all, "0.0.0.0/0")},
			"47100-47109", nil},
		{"the other direction decides nothing", []ACLEntry{{Number: 1, Direction: Egress, Protocol: TCP, Ports: all,
			CIDR: netip.MustParsePrefix("0.0.0.0/0")}, entry(2, true, TCP, all, "0.0.0.0/0")}, "47100-47109", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := endpoint("Q", "10.0.3.5", "sg-q")
			j := NewJudge(World{ACLs: []ACL{{ID: "acl-1", Subnets: []string{e.Subnet}, Entries: c.entries}}})
			g := leg{DestinationACL, &e, &e, netip.MustParseAddr("10.0.1.5"), Ingress, TCP, Range{47100, 47109}}
			denied := map[int]string{}
			cover := j.aclCover(&g, func(d Denial) { denied[d.Entry] = d.Ports.String() })
			if got := cover.open.String(); got != c.open {
				t.Errorf("open %s, want %s", got, c.open)
			}
			for number, ports := range c.denied {
				if denied[number] != ports {
					t.Errorf("entry %d denies %q, want %q", number, denied[number], ports)
				}
			}
			if len(denied) != len(c.denied) {
				t.Errorf("denials %v", denied)
			}
		})
	}
}

func TestBothACLsApplyInBothDirections(t *testing.T) {
	closed := func(subnet string, d Direction) ACL {
		other := Ingress
		if d == Ingress {
			other = Egress
		}
		return ACL{ID: "acl-closed", Subnets: []string{subnet}, Entries: []ACLEntry{allowAll(1, other)}}
	}
	for _, c := range []struct {
		name    string
		acl     ACL
		hop     Hop
		at, tag string
	}{
		{"source lets nothing out", closed("subnet-1", Egress), SourceACL, "P1", "47100-47109"},
		{"destination lets nothing in", closed("subnet-3", Ingress), DestinationACL, "Q", "47100-47109"},
		{"destination lets no answer out", closed("subnet-3", Egress), ReturnPath, "Q", "answers to ports 32768-60999"},
		{"source lets no answer in", closed("subnet-1", Ingress), ReturnPath, "P1", "answers to ports 32768-60999"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, p1, _, q := theCase(allow("tcp", 47100, 47109, "10.0.0.0/16"))
			w.ACLs = append([]ACL{openACL("subnet-1", "subnet-3")}, c.acl)
			v := NewJudge(w).Evaluate(p1, q, caseNeed())
			if v.Status != Blocked || v.Hop != c.hop {
				t.Errorf("%s at %s", v.Status, v.Hop)
			}
			contains(t, v.Sentence(), "at "+c.hop.String()+" of "+c.at, "entry * (what no entry allows) of acl-closed denies", c.tag)
		})
	}
}

// A gap at one end of the ephemeral range breaks only some connections, which is harder to diagnose than breaking all.
func TestGapInTheReturnPathClosesTheNeed(t *testing.T) {
	w, p1, _, q := theCase(allow("tcp", 47100, 47109, "10.0.0.0/16"))
	w.ACLs[0].Entries = []ACLEntry{allowAll(1, Ingress), allowAll(1, Egress)}
	w.ACLs[0].Entries[1].Protocol, w.ACLs[0].Entries[1].Ports = TCP, Range{1024, 60000}
	v := NewJudge(w).Evaluate(p1, q, caseNeed())
	want(t, v, "BLOCKED 47100-47109 at return path")
	contains(t, v.Sentence(), "answers to ports 60001-60999")
	p1.Ephemeral = Range{40000, 50000}
	want(t, NewJudge(w).Evaluate(p1, q, caseNeed()), "OPEN")
}
