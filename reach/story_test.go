package reach

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// story returns three container instances in two subnets, a load balancer, one ACL for all, and a group whose rule for
// Ignite's communication ports is too short for one of them.
func story() (World, []Endpoint) {
	at := func(name, addr, subnet, group string) Endpoint {
		e := endpoint(name, addr, group)
		e.Subnet = subnet
		return e
	}
	world, out := peer("0.0.0.0/0"), rule(Egress, "-1", 0, 0, "0.0.0.0/0")
	return World{
			ACLs: []ACL{
				{
					ID:      "acl-0default",
					Subnets: []string{"subnet-a", "subnet-b"},
					Entries: []ACLEntry{allowAll(100, Egress), allowAll(100, Ingress)},
				},
			},
			Groups: []Group{
				{ID: "sg-0cache", Name: "cache", Rules: []Rule{
					allow("tcp", 47500, 47599, "sg-0cache"),
					allow("tcp", 47500, 47599, "sg-0batch"),
					allow(
						"tcp",
						47100,
						47199,
						"sg-0cache",
					),
					allow("tcp", 47100, 47105, "10.0.2.0/24"),
					allow("tcp", 8080, 8080, "sg-0alb"),
					out,
				}},
				{ID: "sg-0batch", Name: "batch", Rules: []Rule{allow("tcp", 47000, 47999, "10.0.0.0/16"), out}},
				{
					ID:    "sg-0alb",
					Name:  "alb",
					Rules: []Rule{{Protocol: TCP, Ports: Range{443, 443}, Peer: world}, rule(Egress, "tcp", 8080, 8080, "sg-0cache")},
				},
			},
		}, []Endpoint{
			at("i-cache-1", "10.0.1.11", "subnet-a", "sg-0cache"),
			at("i-cache-2", "10.0.2.12", "subnet-b", "sg-0cache"),
			at("i-batch-1", "10.0.2.21", "subnet-b", "sg-0batch"),
		}
}

// One of three instances cannot reach the others on a part of one range. The printed rule alone must fix it.
func TestClosedPartOfARangeIsFoundAndFixed(t *testing.T) {
	w, eps := story()
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

	f := v.Fixes[0]
	w.Groups = append(
		w.Groups,
		Group{ID: f.Group, Rules: []Rule{{Direction: f.Direction, Protocol: f.Protocol, Ports: f.Ports[0], Peer: f.Peer}}},
	)
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

// The load balancer's egress rules matter as much as the instance's ingress rules.
func TestLoadBalancerIsAnEndpoint(t *testing.T) {
	w, eps := story()
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
