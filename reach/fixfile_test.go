package reach

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// The three formats, parsed again, must contain the same rules.
func TestFixFormatsContainTheSameRules(t *testing.T) {
	forms := map[string]bool{}
	for seed := range uint64(worlds) {
		d := roll(seed)
		w, eps, needs := d.world(), d.endpoints(5), d.needs()
		openings := Openings(nil, mustMatrix(t, w, eps, eps, needs...))
		var expected []string
		for _, o := range openings {
			for _, r := range o.Ports {
				expected = append(expected, fmt.Sprintf("%s %s %s %d-%d %s", o.Group, o.Direction, o.Protocol, r.First, r.Last, ownerless(o.Peer)))
			}
		}
		slices.Sort(expected)
		for format, read := range map[string]func(string) []string{"cli": readCommands, "cloudformation": readTemplate,
			"terraform": readTerraform} {
			got := read(FixFile(format, "cluster prod", openings))
			slices.Sort(got)
			if !slices.Equal(got, expected) {
				t.Fatalf("seed %d, %s:\ngot  %q\nwant %q", seed, format, got, expected)
			}
			forms[format] = forms[format] || len(got) > 0
		}
	}
	if len(forms) != 3 {
		t.Errorf("%v", forms)
	}
}

// ownerless removes the peer's account, for which CloudFormation has no property in an egress rule.
func ownerless(p Peer) string {
	p.Group.Owner = ""
	return p.String()
}

func between(s, before, after string) string {
	_, rest, _ := strings.Cut(s, before)
	value, _, _ := strings.Cut(rest, after)
	return value
}

func readCommands(file string) (out []string) {
	for line := range strings.Lines(file) {
		if !strings.HasPrefix(line, "aws ") {
			continue
		}
		direction, group := between(line, "authorize-security-group-", " "), between(line, "--group-id ", " ")
		for _, p := range strings.Split(line, "IpProtocol=")[1:] {
			peer := between(p, "GroupId=", "}")
			peer, _, _ = strings.Cut(peer, ",")
			for _, key := range []string{"CidrIp=", "CidrIpv6="} {
				if strings.Contains(p, key) {
					peer = between(p, key, "}")
				}
			}
			protocol, _, _ := strings.Cut(p, ",")
			out = append(out, fmt.Sprintf("%s %s %s %s-%s %s", group, direction, protocol, between(p, "FromPort=", ","), between(p, "ToPort=", ","),
				peer))
		}
	}
	return out
}

func readTemplate(file string) (out []string) {
	for _, part := range strings.Split(file, "  Type: AWS::EC2::SecurityGroup")[1:] {
		direction, _, _ := strings.Cut(part, "\n")
		value := func(key string) string { return strings.Trim(between(part, " "+key+": ", "\n"), `"`) }
		peer := value("SourceSecurityGroupId") + value("DestinationSecurityGroupId") + value("CidrIp") + value("CidrIpv6")
		out = append(out, fmt.Sprintf("%s %s %s %s-%s %s", value("GroupId"), strings.ToLower(direction), value("IpProtocol"), value("FromPort"),
			value("ToPort"), peer))
	}
	return out
}

func readTerraform(file string) (out []string) {
	for _, part := range strings.Split(file, `resource "aws_vpc_security_group_`)[1:] {
		direction, _, _ := strings.Cut(part, "_rule")
		value := func(key string) string { return strings.Trim(between(part, "  "+key+" = ", "\n"), `"`) }
		peer := value("referenced_security_group_id") + value("cidr_ipv4") + value("cidr_ipv6")
		if at := strings.Index(peer, "/sg-"); at >= 0 {
			peer = peer[at+1:]
		}
		out = append(out, fmt.Sprintf("%s %s %s %s-%s %s", value("security_group_id"), direction, value("ip_protocol"), value("from_port"),
			value("to_port"), peer))
	}
	return out
}

func TestTheFileNamesPairsAndPortsAboveEachRule(t *testing.T) {
	w := World{Groups: []Group{openGroup("sg-cache"), openGroup("sg-batch")}}
	eps := []Endpoint{endpoint("i-1", "10.0.1.1", "sg-cache"), endpoint("i-2", "10.0.1.2", "sg-cache"),
		endpoint("i-3\n", "10.0.1.3", "sg-batch")}
	openings := Openings(nil, mustMatrix(t, w, eps, eps, caseNeed()))
	text := FixFile("terraform", "cluster prod", openings)
	contains(t, text, "# tcp 47100-47109 (ignite2 communication): i-1, i-2 -> i-3  (2 pairs)\n"+
		`resource "aws_vpc_security_group_ingress_rule" "muster_ingress_tcp_47100_to_47109_sg_batch_sg_cache" {
  security_group_id = "sg-batch"
  referenced_security_group_id = "sg-cache"
  ip_protocol = "tcp"
  from_port = 47100
  to_port = 47109
}
`)
	if n := strings.Count(FixFile("cli", "x", openings), "\naws ec2 authorize"); n != 3 {
		t.Errorf("%d commands", n)
	}
	contains(t, FixFile("cloudformation", "x", nil), "Resources: {}")
}

func TestPortZeroIsNotAllPorts(t *testing.T) {
	w, p1, _, q := theCase(in(allow("tcp", 0, 0, "10.0.0.0/16"))...)
	v := NewJudge(w).Evaluate(p1, q, caseNeed())
	want(t, v, "MISSING 47100-47109")
	contains(t, v.Sentence(), "sgr-1 of sg-q opens port 0 only; all ports are 0-65535")
}
