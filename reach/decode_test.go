package reach

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func mustGroups(t *testing.T, document string) []Group {
	t.Helper()
	groups, err := ParseGroups([]byte(document))
	if err != nil {
		t.Fatal(err)
	}
	return groups
}

// asPermission and asRule write one rule in the two shapes of the EC2 API.
func asPermission(d dice, r Rule) map[string]any {
	p := map[string]any{"IpProtocol": d.spelled(r.Protocol)}
	if r.Protocol.HasPorts() {
		p["FromPort"], p["ToPort"] = r.Ports.First, r.Ports.Last
	} else if d.oneIn(2) {
		p["FromPort"], p["ToPort"] = nil, nil
	}
	switch ref := r.Peer.Group; {
	case ref.ID != "":
		p["UserIdGroupPairs"] = []any{asPair(ref)}
	case r.Peer.PrefixList != "":
		p["PrefixListIds"] = []any{map[string]any{"PrefixListId": r.Peer.PrefixList}}
	case r.Peer.CIDR.Addr().Is4():
		p["IpRanges"] = []any{map[string]any{"CidrIp": r.Peer.CIDR.String(), "Description": "x"}}
	default:
		p["Ipv6Ranges"] = []any{map[string]any{"CidrIpv6": r.Peer.CIDR.String()}}
	}
	return p
}

func asPair(ref GroupRef) map[string]any {
	return map[string]any{"GroupId": ref.ID, "UserId": ref.Owner, "VpcPeeringConnectionId": ref.Peering, "PeeringStatus": ref.Status}
}

func asRule(d dice, group string, r Rule) map[string]any {
	p := map[string]any{"SecurityGroupRuleId": r.IDs[0], "GroupId": group, "IsEgress": r.Direction == Egress,
		"IpProtocol": d.spelled(r.Protocol), "FromPort": -1, "ToPort": -1}
	if r.Protocol.HasPorts() {
		p["FromPort"], p["ToPort"] = r.Ports.First, r.Ports.Last
	}
	switch ref := r.Peer.Group; {
	case ref.ID != "":
		p["ReferencedGroupInfo"] = asPair(ref)
	case r.Peer.PrefixList != "":
		p["PrefixListId"] = r.Peer.PrefixList
	case r.Peer.CIDR.Addr().Is4():
		p["CidrIpv4"] = r.Peer.CIDR.String()
	default:
		p["CidrIpv6"] = r.Peer.CIDR.String()
	}
	return p
}

func (d dice) spelled(p Protocol) string {
	return pick(d, p.wire(), strings.ToUpper(p.wire()), fmt.Sprint(int(p)))
}

