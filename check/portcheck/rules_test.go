package portcheck

import (
	"context"
	"net/netip"
	"strings"
	"testing"

	checkports "muster/check/ports"
	"muster/internal/fleet"
	"muster/reach"
)

// Without permission to read the rules, no port is known to be open.
func TestPortsThatCannotBeJudgedAreNotOpen(t *testing.T) {
	endpoint := func(name, addr string) reach.Endpoint {
		return reach.Endpoint{
			Name: name,
			ENI: reach.ENI{
				ID:     "eni-" + name,
				Addrs:  []netip.Addr{netip.MustParseAddr(addr)},
				Groups: []string{"sg-1"},
				Subnet: "s",
				VPC:    "v",
			},
		}
	}
	denied := reach.Unread{Action: "ec2:DescribeSecurityGroups", Reason: "UnauthorizedOperation"}
	f := fleet.Fleet{
		Endpoints: []reach.Endpoint{endpoint("me", "10.0.0.1"), endpoint("you", "10.0.0.2")}, Unread: []reach.Unread{denied},
		World: reach.World{Groups: []reach.Group{{ID: "sg-1", Unread: denied}}},
	}
	needs, _, err := reach.ParsePorts("ignite2")
	if err != nil {
		t.Fatal(err)
	}
	discover := func(context.Context) (fleet.Fleet, error) { return f, nil }
	got, err := byRules(t.Context(), checkports.Options{Discover: discover}, "cluster prod", "eu-west-1", needs)
	if err == nil || got != (Blocked{}) || !strings.Contains(err.Error(), "ec2:DescribeSecurityGroups") {
		t.Errorf("%+v, %v", got, err)
	}
}
