package awsapi_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"muster/internal/awsapi"
	"muster/reach"
	"muster/test/ec2json"
)

// theCase returns the setting of the reference's table: P1 (10.0.1.5) and P2 (10.0.2.5) connect to Q, whose only group
// is sg-q, on tcp 47100-47109.
func theCase(groups ...reach.Group) (w reach.World, p1, p2, q reach.Endpoint) {
	out := reach.Rule{Direction: reach.Egress, Protocol: reach.AllProtocols, Ports: reach.AnyPort(),
		Peer: reach.Peer{CIDR: netip.MustParsePrefix("0.0.0.0/0")}}
	for _, id := range []string{"sg-a", "sg-b", "sg-q"} {
		w.Groups = append(w.Groups, reach.Group{ID: id, Rules: []reach.Rule{out}})
	}
	w.Groups = append(w.Groups, groups...) // merged with the existing sg-q
	end := func(name, addr, subnet, group string) reach.Endpoint {
		return reach.Endpoint{Name: name, ENI: reach.ENI{ID: "eni-" + name, Addrs: []netip.Addr{netip.MustParseAddr(addr)},
			Groups: []string{group}, VPC: "vpc-1", Subnet: subnet}}
	}
	return w, end("P1", "10.0.1.5", "subnet-1", "sg-a"), end("P2", "10.0.2.5", "subnet-1", "sg-b"), end("Q", "10.0.3.5", "subnet-1", "sg-q")
}

func caseNeed() reach.Need {
	return reach.Need{Protocol: reach.TCP, Ports: reach.Range{First: 47100, Last: 47109}}
}

// expect compares the outcome in the form "MISSING 47106-47109".
func expect(t *testing.T, v reach.Verdict, text string) {
	t.Helper()
	got := v.Status.String()
	switch {
	case len(v.Missing) > 0:
		got += " " + v.Missing.String()
	case len(v.Unknown) > 0:
		got += " " + v.Unknown.String()
	}
	if got != text {
		t.Errorf("%s -> %s: got %q, want %q\n%s", v.Source, v.Destination, got, text, v.Sentence())
	}
}

func holds(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q lacks %q", text, part)
		}
	}
}

func TestUndecodableRulesAreNotedAndNeverClosed(t *testing.T) {
	const shape = `{"SecurityGroupRules":[{"SecurityGroupRuleId":"sgr-9","GroupId":"sg-q",%s}]}`
	for name, c := range map[string]struct{ rule, note, verdict string }{
		"first above last": {`"IsEgress":false,"IpProtocol":"tcp","FromPort":47109,"ToPort":47100,"CidrIpv4":"10.0.0.0/8"`,
			"first port 47109 is above last port 47100", "UNKNOWN 47100-47109"},
		"port above 65535": {`"IsEgress":false,"IpProtocol":"tcp","FromPort":1,"ToPort":65536,"CidrIpv4":"10.0.0.0/8"`,
			"port 65536 is outside 0-65535", "UNKNOWN 47100-47109"},
		"negative port": {`"IsEgress":false,"IpProtocol":"tcp","FromPort":-2,"ToPort":5,"CidrIpv4":"10.0.0.0/8"`, "port -2 is outside",
			"UNKNOWN 47100-47109"},
		"CIDR of 33 bits": {`"IsEgress":false,"IpProtocol":"tcp","FromPort":47100,"ToPort":47104,"CidrIpv4":"0.0.0.0/33"`,
			`"0.0.0.0/33" is not a CIDR`, "MISSING 47105-47109"},
		"v6 in the v4 field": {`"IsEgress":false,"IpProtocol":"-1","FromPort":-1,"ToPort":-1,"CidrIpv4":"::/0"`, "wrong IP version",
			"UNKNOWN 47100-47109"},
		"null ports of tcp": {`"IsEgress":false,"IpProtocol":"TCP","FromPort":null,"ToPort":null,"CidrIpv4":"10.0.0.0/8"`,
			"tcp without ports", "UNKNOWN 47100-47109"},
		"unknown protocol": {`"IsEgress":false,"IpProtocol":"tpc","FromPort":1,"ToPort":2,"CidrIpv4":"10.0.0.0/8"`,
			`unknown protocol "tpc"`, "UNKNOWN 47100-47109"},
		"no peer": {`"IsEgress":false,"IpProtocol":"-1"`, "has no peer", "UNKNOWN 47100-47109"},
		"a group without id": {`"IsEgress":false,"IpProtocol":"-1","ReferencedGroupInfo":{"GroupName":"classic"}`, "the peer has no id",
			"UNKNOWN 47100-47109"},
		"no direction": {`"IpProtocol":"-1","CidrIpv4":"10.0.0.0/8"`, "IsEgress is missing", "UNKNOWN 47100-47109"},
		"bad, but of another": {`"IsEgress":false,"IpProtocol":"tcp","FromPort":9,"ToPort":1,"CidrIpv4":"192.168.0.0/16"`, "above last",
			"MISSING 47100-47109"},
		"bad, but of other ports": {`"IsEgress":false,"IpProtocol":"tcp","FromPort":443,"ToPort":443,"CidrIpv4":"what"`, "not a CIDR",
			"MISSING 47100-47109"},
	} {
		t.Run(name, func(t *testing.T) {
			groups := ec2json.Groups(t, fmt.Sprintf(shape, c.rule))
			w, p1, _, q := theCase(groups...)
			if len(groups[0].Notes) == 0 {
				t.Fatal("no note")
			}
			holds(t, groups[0].Notes[0], "sgr-9", "sg-q", c.note)
			v := reach.NewJudge(w).Evaluate(p1, q, caseNeed())
			expect(t, v, c.verdict)
			if v.Status == reach.Unknown {
				holds(t, v.Sentence(), "sgr-9", "sg-q", c.note)
			}
		})
	}
}

