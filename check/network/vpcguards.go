package network

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"muster/check"
	"muster/internal/base/fix"
	"muster/internal/fleet"
	"muster/reach"
)

// guards evaluates security groups and network ACLs between this instance and the addresses that do not respond. For an
// address in the VPC it evaluates both ends, otherwise only this instance's.
func (g Group) guards(ctx context.Context, lost []unanswered, _ location) ([]check.Finding, error) {
	var addrs []netip.Addr
	for _, l := range lost {
		if l.at.IsValid() {
			addrs = append(addrs, l.at)
		}
	}
	slices.SortFunc(addrs, netip.Addr.Compare)
	peers, err := g.VPC.Guards(ctx, slices.Compact(addrs))
	switch {
	case err != nil:
		return nil, err
	case peers.Self < 0:
		return nil, errors.New("EC2 does not list this instance")
	}
	judge, self := reach.NewJudge(peers.World), peers.Endpoints[peers.Self]
	var unknown error
	for i, peer := range peers.Endpoints {
		if i == peers.Self {
			continue
		}
		v := judge.Evaluate(self, peer, reach.Need{Protocol: reach.TCP, Ports: reach.Range{First: 443, Last: 443}, Flow: reach.Outbound})
		switch {
		case v.Status == reach.Open, v.Hop == reach.Nowhere && v.Status != reach.Unknown: // the address is IPv6 and this instance has none
		case v.Status == reach.Unknown:
			unknown = unreadActions(peers) // the same for every address
		default:
			return g.closed(v, self, peer)
		}
	}
	return nil, unknown
}

// unreadActions returns an error that names the actions that EC2 denied. A public address without an owner in this
// region is not an error.
func unreadActions(f fleet.Fleet) error {
	var explainTimeout []error
	for _, u := range f.Unread {
		if u.Action != "" {
			explainTimeout = append(explainTimeout, fmt.Errorf("could not read %s", u))
		}
	}
	return errors.Join(explainTimeout...)
}

// closed returns the finding that names the hop that blocks the traffic, and the rule that opens it.
func (g Group) closed(v reach.Verdict, self, peer reach.Endpoint) ([]check.Finding, error) {
	to := peer.Addrs[0]
	switch v.Hop {
	case reach.SourceEgress:
		all := "--protocol tcp --port 443 --cidr 0.0.0.0/0"
		if to.Is6() {
			all = "--ip-permissions 'IpProtocol=tcp,FromPort=443,ToPort=443,Ipv6Ranges=[{CidrIpv6=::/0}]'"
		}
		return failed(EgressClosed, fmt.Sprintf("no egress rule of %s allows tcp 443 to %s", strings.Join(self.Groups, ", "), to),
			fix.Do("Add the rule:", g.ec2("authorize-security-group-egress --group-id %s %s", self.Groups[0], all)), v.Sentence())
	case reach.DestinationIngress:
		return failed(EndpointGroupClosed,
			fmt.Sprintf("the security group of the VPC endpoint, %s, does not allow tcp 443 from this instance", strings.Join(peer.Groups, ", ")),
			fix.Do("Add the rule:", g.ec2("authorize-security-group-ingress --group-id %s --protocol tcp --port 443 --source-group %s",
				peer.Groups[0], self.Groups[0])), v.Sentence())
	}
	return failed(ACLClosed, fmt.Sprintf("a network ACL blocks tcp 443 between this instance and %s", to),
		fix.Do("In the network ACL, allow tcp 443 to the endpoint and its return traffic to tcp 1024-65535:",
			g.ec2("describe-network-acls --filters Name=association.subnet-id,Values=%s", strings.Trim(self.Subnet+","+peer.Subnet,
				","))), v.Sentence())
}
