package reach

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

// The documents are in the form of the AWS CLI's answers: three container
// instances in two subnets, a load balancer, an ACL for all, and a group whose
// rule for Ignite's communication ends four ports too early for one of them.
const storyGroups = `{
  "SecurityGroups": [
    {
      "GroupId": "sg-0cache", "GroupName": "cache", "OwnerId": "111111111111", "VpcId": "vpc-1",
      "Description": "ignite", "Tags": [{"Key": "Name", "Value": "cache"}],
      "IpPermissions": [
        {
          "IpProtocol": "tcp", "FromPort": 47500, "ToPort": 47599,
          "UserIdGroupPairs": [{"GroupId": "sg-0cache", "UserId": "111111111111"}, {"GroupId": "sg-0batch", "UserId": "111111111111"}],
          "IpRanges": [], "Ipv6Ranges": [], "PrefixListIds": []
        },
        {
          "IpProtocol": "tcp", "FromPort": 47100, "ToPort": 47199,
          "UserIdGroupPairs": [{"GroupId": "sg-0cache", "UserId": "111111111111"}],
          "IpRanges": [], "Ipv6Ranges": [], "PrefixListIds": []
        },
        {
          "IpProtocol": "tcp", "FromPort": 47100, "ToPort": 47105,
          "UserIdGroupPairs": [], "IpRanges": [{"CidrIp": "10.0.2.0/24", "Description": "batch"}], "Ipv6Ranges": [],
          "PrefixListIds": []
        },
        {
          "IpProtocol": "tcp", "FromPort": 8080, "ToPort": 8080,
          "UserIdGroupPairs": [{"GroupId": "sg-0alb", "UserId": "111111111111"}],
          "IpRanges": [], "Ipv6Ranges": [], "PrefixListIds": []
        }
      ],
      "IpPermissionsEgress": [
        {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}], "Ipv6Ranges": [], "PrefixListIds": [], "UserIdGroupPairs": []}
      ]
    },
    {
      "GroupId": "sg-0batch", "GroupName": "batch", "OwnerId": "111111111111", "VpcId": "vpc-1",
      "IpPermissions": [
        {
          "IpProtocol": "tcp", "FromPort": 47000, "ToPort": 47999,
          "UserIdGroupPairs": [], "IpRanges": [{"CidrIp": "10.0.0.0/16"}], "Ipv6Ranges": [], "PrefixListIds": []
        }
      ],
      "IpPermissionsEgress": [
        {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}], "Ipv6Ranges": [], "PrefixListIds": [], "UserIdGroupPairs": []}
      ]
    },
    {
      "GroupId": "sg-0alb", "GroupName": "alb", "OwnerId": "111111111111", "VpcId": "vpc-1",
      "IpPermissions": [
        {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
      ],
      "IpPermissionsEgress": [
        {"IpProtocol": "tcp", "FromPort": 8080, "ToPort": 8080, "UserIdGroupPairs": [{"GroupId": "sg-0cache", "UserId": "111111111111"}]}
      ]
    }
  ]
}`

const storyACLs = `{
  "NetworkAcls": [
    {
      "NetworkAclId": "acl-0default", "IsDefault": true, "VpcId": "vpc-1",
      "Associations": [
        {"NetworkAclAssociationId": "aclassoc-1", "NetworkAclId": "acl-0default", "SubnetId": "subnet-a"},
        {"NetworkAclAssociationId": "aclassoc-2", "NetworkAclId": "acl-0default", "SubnetId": "subnet-b"}
      ],
      "Entries": [
        {"CidrBlock": "0.0.0.0/0", "Egress": true, "Protocol": "-1", "RuleAction": "allow", "RuleNumber": 100},
        {"CidrBlock": "0.0.0.0/0", "Egress": true, "Protocol": "-1", "RuleAction": "deny", "RuleNumber": 32767},
        {"CidrBlock": "0.0.0.0/0", "Egress": false, "Protocol": "-1", "RuleAction": "allow", "RuleNumber": 100},
        {"CidrBlock": "0.0.0.0/0", "Egress": false, "Protocol": "-1", "RuleAction": "deny", "RuleNumber": 32767}
      ]
    }
  ]
}`

func story(t *testing.T) (World, []Endpoint) {
	t.Helper()
	acls, err := ParseACLs([]byte(storyACLs))
	if err != nil {
		t.Fatal(err)
	}
	at := func(name, addr, subnet, group string) Endpoint {
		e := endpoint(name, addr, group)
		e.Subnet = subnet
		return e
	}
	return World{Groups: mustGroups(t, storyGroups), ACLs: acls}, []Endpoint{
		at("i-cache-1", "10.0.1.11", "subnet-a", "sg-0cache"),
		at("i-cache-2", "10.0.2.12", "subnet-b", "sg-0cache"),
		at("i-batch-1", "10.0.2.21", "subnet-b", "sg-0batch"),
	}
}