func TestPermissionWithSeveralPeersIsARuleForEach(t *testing.T) {
	groups := ec2json.Groups(t, `{"SecurityGroups":[{"GroupId":"sg-1","GroupName":"n","OwnerId":"1","VpcId":"vpc-1",
		"IpPermissions":[{"IpProtocol":"tcp","FromPort":80,"ToPort":81,
			"IpRanges":[{"CidrIp":"10.0.1.200/24"},{"CidrIp":"bad"}],"Ipv6Ranges":[{"CidrIpv6":"fd00::1/64"}],
			"PrefixListIds":[{"PrefixListId":"pl-1"}],"UserIdGroupPairs":[{"GroupId":"sg-2","UserId":"2"}]},
			{"IpProtocol":"icmp","FromPort":8,"ToPort":-1,"IpRanges":[{"CidrIp":"0.0.0.0/0"}]},
			{"IpProtocol":"udp","FromPort":1,"ToPort":1}],
		"IpPermissionsEgress":[{"IpProtocol":"-1","IpRanges":[{"CidrIp":"0.0.0.0/0"}]}]}]}`)
	var got []string
	for _, r := range groups[0].Rules {
		got = append(got, r.String())
	}
	expected := []string{"tcp 80-81 from 10.0.1.0/24", "tcp 80-81 from an unreadable peer", "tcp 80-81 from fd00::/64",
		"tcp 80-81 from pl-1", "tcp 80-81 from sg-2", "icmp 8/-1 from 0.0.0.0/0", "udp 1 from an unreadable peer", "all to 0.0.0.0/0"}
	if !slices.Equal(got, expected) {
		t.Errorf("got %q", got)
	}
	if len(groups[0].Notes) != 2 {
		t.Errorf("notes %q", groups[0].Notes)
	}
}

func TestRuleIDsGivenTwice(t *testing.T) {
	const same = `{"SecurityGroupRuleId":"sgr-1","GroupId":"sg-q","IsEgress":false,"IpProtocol":"tcp","FromPort":1,"ToPort":2,` +
		`"CidrIpv4":"10.0.0.0/8"}`
	const other = `{"SecurityGroupRuleId":"sgr-1","GroupId":"sg-q","IsEgress":false,"IpProtocol":"tcp","FromPort":3,"ToPort":4,` +
		`"CidrIpv4":"10.0.0.0/8"}`
	g := ec2json.Groups(t, `{"SecurityGroupRules":[`+same+","+same+`]}`)[0]
	if len(g.Rules) != 1 || len(g.Rules[0].IDs) != 1 || len(g.Notes) != 0 {
		t.Errorf("a page read twice: %+v", g)
	}
	g = ec2json.Groups(t, `{"SecurityGroupRules":[`+same+","+other+`]}`)[0]
	if len(g.Rules) != 2 || len(g.Notes) != 1 {
		t.Errorf("one id for two rules: %+v", g)
	}
}

func TestOtherDocumentsAreErrors(t *testing.T) {
	for _, document := range []string{"", "[]", "null", "{}", `{"Reservations":[]}`, `{"SecurityGroups":{}}`,
		`{"SecurityGroupRules":[{"FromPort":1e99}]}`, `{"SecurityGroupRules":[{"FromPort":"http"}]}`} {
		if _, err := ec2json.ParseGroups([]byte(document)); err == nil {
			t.Errorf("%q passed", document)
		} else {
			holds(t, err.Error(), "decoding security groups")
		}
	}
	if _, err := ec2json.ParseGroups([]byte(`{"SecurityGroups":[]}`)); err != nil {
		t.Errorf("an empty answer: %v", err)
	}
}

