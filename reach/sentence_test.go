package reach

import (
	"net/netip"
	"testing"
)

func TestSentences(t *testing.T) {
	said := func(w World, src, dst Endpoint) string { return NewJudge(w).Evaluate(src, dst, caseNeed()).Sentence() }
	for _, c := range []struct {
		name     string
		sentence func() string
		expected string
	}{
		{"open", func() string {
			w, p1, _, q := theCase(in(allow("tcp", 47100, 47109, "10.0.0.0/16"))...)
			return said(w, p1, q)
		}, "P1 (10.0.1.5) can reach Q (10.0.3.5) on tcp 47100-47109 (ignite2 communication): " +
			"at destination ingress of Q, allowed by sgr-1 of sg-q"},
		{"a part missing", func() string {
			w, p1, _, q := theCase(in(allow("tcp", 47100, 47105, "10.0.0.0/16"))...)
			return said(w, p1, q)
		}, "P1 (10.0.1.5) cannot reach Q (10.0.3.5) on tcp 47106-47109 of 47100-47109 (ignite2 communication): " +
			"at destination ingress of Q, no rule on eni-q allows 47106-47109 (sgr-1 of sg-q: 47100-47105)"},
		{"a hint", func() string {
			w, _, p2, q := theCase(in(allow("tcp", 47100, 47109, "sg-a"))...)
			return said(w, p2, q)
		}, "P2 (10.0.2.5) cannot reach Q (10.0.3.5) on tcp 47100-47109 (ignite2 communication): " +
			"at destination ingress of Q, no rule on eni-q allows 47100-47109; sgr-1 of sg-q admits sg-a, and P2 carries sg-b"},
		{"stale", func() string {
			w, p1, _, q := theCase(in(Rule{Protocol: TCP, Ports: Range{47100, 47109},
				Peer: Peer{Group: GroupRef{ID: "sg-a", Owner: "2", Peering: "pcx-1", Status: "deleted"}}})...)
			return said(w, p1, q)
		}, "P1 (10.0.1.5) cannot reach Q (10.0.3.5) on tcp 47100-47109 (ignite2 communication): " +
			"at destination ingress of Q, gone stale: sgr-1 of sg-q; sgr-1 of sg-q admits sg-a only through peering pcx-1, which is deleted"},
		{"an address for a name", func() string {
			w, p1, _, q := theCase(in(allow("tcp", 47100, 47109, "10.0.0.0/16"))...)
			p1.Name = "10.0.1.5"
			return said(w, p1, q)
		}, "10.0.1.5 can reach Q (10.0.3.5) on tcp 47100-47109 (ignite2 communication): " +
			"at destination ingress of Q, allowed by sgr-1 of sg-q"},
		{"no rule ids", func() string {
			w, p1, _, q := theCase(allow("tcp", 47100, 47200, "10.0.0.0/16"))
			return said(w, p1, q)
		}, "P1 (10.0.1.5) can reach Q (10.0.3.5) on tcp 47100-47109 (ignite2 communication): " +
			"at destination ingress of Q, allowed by rule 'tcp 47100-47200 from 10.0.0.0/16' of sg-q; wider than needed by 47110-47200"},
		{"an ENI without an address", func() string {
			w, p1, _, q := theCase()
			q.Addrs = nil
			return said(w, p1, q)
		}, "P1 may or may not reach Q on tcp 47100-47109 (ignite2 communication): " +
			"no pair of addresses to evaluate; ec2:DescribeNetworkInterfaces (no address of Q is known)"},
		{"no common family", func() string {
			w, p1, _, q := theCase()
			q.Addrs = []netip.Addr{netip.MustParseAddr("fd00::1")}
			return said(w, p1, q)
		}, "P1 cannot reach Q on tcp 47100-47109 (ignite2 communication): " +
			"no pair of addresses to evaluate; P1 has only IPv4, Q only IPv6"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.sentence(); got != c.expected {
				t.Errorf("got  %s\nwant %s", got, c.expected)
			}
		})
	}
}

func TestSentenceListsFewRules(t *testing.T) {
	var rules []Rule
	for i := range uint16(20) {
		rules = append(rules, allow("tcp", 47100, 47105+i, "10.0.0.0/16"))
	}
	w, p1, _, q := theCase(in(rules...)...)
	v := NewJudge(w).Evaluate(p1, q, caseNeed())
	contains(t, v.Sentence(), "allowed by sgr-1 of sg-q and sgr-2 of sg-q and sgr-3 of sg-q and 17 more")
}

func TestStaticVerdictAndProbeTogether(t *testing.T) {
	w, p1, _, q := theCase(in(allow("tcp", 47100, 47105, "10.0.0.0/16"), allow("tcp", 47108, 47109, "pl-1"))...)
	v := NewJudge(w).Evaluate(p1, q, caseNeed())
	const open, missing, unread = 47100, 47106, 47108
	for _, c := range []struct {
		name  string
		probe Probe
		parts []string
	}{
		{"open and connected", Probe{open, Connected}, []string{"say OPEN", "open and something listens"}},
		{"open and refused", Probe{open, Refused}, []string{"nothing listens", "start the server", "address it binds"}},
		{"open and timed out", Probe{open, TimedOut}, []string{"routes", "firewall on the host", "conntrack_allowance_exceeded"}},
		{"open and no route", Probe{open, NoRoute}, []string{"route tables", "admin-prohibited"}},
		{"open and silent", Probe{open, Silent}, []string{"proves nothing"}},
		{"missing and connected", Probe{missing, Connected}, []string{"say MISSING", "tracked connection", "incomplete", "another interface"}},
		{"missing and refused", Probe{missing, Refused}, []string{"tracked connection", "another interface"}},
		{"missing and timed out", Probe{missing, TimedOut}, []string{"both agree", "no rule on eni-q allows 47106-47107"}},
		{"missing and no route", Probe{missing, NoRoute}, []string{"route tables", "; and P1", "no rule"}},
		{"unknown and connected", Probe{unread, Connected}, []string{"say UNKNOWN", "works now", "ec2:GetManagedPrefixListEntries"}},
		{"unknown and refused", Probe{unread, Refused}, []string{"path is open now", "ec2:GetManagedPrefixListEntries"}},
		{"unknown and timed out", Probe{unread, TimedOut}, []string{"filters it", "ec2:GetManagedPrefixListEntries"}},
		{"not probed", Probe{}, []string{v.Sentence()}},
	} {
		t.Run(c.name, func(t *testing.T) {
			contains(t, v.Join(c.probe), append(c.parts, "P1", "Q")...)
		})
	}
}