// One of three cannot reach the others on a part of one range; the printed rule,
// and nothing else, heals it.
func TestAClosedSubRangeIsFoundNamedAndHealed(t *testing.T) {
	w, eps := story(t)
	needs, _, err := ParsePorts(DefaultProfile)
	if err != nil {
		t.Fatal(err)
	}
	m := mustMatrix(t, w, eps, eps, needs...)
	if got := m.Tally(1); got[Open] != 4 || got[Missing] != 2 {
		t.Errorf("communication: %v", got)
	}
	if got := m.Tally(0); got[Open] != 6 {
		t.Errorf("discovery: %v", got)
	}
	worst := m.Blocks()[0]
	if !slices.Equal(worst.From, []int{2}) || !slices.Equal(worst.To, []int{0, 1}) {
		t.Fatalf("worst block %+v", worst)
	}
	v := m.Verdict(2, 0, 1)
	contains(t, v.Sentence(), "i-batch-1 (10.0.2.21) cannot reach i-cache-1 (10.0.1.11) on tcp 47106-47199 of 47100-47199",
		"destination ingress of i-cache-1", "rule 'tcp 47100-47105 from 10.0.2.0/24' of sg-0cache: 47100-47105",
		"admits only members of sg-0cache itself, and i-batch-1 carries sg-0batch")
	contains(t, v.Fixes[0].Command(), "--group-id sg-0cache",
		"'IpProtocol=tcp,FromPort=47106,ToPort=47199,UserIdGroupPairs=[{GroupId=sg-0batch}]'")

	w.Groups = append(w.Groups, decodedFix(t, v.Fixes[0]))
	healed := mustMatrix(t, w, eps, eps, needs...)
	for k := range needs {
		if got := healed.Tally(k); got[Open] != 6 {
			t.Errorf("after the fix: %v", got)
		}
	}
	if blocks := healed.Blocks(); len(blocks) != 1 {
		t.Errorf("a healthy cluster is one block: %+v", blocks)
	}
}

// decodedFix is the group as EC2 would tell of the added rule.
func decodedFix(t *testing.T, f Fix) Group {
	t.Helper()
	document := fmt.Sprintf(`{"SecurityGroupRules":[{"SecurityGroupRuleId":"sgr-new","GroupId":%q,"IsEgress":false,"IpProtocol":%q,
		"FromPort":%d,"ToPort":%d,"ReferencedGroupInfo":{"GroupId":%q,"UserId":"111111111111"}}]}`,
		f.Group, f.Protocol, f.Ports[0].First, f.Ports[0].Last, f.Peer.Group.ID)
	return mustGroups(t, document)[0]
}

// The balancer's own egress decides as much as the instance's ingress.
func TestTheBalancerIsOneMoreEndpoint(t *testing.T) {
	w, eps := story(t)
	alb := endpoint("alb", "10.0.1.200", "sg-0alb")
	alb.Subnet, alb.Ephemeral = "subnet-a", BalancerEphemeral()
	target := served(need(TCP, 8080, 8080))
	m := mustMatrix(t, w, []Endpoint{alb}, eps, target, BalancerNeed(LinuxEphemeral()))
	var got []string
	for c := range m.All() {
		got = append(got, fmt.Sprintf("%s %s %s", m.To[c.To].Name, c.Status, c.Hop))
	}
	expected := []string{
		"i-cache-1 OPEN no hop", "i-cache-1 MISSING source egress",
		"i-cache-2 OPEN no hop", "i-cache-2 MISSING source egress",
		"i-batch-1 MISSING source egress", "i-batch-1 MISSING source egress",
	}
	if !slices.Equal(got, expected) {
		t.Errorf("got\n%s", strings.Join(got, "\n"))
	}
}

func ExampleJudge_Evaluate() {
	at := func(name, addr, group string) Endpoint {
		return Endpoint{Name: name, Region: "eu-west-1", ENI: ENI{ID: "eni-" + name, Addrs: []netip.Addr{netip.MustParseAddr(addr)},
			Groups: []string{group}, Subnet: "subnet-1", VPC: "vpc-1"}}
	}
	out := Rule{Direction: Egress, Protocol: AllProtocols, Ports: AnyPort(), Peer: Peer{CIDR: netip.MustParsePrefix("0.0.0.0/0")}}
	cache := Rule{IDs: []string{"sgr-1"}, Protocol: TCP, Ports: Range{47100, 47105}, Peer: Peer{Group: GroupRef{ID: "sg-web"}}}
	judge := NewJudge(World{Groups: []Group{{ID: "sg-web", Rules: []Rule{out}}, {ID: "sg-cache", Rules: []Rule{out, cache}}}})

	need := Need{Protocol: TCP, Ports: Range{47100, 47109}}
	v := judge.Evaluate(at("web", "10.0.0.4", "sg-web"), at("cache", "10.0.0.5", "sg-cache"), need)
	fmt.Println(v.Status, v.Missing, "at", v.Hop)
	fmt.Println(v.Sentence())
	fmt.Println(v.Fixes[0].Command())
	// Output:
	// MISSING 47106-47109 at destination ingress
	// web (10.0.0.4) cannot reach cache (10.0.0.5) on tcp 47106-47109 of 47100-47109: at destination ingress of cache, no rule on eni-cache allows 47106-47109 (sgr-1 of sg-cache: 47100-47105)
	// aws ec2 authorize-security-group-ingress --region eu-west-1 --group-id sg-cache --ip-permissions 'IpProtocol=tcp,FromPort=47106,ToPort=47109,UserIdGroupPairs=[{GroupId=sg-web}]'
}

func ExampleParsePorts() {
	needs, warnings, err := ParsePorts("ignite2+jetty,tomcat-cluster,udp/8301")
	for _, n := range needs {
		fmt.Println(n)
	}
	fmt.Println(warnings[1])
	fmt.Println(err)
	_, _, err = ParsePorts("ignit2")
	fmt.Println(err)
	// Output:
	// tcp 47500-47599 (ignite2 discovery)
	// tcp 47100-47199 (ignite2 communication)
	// tcp 8080-8179 (ignite2 Jetty REST)
	// tcp 4000-4099 (tomcat-cluster receiver)
	// udp 8301
	// ignite2 Jetty REST and tomcat-cluster HTTP connector both want tcp 8080: on one host only the first to start gets it
	// <nil>
	// ports "ignit2": no such profile; did you mean ignite2 or ignite3?
}