func TestACLShape(t *testing.T) {
	acls, err := ec2json.ParseACLs([]byte(`{"NetworkAcls":[{"NetworkAclId":"acl-1",
		"Associations":[{"SubnetId":"subnet-1"},{"SubnetId":"subnet-2"}],"Entries":[
		{"RuleNumber":100,"Egress":false,"RuleAction":"deny","Protocol":"6","CidrBlock":"10.0.0.9/16","PortRange":{"From":47100,"To":47199}},
		{"RuleNumber":32767,"Egress":true,"RuleAction":"deny","Protocol":"-1","Ipv6CidrBlock":"::/0"},
		{"RuleNumber":5,"Egress":false,"RuleAction":"allow","Protocol":"1","CidrBlock":"0.0.0.0/0","IcmpTypeCode":{"Type":8,"Code":-1}},
		{"RuleNumber":6,"RuleAction":"maybe","Protocol":"6","CidrBlock":"0.0.0.0/33"},
		{"RuleNumber":7,"RuleAction":"allow","Protocol":"17"}]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	a := acls[0]
	if !slices.Equal(a.Subnets, []string{"subnet-1", "subnet-2"}) || len(a.Entries) != 5 {
		t.Fatalf("%+v", a)
	}
	if e := a.Entries[0]; e.Err != "" || e.Allow || e.Ports != (reach.Range{First: 47100, Last: 47199}) || e.CIDR.String() != "10.0.0.0/16" {
		t.Errorf("%+v", e)
	}
	if e := a.Entries[1]; e.Err != "" || e.Direction != reach.Egress || e.Protocol != reach.AllProtocols || e.Number != reach.ImplicitEntry {
		t.Errorf("%+v", e)
	}
	if e := a.Entries[2]; e.Protocol != reach.ICMP || e.ICMP != (reach.ICMPType{Type: 8, Code: -1}) {
		t.Errorf("%+v", e)
	}
	holds(t, a.Entries[3].Err, "tcp without ports", `action "maybe"`, "0.0.0.0/33")
	holds(t, a.Entries[4].Err, "udp without ports", "has no CIDR")
	if _, err := ec2json.ParseACLs([]byte(`{"NetworkAcls":7}`)); err == nil {
		t.Error("a number for a list passed")
	}
}

func TestUndecodableACLEntryMakesItsPortsUnknown(t *testing.T) {
	w, p1, _, q := theCase(wide())
	q.Subnet = "subnet-3"
	const open = `{"RuleNumber":100,"Egress":false,"RuleAction":"allow","Protocol":"-1","CidrBlock":"0.0.0.0/0"},
		{"RuleNumber":100,"Egress":true,"RuleAction":"allow","Protocol":"-1","CidrBlock":"0.0.0.0/0"}`
	w.ACLs = ec2json.ACLs(t, `{"NetworkAcls":[{"NetworkAclId":"acl-open","Associations":[{"SubnetId":"subnet-1"}],"Entries":[`+open+`]},
		{"NetworkAclId":"acl-q","Associations":[{"SubnetId":"subnet-3"}],"Entries":[`+open+`,
		{"RuleNumber":50,"Egress":false,"RuleAction":"deny","Protocol":"6","CidrBlock":"10.0.1.0/99","PortRange":{"From":47100,"To":47103}}]}]}`)
	v := reach.NewJudge(w).Evaluate(p1, q, caseNeed())
	expect(t, v, "UNKNOWN 47100-47103")
	holds(t, v.Sentence(), "destination ACL", "entry 50 of acl-q", "10.0.1.0/99")
}

// wide returns sg-q with a rule that allows every peer on the required ports.
func wide() reach.Group {
	return reach.Group{ID: "sg-q", Rules: []reach.Rule{{Protocol: reach.TCP, Ports: reach.Range{First: 47100, Last: 47109},
		Peer: reach.Peer{CIDR: netip.MustParsePrefix("10.0.0.0/16")}}}}
}

func TestUndecodablePrefixListEntryIsNotIgnored(t *testing.T) {
	list := awsapi.ManagedPrefixList("pl-1", []types.PrefixListEntry{{Cidr: aws.String("10.0.0.0/33")}, {Cidr: aws.String("10.0.1.9/24")}})
	named := wide()
	named.Rules[0].Peer = reach.Peer{PrefixList: "pl-1"}
	w, p1, p2, q := theCase(named)
	w.PrefixLists = []reach.PrefixList{list}
	expect(t, reach.NewJudge(w).Evaluate(p1, q, caseNeed()), "OPEN")
	v := reach.NewJudge(w).Evaluate(p2, q, caseNeed())
	expect(t, v, "UNKNOWN 47100-47109")
	holds(t, v.Sentence(), "10.0.0.0/33")
}

// Case 22 in the reference's table.
func TestHostBitsOfARuleAreIgnored(t *testing.T) {
	w, p1, p2, q := theCase(ec2json.Groups(t, `{"SecurityGroups":[{"GroupId":"sg-q","IpPermissions":[
		{"IpProtocol":"tcp","FromPort":47100,"ToPort":47109,"IpRanges":[{"CidrIp":"10.0.1.200/24"}]}]}]}`)...)
	expect(t, reach.NewJudge(w).Evaluate(p1, q, caseNeed()), "OPEN")
	expect(t, reach.NewJudge(w).Evaluate(p2, q, caseNeed()), "MISSING 47100-47109")
}

func FuzzParseGroups(f *testing.F) {
	f.Add([]byte(`{"SecurityGroups":[{"GroupId":"sg-q","IpPermissions":[{"IpProtocol":"-1","IpRanges":[{"CidrIp":"10.0.0.0/33"}]}]}]}`))
	f.Add([]byte(`{"SecurityGroupRules":[{"GroupId":"sg-q","IsEgress":false,"IpProtocol":"TCP","FromPort":5,"ToPort":70000,"CidrIpv6":"::/` +
		`0"}]}`))
	f.Add([]byte(`{"SecurityGroupRules":[{"GroupId":"sg-q","IpProtocol":"6","FromPort":47100,"ToPort":47105,` +
		`"ReferencedGroupInfo":{"GroupId":"sg-a","PeeringStatus":"deleted"}}]}`))
	f.Fuzz(func(t *testing.T, document []byte) {
		groups, err := ec2json.ParseGroups(document)
		if err != nil {
			return
		}
		w, p1, _, q := theCase(groups...)
		v := reach.NewJudge(w).Evaluate(p1, q, caseNeed())
		if n := v.Open(v.Need).Count() + v.Unknown.Count() + v.Missing.Count(); n != 10 {
			t.Errorf("the parts of 10 ports hold %d", n)
		}
		_ = v.Sentence()
		for _, fix := range v.Fixes {
			_, _ = fix.Command(), fix.CloudFormation()
		}
		for _, g := range groups {
			for _, r := range g.Rules {
				if r.Err != "" && !slices.Contains(g.Notes, r.Err) {
					t.Errorf("%s is broken without a note", r.Name())
				}
			}
		}
	})
}

func FuzzParseACLs(f *testing.F) {
	f.Add([]byte(`{"NetworkAcls":[{"NetworkAclId":"a","Associations":[{"SubnetId":"subnet-3"}],"Entries":[{"RuleNumber":-4,"Protocol":"6",` +
		`"RuleAction":"deny","CidrBlock":"0.0.0.0/0","PortRange":{"From":5}}]}]}`))
	f.Fuzz(func(t *testing.T, document []byte) {
		acls, err := ec2json.ParseACLs(document)
		if err != nil {
			return
		}
		w, p1, _, q := theCase(wide())
		q.Subnet = "subnet-3"
		w.ACLs = acls
		v := reach.NewJudge(w).Evaluate(p1, q, caseNeed())
		if n := v.Open(v.Need).Count() + v.Unknown.Count() + v.Missing.Count(); n != 10 {
			t.Errorf("the parts of 10 ports hold %d", n)
		}
	})
}

func TestBothFormsOfAllProtocolsAreOpen(t *testing.T) {
	for name, document := range map[string]string{
		"case 8: ports absent": `{"SecurityGroups":[{"GroupId":"sg-q","IpPermissions":[{"IpProtocol":"-1","IpRanges":[{"CidrIp":"10.0.0.0/` +
			`16"}]}]}]}`,
		"case 8: ports null": `{"SecurityGroups":[{"GroupId":"sg-q","IpPermissions":[{"IpProtocol":"-1","FromPort":null,"ToPort":null,` +
			`"IpRanges":[{"CidrIp":"10.0.0.0/16"}]}]}]}`,
		"case 9: ports -1/-1": `{"SecurityGroupRules":[{"SecurityGroupRuleId":"sgr-1","GroupId":"sg-q","IsEgress":false,"IpProtocol":"-1",` +
			`"FromPort":-1,"ToPort":-1,"CidrIpv4":"10.0.0.0/16"}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			w, p1, p2, q := theCase()
			groups, err := ec2json.ParseGroups([]byte(document))
			if err != nil {
				t.Fatal(err)
			}
			w.Groups = append(w.Groups[:2:2], groups...)
			expect(t, reach.NewJudge(w).Evaluate(p1, q, caseNeed()), "OPEN")
			expect(t, reach.NewJudge(w).Evaluate(p2, q, caseNeed()), "OPEN")
		})
	}
}

// Rules in both formats of the API must mean the same.
func TestBothFormatsGiveTheSameRulesAndVerdicts(t *testing.T) {
	for seed := range uint64(300) {
		d := rand.New(rand.NewPCG(seed, 27))
		var group types.SecurityGroup
		var rules []types.SecurityGroupRule
		group.GroupId = aws.String("sg-q")
		for i := range 1 + d.IntN(5) {
			permission, rule := twoShapes(d, i)
			if aws.ToBool(rule.IsEgress) {
				group.IpPermissionsEgress = append(group.IpPermissionsEgress, permission)
			} else {
				group.IpPermissions = append(group.IpPermissions, permission)
			}
			rules = append(rules, rule)
		}
		one, two := awsapi.SecurityGroup(group), awsapi.RuleGroups(rules)[0]
		if got, want := anonymous(two.Rules), anonymous(one.Rules); !reflect.DeepEqual(got, want) {
			t.Fatalf("seed %d: %v and %v", seed, got, want)
		}
		w1, p1, p2, q := theCase(one)
		w2, _, _, _ := theCase(two)
		for _, pair := range [][2]reach.Endpoint{{p1, q}, {p2, q}, {q, p1}} {
			a, b := reach.NewJudge(w1).Evaluate(pair[0], pair[1], caseNeed()), reach.NewJudge(w2).Evaluate(pair[0], pair[1], caseNeed())
			if !reflect.DeepEqual(a.Outcome, b.Outcome) {
				t.Fatalf("seed %d: %+v and %+v", seed, a.Outcome, b.Outcome)
			}
		}
	}
}

func anonymous(rules []reach.Rule) map[string]bool {
	out := map[string]bool{}
	for _, r := range rules {
		out[fmt.Sprintf("%s %+v", r, r.Peer)] = true
	}
	return out
}

// twoShapes returns a random rule in the formats of the two calls.
func twoShapes(d *rand.Rand, i int) (types.IpPermission, types.SecurityGroupRule) {
	protocol := []string{"tcp", "TCP", "6", "udp", "-1", "icmp", "50"}[d.IntN(7)]
	p := types.IpPermission{IpProtocol: &protocol}
	r := types.SecurityGroupRule{SecurityGroupRuleId: aws.String(fmt.Sprintf("sgr-%d", i)), GroupId: aws.String("sg-q"),
		IsEgress: aws.Bool(d.IntN(2) == 0), IpProtocol: &protocol, FromPort: aws.Int32(-1), ToPort: aws.Int32(-1)}
	if parsed, _ := reach.ParseProtocol(protocol); parsed.HasPorts() {
		first := int32(47095 + d.IntN(12))
		r.FromPort, r.ToPort = aws.Int32(first), aws.Int32(first+int32(d.IntN(8)))
		p.FromPort, p.ToPort = r.FromPort, r.ToPort
	}
	switch d.IntN(4) {
	case 0:
		ref := []string{"sg-a", "sg-b", "sg-q"}[d.IntN(3)]
		p.UserIdGroupPairs = []types.UserIdGroupPair{{GroupId: &ref, UserId: aws.String("1"), PeeringStatus: aws.String("active")}}
		r.ReferencedGroupInfo = &types.ReferencedSecurityGroup{GroupId: &ref, UserId: aws.String("1"), PeeringStatus: aws.String("active")}
	case 1:
		p.PrefixListIds = []types.PrefixListId{{PrefixListId: aws.String("pl-1")}}
		r.PrefixListId = aws.String("pl-1")
	case 2:
		p.Ipv6Ranges, r.CidrIpv6 = []types.Ipv6Range{{CidrIpv6: aws.String("fd00::1/64")}}, aws.String("fd00::1/64")
	case 3:
		cidr := []string{"10.0.1.9/24", "10.0.0.0/16", "0.0.0.0/0"}[d.IntN(3)]
		p.IpRanges, r.CidrIpv4 = []types.IpRange{{CidrIp: &cidr}}, &cidr
	}
	return p, r
}