func TestBothShapesDecodeToTheSameRulesAndVerdicts(t *testing.T) {
	for seed := range uint64(300) {
		d := roll(seed)
		w := d.world()
		var groups, rules []any
		for _, g := range w.Groups {
			shape := map[string]any{"GroupId": g.ID, "GroupName": g.Name}
			permissions := map[Direction][]any{}
			for i := range g.Rules {
				r := &g.Rules[i]
				r.IDs, r.Err = []string{fmt.Sprintf("sgr-%s-%d", g.ID, i)}, ""
				r.ICMP = ICMPType{-1, -1}
				permissions[r.Direction] = append(permissions[r.Direction], asPermission(d, *r))
				rules = append(rules, asRule(d, g.ID, *r))
			}
			shape["IpPermissions"], shape["IpPermissionsEgress"] = permissions[Ingress], permissions[Egress]
			groups = append(groups, shape)
		}
		one, two := w, w
		one.Groups = mustGroups(t, marshal(t, map[string]any{"SecurityGroups": groups}))
		two.Groups = mustGroups(t, marshal(t, map[string]any{"SecurityGroupRules": rules}))
		for _, g := range one.Groups { // the second shape tells of no group without rules
			if len(g.Rules) == 0 {
				two.Groups = append(two.Groups, Group{ID: g.ID})
			}
		}
		compareShapes(t, d, one, two)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func marshal(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func compareShapes(t *testing.T, d dice, one, two World) {
	t.Helper()
	for _, a := range one.Groups {
		i := slices.IndexFunc(two.Groups, func(b Group) bool { return a.ID == b.ID })
		if got, want := anonymous(two.Groups[i].Rules), anonymous(a.Rules); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v and %v", a.ID, got, want)
		}
	}
	for _, src := range d.endpoints(3) {
		for _, dst := range d.endpoints(3) {
			a := NewJudge(one).Evaluate(src, dst, d.needs()[1])
			b := NewJudge(two).Evaluate(src, dst, d.needs()[1])
			if !reflect.DeepEqual(a.Outcome, b.Outcome) {
				t.Errorf("%+v and %+v", a.Outcome, b.Outcome)
			}
		}
	}
}

func anonymous(rules []Rule) map[string]bool {
	out := map[string]bool{}
	for _, r := range rules {
		out[fmt.Sprintf("%s %+v", r, r.Peer)] = true
	}
	return out
}

func TestBadRulesAreNotedByNameAndNeverCountAsClosed(t *testing.T) {
	const shape = `{"SecurityGroupRules":[{"SecurityGroupRuleId":"sgr-9","GroupId":"sg-q",%s}]}`
	for name, c := range map[string]struct{ rule, note, verdict string }{
		"first above last":        {`"IsEgress":false,"IpProtocol":"tcp","FromPort":47109,"ToPort":47100,"CidrIpv4":"10.0.0.0/8"`, "first port 47109 is above last port 47100", "UNKNOWN 47100-47109"},
		"port above 65535":        {`"IsEgress":false,"IpProtocol":"tcp","FromPort":1,"ToPort":65536,"CidrIpv4":"10.0.0.0/8"`, "port 65536 is outside 0-65535", "UNKNOWN 47100-47109"},
		"negative port":           {`"IsEgress":false,"IpProtocol":"tcp","FromPort":-2,"ToPort":5,"CidrIpv4":"10.0.0.0/8"`, "port -2 is outside", "UNKNOWN 47100-47109"},
		"CIDR of 33 bits":         {`"IsEgress":false,"IpProtocol":"tcp","FromPort":47100,"ToPort":47104,"CidrIpv4":"0.0.0.0/33"`, `"0.0.0.0/33" is not a CIDR`, "MISSING 47105-47109"},
		"v6 in the v4 field":      {`"IsEgress":false,"IpProtocol":"-1","FromPort":-1,"ToPort":-1,"CidrIpv4":"::/0"`, "other IP version", "UNKNOWN 47100-47109"},
		"null ports of tcp":       {`"IsEgress":false,"IpProtocol":"TCP","FromPort":null,"ToPort":null,"CidrIpv4":"10.0.0.0/8"`, "tcp without ports", "UNKNOWN 47100-47109"},
		"unknown protocol":        {`"IsEgress":false,"IpProtocol":"tpc","FromPort":1,"ToPort":2,"CidrIpv4":"10.0.0.0/8"`, `unknown protocol "tpc"`, "UNKNOWN 47100-47109"},
		"no peer":                 {`"IsEgress":false,"IpProtocol":"-1"`, "names no peer", "UNKNOWN 47100-47109"},
		"a group without id":      {`"IsEgress":false,"IpProtocol":"-1","ReferencedGroupInfo":{"GroupName":"classic"}`, "the peer has no id", "UNKNOWN 47100-47109"},
		"no direction":            {`"IpProtocol":"-1","CidrIpv4":"10.0.0.0/8"`, "IsEgress is missing", "UNKNOWN 47100-47109"},
		"bad, but of another":     {`"IsEgress":false,"IpProtocol":"tcp","FromPort":9,"ToPort":1,"CidrIpv4":"192.168.0.0/16"`, "above last", "MISSING 47100-47109"},
		"bad, but of other ports": {`"IsEgress":false,"IpProtocol":"tcp","FromPort":443,"ToPort":443,"CidrIpv4":"what"`, "not a CIDR", "MISSING 47100-47109"},
	} {
		t.Run(name, func(t *testing.T) {
			w, p1, _, q := theCase()
			groups := mustGroups(t, fmt.Sprintf(shape, c.rule))
			w.Groups = append(w.Groups, groups...) // joins the sg-q that is there
			if len(groups[0].Notes) == 0 {
				t.Fatal("no note")
			}
			contains(t, groups[0].Notes[0], "sgr-9", "sg-q", c.note)
			v := NewJudge(w).Evaluate(p1, q, caseNeed())
			want(t, v, c.verdict)
			if v.Status == Unknown {
				contains(t, v.Sentence(), "sgr-9", "sg-q", c.note)
			}
		})
	}
}

func TestABadRuleDoesNotDarkenAnOpenVerdict(t *testing.T) {
	w, p1, _, q := theCase(allow("tcp", 47100, 47109, "10.0.0.0/16"), Rule{Protocol: AllProtocols, Ports: AnyPort(), Err: "broken"})
	want(t, NewJudge(w).Evaluate(p1, q, caseNeed()), "OPEN")
}

func TestPermissionWithSeveralPeersIsARuleForEach(t *testing.T) {
	groups := mustGroups(t, `{"SecurityGroups":[{"GroupId":"sg-1","GroupName":"n","OwnerId":"1","VpcId":"vpc-1",
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
	const same = `{"SecurityGroupRuleId":"sgr-1","GroupId":"sg-q","IsEgress":false,"IpProtocol":"tcp","FromPort":1,"ToPort":2,"CidrIpv4":"10.0.0.0/8"}`
	const other = `{"SecurityGroupRuleId":"sgr-1","GroupId":"sg-q","IsEgress":false,"IpProtocol":"tcp","FromPort":3,"ToPort":4,"CidrIpv4":"10.0.0.0/8"}`
	g := mustGroups(t, `{"SecurityGroupRules":[`+same+","+same+`]}`)[0]
	if len(g.Rules) != 1 || len(g.Rules[0].IDs) != 1 || len(g.Notes) != 0 {
		t.Errorf("a page read twice: %+v", g)
	}
	g = mustGroups(t, `{"SecurityGroupRules":[`+same+","+other+`]}`)[0]
	if len(g.Rules) != 2 || len(g.Notes) != 1 {
		t.Errorf("one id for two rules: %+v", g)
	}
}

func TestDocumentsOfAnotherKindAreErrors(t *testing.T) {
	for _, document := range []string{"", "[]", "null", "{}", `{"Reservations":[]}`, `{"SecurityGroups":{}}`,
		`{"SecurityGroupRules":[{"FromPort":1e99}]}`, `{"SecurityGroupRules":[{"FromPort":"http"}]}`} {
		if _, err := ParseGroups([]byte(document)); err == nil {
			t.Errorf("%q passed", document)
		} else {
			contains(t, err.Error(), "decoding security groups")
		}
	}
	if _, err := ParseGroups([]byte(`{"SecurityGroups":[]}`)); err != nil {
		t.Errorf("an empty answer: %v", err)
	}
}

func TestACLShape(t *testing.T) {
	acls, err := ParseACLs([]byte(`{"NetworkAcls":[{"NetworkAclId":"acl-1","Associations":[{"SubnetId":"subnet-1"},{"SubnetId":"subnet-2"}],"Entries":[
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
	if e := a.Entries[0]; e.Err != "" || e.Allow || e.Ports != (Range{47100, 47199}) || e.CIDR.String() != "10.0.0.0/16" {
		t.Errorf("%+v", e)
	}
	if e := a.Entries[1]; e.Err != "" || e.Direction != Egress || e.Protocol != AllProtocols || e.Number != ImplicitEntry {
		t.Errorf("%+v", e)
	}
	if e := a.Entries[2]; e.Protocol != ICMP || e.ICMP != (ICMPType{8, -1}) {
		t.Errorf("%+v", e)
	}
	contains(t, a.Entries[3].Err, "tcp without ports", `action "maybe"`, "0.0.0.0/33")
	contains(t, a.Entries[4].Err, "udp without ports", "names no CIDR")
	if _, err := ParseACLs([]byte(`{"NetworkAcls":7}`)); err == nil {
		t.Error("a number for a list passed")
	}
}

func TestBadACLEntryLeavesUnknownWhatItMayDecide(t *testing.T) {
	w, p1, _, q := theCase(allow("tcp", 47100, 47109, "10.0.0.0/16"))
	bad := NetworkACLEntry{RuleNumber: 50, RuleAction: "deny", Protocol: "6", CIDRBlock: "10.0.1.0/99"}
	first, last := int64(47100), int64(47103)
	bad.PortRange = &struct{ From, To *int64 }{&first, &last}
	guard := ACL{ID: "acl-q", Subnets: []string{"subnet-3"}, Entries: []ACLEntry{allowAll(100, Ingress), allowAll(100, Egress), bad.decode()}}
	w.ACLs = append(w.ACLs, guard)
	v := NewJudge(w).Evaluate(p1, q, caseNeed())
	want(t, v, "UNKNOWN 47100-47103 at destination ACL")
	contains(t, v.Sentence(), "entry 50 of acl-q", "10.0.1.0/99")
}

func TestBadPrefixListEntryIsNotAnAbsentOne(t *testing.T) {
	list, err := ParsePrefixList("pl-1", []byte(`{"Entries":[{"Cidr":"10.0.0.0/33"},{"Cidr":"10.0.1.9/24"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	w, p1, p2, q := theCase(allow("tcp", 47100, 47109, "pl-1"))
	w.PrefixLists = []PrefixList{list}
	want(t, NewJudge(w).Evaluate(p1, q, caseNeed()), "OPEN")
	v := NewJudge(w).Evaluate(p2, q, caseNeed())
	want(t, v, "UNKNOWN 47100-47109")
	contains(t, v.Sentence(), "10.0.0.0/33")
	if _, err := ParsePrefixList("pl-1", []byte(`[]`)); err == nil {
		t.Error("a list for a page passed")
	}
}

func FuzzParseGroups(f *testing.F) {
	f.Add([]byte(`{"SecurityGroups":[{"GroupId":"sg-q","IpPermissions":[{"IpProtocol":"-1","IpRanges":[{"CidrIp":"10.0.0.0/33"}]}]}]}`))
	f.Add([]byte(`{"SecurityGroupRules":[{"GroupId":"sg-q","IsEgress":false,"IpProtocol":"TCP","FromPort":5,"ToPort":70000,"CidrIpv6":"::/0"}]}`))
	f.Add([]byte(`{"SecurityGroupRules":[{"GroupId":"sg-q","IpProtocol":"6","FromPort":47100,"ToPort":47105,"ReferencedGroupInfo":{"GroupId":"sg-a","PeeringStatus":"deleted"}}]}`))
	f.Fuzz(func(t *testing.T, document []byte) {
		groups, err := ParseGroups(document)
		if err != nil {
			return
		}
		w, p1, _, q := theCase()
		w.Groups = append(w.Groups, groups...)
		v := NewJudge(w).Evaluate(p1, q, caseNeed())
		parts(t, v.Need.Ports, v.Open(v.Need), v.Unknown, v.Missing)
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
	f.Add([]byte(`{"NetworkAcls":[{"NetworkAclId":"a","Associations":[{"SubnetId":"subnet-3"}],"Entries":[{"RuleNumber":-4,"Protocol":"6","RuleAction":"deny","CidrBlock":"0.0.0.0/0","PortRange":{"From":5}}]}]}`))
	f.Fuzz(func(t *testing.T, document []byte) {
		acls, err := ParseACLs(document)
		if err != nil {
			return
		}
		w, p1, _, q := theCase(allow("tcp", 47100, 47109, "10.0.0.0/16"))
		w.ACLs = append(w.ACLs, acls...)
		v := NewJudge(w).Evaluate(p1, q, caseNeed())
		parts(t, v.Need.Ports, v.Open(v.Need), v.Unknown, v.Missing)
	})
}
