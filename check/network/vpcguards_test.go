package network

import (
	"net/netip"
	"strings"
	"testing"

	"muster/check/subject"
	"muster/reach"
)

func TestTheFixIsOfThePeersFamily(t *testing.T) {
	endpoint := func(name string, addrs ...string) reach.Endpoint {
		e := reach.Endpoint{Name: name, ENI: reach.ENI{ID: "eni-" + name, Groups: []string{"sg-1"}, Subnet: "subnet-1", VPC: "vpc-1"}}
		for _, addr := range addrs {
			e.Addrs = append(e.Addrs, netip.MustParseAddr(addr))
		}
		return e
	}
	egress := reach.Rule{Direction: reach.Egress, Protocol: reach.AllProtocols, Ports: reach.AnyPort(),
		Peer: reach.Peer{CIDR: netip.MustParsePrefix("0.0.0.0/0")}}
	world := reach.World{Groups: []reach.Group{{ID: "sg-1", Rules: []reach.Rule{egress}}},
		ACLs: []reach.ACL{{ID: "acl-1", Subnets: []string{"subnet-1"}}}}
	self, peer := endpoint("me", "10.0.0.1", "2600:1f18::2"), endpoint("you", "2600:1f18::1")
	v := reach.NewJudge(world).Evaluate(self, peer, reach.Need{Protocol: reach.TCP, Ports: reach.Range{First: 443, Last: 443}})
	got, err := Group{Instance: &subject.Instance{}}.closed(v, self, peer)
	if err != nil || got[0].Kind != EgressClosed || !strings.Contains(got[0].Fix.String(), "CidrIpv6=::/0") {
		t.Errorf("%s: %+v, %v", v.Status, got, err)
	}
}
