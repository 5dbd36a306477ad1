package reach

import (
	"slices"
	"testing"
)

// The cases that depend on addresses, repeated over IPv6.
func TestCasesOverIPv6(t *testing.T) {
	for _, c := range []struct {
		name    string
		ingress []Rule
		p1, p2  string
	}{
		{"case 1", in(allow("tcp", 47100, 47105, "fd00::/32")), "MISSING 47106-47109", "MISSING 47106-47109"},
		{"case 2", in(allow("tcp", 47100, 47103, "fd00::/32"), allow("tcp", 47104, 47109, "fd00::/32")), "OPEN", "OPEN"},
		{"case 4", in(allow("tcp", 47100, 47109, "fd00:0:0:1::/64")), "OPEN", "MISSING 47100-47109"},
		{"case 5", in(allow("tcp", 47100, 47109, "sg-a")), "OPEN", "MISSING 47100-47109"},
		{"case 7", in(allow("tcp", 47100, 47104, "sg-a"), allow("tcp", 47105, 47109, "fd00:0:0:1::5/128")), "OPEN", "MISSING 47100-47109"},
		{"case 8", in(allow("-1", 0, 0, "::/0")), "OPEN", "OPEN"},
		{"case 15, turned round", in(allow("tcp", 47100, 47109, "0.0.0.0/0")), "MISSING 47100-47109", "MISSING 47100-47109"},
		{"case 22", in(allow("tcp", 47100, 47109, "fd00:0:0:1::200/64")), "OPEN", "MISSING 47100-47109"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, p1, p2, q := theCase(c.ingress...)
			w.ACLs[0].Entries = everything(AnyPort(), AnyPort())
			p1.Addrs, p2.Addrs, q.Addrs = addrs("fd00:0:0:1::5"), addrs("fd00:0:0:2::5"), addrs("fd00:0:0:3::5")
			want(t, NewJudge(w).Evaluate(p1, q, caseNeed()), c.p1)
			want(t, NewJudge(w).Evaluate(p2, q, caseNeed()), c.p2)
		})
	}
}

func TestRuleForAllOfIPv6CausesAWarning(t *testing.T) {
	w, p1, _, q := theCase(in(allow("tcp", 47100, 47109, "::/0"))...)
	w.ACLs[0].Entries = everything(AnyPort(), AnyPort())
	p1.Addrs, q.Addrs = addrs("fd00::1"), addrs("fd00::2")
	v := NewJudge(w).Evaluate(p1, q, caseNeed())
	want(t, v, "OPEN")
	if !slices.Equal(v.Warnings, []string{"sgr-1 of sg-q opens tcp 47100-47109 to the world (::/0)"}) {
		t.Errorf("warnings %q", v.Warnings)
	}
}

func TestAnACLForIPv4DeniesIPv6(t *testing.T) {
	w, p1, _, q := theCase(allow("tcp", 47100, 47109, "::/0"))
	p1.Addrs, q.Addrs = addrs("fd00::1"), addrs("fd00::2")
	want(t, NewJudge(w).Evaluate(p1, q, caseNeed()), "BLOCKED 47100-47109 at source ACL")
}

func TestStrings(t *testing.T) {
	for got, expected := range map[string]string{
		Unread{"ec2:DescribeSubnets", "AccessDenied"}.String():           "ec2:DescribeSubnets (AccessDenied)",
		Unread{Action: "ec2:DescribeSubnets"}.String():                   "ec2:DescribeSubnets",
		Unread{Reason: "throttled"}.String():                             "throttled",
		caseNeed().String():                                              "tcp 47100-47109 (ignite2 communication)",
		need(UDP, 8301, 8301).String():                                   "udp 8301",
		allow("tcp", 1, 2, "sg-a").String():                              "tcp 1-2 from sg-a",
		rule(Egress, "-1", 0, 0, "::/0").String():                        "all to ::/0",
		Rule{Protocol: ICMPv6, ICMP: ICMPType{128, -1}}.String():         "icmpv6 128/-1 from an unreadable peer",
		Rule{Protocol: Protocol(50), Peer: peer("pl-1")}.String():        "50 from pl-1",
		Hit{"sg-a", Rule{IDs: []string{"sgr-1", "sgr-2"}}}.Name():        "sgr-1+sgr-2 of sg-a",
		Hit{"sg-a", allow("udp", 5, 5, "10.0.0.0/8")}.Name():             "rule 'udp 5 from 10.0.0.0/8' of sg-a",
		BalancerNeed(Range{1025, 65000}).String():                        "tcp 1025-65000 (load balancer dynamic host ports)",
		Stale.String() + " " + Blocked.String() + " " + Unknown.String(): "STALE BLOCKED UNKNOWN",
		Nowhere.String() + ", " + ReturnPath.String():                    "no hop, return path",
		NoRoute.String() + ", " + NotProbed.String():                     "no route, not probed",
		Ingress.String() + ", " + Egress.String():                        "ingress, egress",
	} {
		if got != expected {
			t.Errorf("got %q, want %q", got, expected)
		}
	}
}
