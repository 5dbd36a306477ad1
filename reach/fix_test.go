package reach

import (
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

func fixOf(t *testing.T, w World, src, dst Endpoint) Fix {
	t.Helper()
	v := NewJudge(w).Evaluate(src, dst, caseNeed())
	if len(v.Fixes) != 1 {
		t.Fatalf("fixes %+v", v.Fixes)
	}
	return v.Fixes[0]
}

func TestFixContainsOnlyMissingPorts(t *testing.T) {
	w, p1, _, q := theCase(allow("tcp", 47100, 47104, "10.0.0.0/16"), allow("tcp", 47106, 47106, "10.0.0.0/16"))
	f := fixOf(t, w, p1, q)
	if got := f.Command(); got != "aws ec2 authorize-security-group-ingress --region eu-west-1 --group-id sg-q --ip-permissions "+
		"'IpProtocol=tcp,FromPort=47105,ToPort=47105,UserIdGroupPairs=[{GroupId=sg-a}]' "+
		"'IpProtocol=tcp,FromPort=47107,ToPort=47109,UserIdGroupPairs=[{GroupId=sg-a}]'" {
		t.Errorf("command %s", got)
	}
	if got := f.CloudFormation(); got != `MusterIngressTcp47105To47105SgQSgA:
  Type: AWS::EC2::SecurityGroupIngress
  Properties:
    GroupId: "sg-q"
    IpProtocol: "tcp"
    FromPort: 47105
    ToPort: 47105
    SourceSecurityGroupId: "sg-a"
MusterIngressTcp47107To47109SgQSgA:
  Type: AWS::EC2::SecurityGroupIngress
  Properties:
    GroupId: "sg-q"
    IpProtocol: "tcp"
    FromPort: 47107
    ToPort: 47109
    SourceSecurityGroupId: "sg-a"
` {
		t.Errorf("template\n%s", got)
	}
}

func TestFixPrefersAGroupOnlyIfAReferenceWorks(t *testing.T) {
	for name, c := range map[string]struct {
		change func(w *World, src *Endpoint)
		peer   string
	}{
		"one group": {func(*World, *Endpoint) {}, "UserIdGroupPairs=[{GroupId=sg-a}]"},
		"one besides the default": {func(_ *World, s *Endpoint) { s.Groups = []string{"sg-default", "sg-a"} },
			"UserIdGroupPairs=[{GroupId=sg-a}]"},
		"only the default": {func(_ *World, s *Endpoint) { s.Groups = []string{"sg-default"} }, "IpRanges=[{CidrIp=10.0.1.5/32}]"},
		"two groups":       {func(_ *World, s *Endpoint) { s.Groups = []string{"sg-b", "sg-a"} }, "IpRanges=[{CidrIp=10.0.1.5/32}]"},
		"another account": {func(_ *World, s *Endpoint) { s.Account = "222222222222" },
			"UserIdGroupPairs=[{GroupId=sg-a,UserId=222222222222}]"},
		"another VPC":    {func(_ *World, s *Endpoint) { s.VPC = "vpc-2" }, "IpRanges=[{CidrIp=10.0.1.5/32}]"},
		"another region": {func(_ *World, s *Endpoint) { s.Region = "us-east-1" }, "IpRanges=[{CidrIp=10.0.1.5/32}]"},
		"an appliance on the way": {func(w *World, _ *Endpoint) { w.Middleboxes = map[SubnetPair]string{{"subnet-3", "subnet-1"}: "fw"} },
			"IpRanges=[{CidrIp=10.0.1.5/32}]"},
		"groups of the peer not known": {func(_ *World, s *Endpoint) { s.Unread = Unread{Reason: "throttled"} },
			"IpRanges=[{CidrIp=10.0.1.5/32}]"},
		"a peer that is dialled over 6": {func(_ *World, s *Endpoint) { s.Addrs, s.VPC = addrs("fd00::5"), "vpc-2" },
			"Ipv6Ranges=[{CidrIpv6=fd00::5/128}]"},
	} {
		t.Run(name, func(t *testing.T) {
			w, p1, _, q := theCase()
			q.Addrs = append(q.Addrs, netip.MustParseAddr("fd00::9"))
			w.Groups = append(w.Groups, Group{ID: "sg-default", Name: "default", Rules: allEgress()})
			c.change(&w, &p1)
			f := fixOf(t, w, p1, q)
			contains(t, f.Command(), c.peer)
		})
	}
}

func TestFixExtendsTheGroupWithARuleForTheNeed(t *testing.T) {
	for name, c := range map[string]struct {
		groups   []Group
		expected string
	}{
		"admits the peer in part": {[]Group{openGroup("sg-1", allow("tcp", 47100, 47109, "sg-x")),
			openGroup("sg-2", allow("tcp", 47100, 47101, "sg-a"))}, "sg-2"},
		"speaks of the ports":   {[]Group{openGroup("sg-1"), openGroup("sg-2", allow("tcp", 47100, 47109, "sg-x"))}, "sg-2"},
		"first but the default": {[]Group{{ID: "sg-1", Name: "default"}, openGroup("sg-2")}, "sg-2"},
		"only the default":      {[]Group{{ID: "sg-1", Name: "default"}}, "sg-1"},
	} {
		t.Run(name, func(t *testing.T) {
			w, p1, _, q := theCase()
			w.Groups = append(w.Groups, c.groups...)
			q.Groups = nil
			for _, g := range c.groups {
				q.Groups = append(q.Groups, g.ID)
			}
			if f := fixOf(t, w, p1, q); f.Group != c.expected {
				t.Errorf("extends %s", f.Group)
			}
		})
	}
}

func TestEgressFix(t *testing.T) {
	w, p1, _, q := theCase(allow("tcp", 47100, 47109, "10.0.0.0/16"))
	w.Groups[0].Rules = nil
	v := NewJudge(w).Evaluate(p1, q, caseNeed())
	if !hinted(v, NoRules) {
		t.Errorf("zero egress rules let nothing out, and a hint says so: %v", v.Hints)
	}
	contains(t, v.Fixes[0].Command(), "authorize-security-group-egress", "--group-id sg-a", "GroupId=sg-q")
	contains(t, v.Fixes[0].CloudFormation(), "AWS::EC2::SecurityGroupEgress", `DestinationSecurityGroupId: "sg-q"`)
	q.VPC = "vpc-2"
	contains(t, NewJudge(w).Evaluate(p1, q, caseNeed()).Fixes[0].CloudFormation(), `CidrIp: "10.0.3.5/32"`)
}

// The AWS CLI must receive the same arguments after a shell has parsed the command, regardless of the names.
func TestCommandSurvivesAShell(t *testing.T) {
	hostile := "sg-'; touch /tmp/pwned; $(id) `id` \"\\\n*"
	f := Fix{Group: hostile, Protocol: TCP, Ports: PortsOf(Range{1, 2}), Region: "eu west",
		Peer: Peer{Group: GroupRef{ID: hostile, Owner: "$HOME"}}}
	script := "aws() { printf '%s\\0' \"$@\"; }; " + f.Command()
	out, err := exec.Command("/bin/sh", "-c", script).Output()
	if err != nil {
		t.Fatal(err)
	}
	words := strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
	expected := []string{"ec2", "authorize-security-group-ingress", "--region", "eu west", "--group-id", hostile, "--ip-permissions",
		"IpProtocol=tcp,FromPort=1,ToPort=2,UserIdGroupPairs=[{GroupId=" + hostile + ",UserId=$HOME}]"}
	if !slices.Equal(words, expected) {
		t.Errorf("got %q", words)
	}
}

func TestDifferentRulesHaveDifferentLogicalIDs(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range []string{"10.0.1.5/32", "1.0.0.15/32", "10.0.15.3/32", "fd00::1/128", "fd00::11/128", "sg-1", "sg-11"} {
		f := Fix{Group: "sg-q", Protocol: TCP, Ports: PortsOf(Range{1, 2}), Peer: peer(p)}
		id, _, _ := strings.Cut(f.CloudFormation(), ":")
		if seen[id] || strings.IndexFunc(id, func(r rune) bool { return !isAlphanumeric(r) }) >= 0 {
			t.Errorf("logical id %s", id)
		}
		seen[id] = true
	}
}
