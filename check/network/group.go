// Package network checks the path from the instance to AWS: the proxy, names, endpoints,
// the VPC, and the endpoints that ECS assigns to its agent.
package network

import (
	"context"
	"net/netip"
	"time"

	"muster/check"
	"muster/check/subject"
	"muster/internal/fleet"
)

// Group holds the dependencies of these checks.
type Group struct {
	*subject.Instance
	Route  subject.Route
	IMDS   Metadata // nil if it cannot be queried
	VPC    Surroundings
	Poll   Poller // ECS, with this instance's credentials; nil if it cannot be called
	Others Others
}

// Metadata is the part of the instance metadata service that describes the VPC.
type Metadata interface {
	Metadata(ctx context.Context, path string) (value string, ok bool, err error)
}

// Surroundings reads the VPC from EC2. Either both fields are set or neither.
type Surroundings struct {
	VPC
	// Guards finds the security groups and ACLs of this instance and of the addresses.
	Guards func(context.Context, []netip.Addr) (fleet.Fleet, error)
}

// Others are the checks and findings of other groups that these checks refer to.
type Others struct {
	InstanceRoleCheck, ClockSkew, ECSConfigMisread *check.Kind
}

// Checks returns the checks of this group.
func (g Group) Checks() []check.Check {
	dns, names := check.Learn(check.Check{Kind: DNSCheck, Group: check.Network, Title: "the ECS endpoint names resolve",
		Findings: []*check.Kind{DNSFailure, EndpointsMixed}}, g.dns)
	dns.Run = check.IfAvailable(g.Route.Net != nil, dns.Run)
	endpoints, lost := g.endpointsCheck(names)
	return []check.Check{
		{Kind: ProxyCheck, Group: check.Network, Title: "the proxy exempts local addresses", Run: g.proxy,
			Findings: []*check.Kind{NoProxyIncomplete}},
		dns, endpoints, g.vpcPathCheck(names, lost),
		{Kind: PollEndpointCheck, Group: check.Network, Title: "the endpoints that ECS assigns to its agent respond",
			Needs:  []*check.Kind{g.Others.InstanceRoleCheck, ECSEndpointsCheck},
			Remote: true, Deep: true, Run: check.IfAvailable(g.Poll != nil && g.Route.Net != nil, g.pollEndpoint),
			Findings: []*check.Kind{PollDenied, EndpointPolicy, CredentialsRefused, SignatureRefused, PollUnreached}},
	}
}

func (g Group) endpointsCheck(names *check.Learned[[]resolved]) (check.Check, *check.Learned[[]unanswered]) {
	c := check.Check{Kind: ECSEndpointsCheck, Group: check.Network,
		Title: "the ECS endpoints respond, with certificates that this host trusts",
		Needs: []*check.Kind{DNSCheck}, Timeout: 6 * time.Second,
		Findings: []*check.Kind{EndpointTimeout, EndpointRefused, EndpointNoRoute, EndpointBroken, EndpointUnresolved,
			EndpointsIncomplete, TLSUntrusted, TLSWrongName, TLSNotYetValid, TLSExpired}}
	known := check.Use(&c, names)
	c, lost := check.Learn(c, func(ctx context.Context) ([]check.Finding, []unanswered) { return g.endpoints(ctx, known()) })
	c.Run = check.IfAvailable(g.Route.Net != nil, c.Run)
	return c, lost
}

func (g Group) vpcPathCheck(names *check.Learned[[]resolved], lost *check.Learned[[]unanswered]) check.Check {
	c := check.Check{Kind: VPCPathCheck, Group: check.Network, Title: "the VPC allows this instance to reach the endpoints",
		Needs: []*check.Kind{g.Others.InstanceRoleCheck}, Remote: true, Deep: true,
		Findings: []*check.Kind{NoDefaultRoute, NATMissing, NoPublicIP, EgressClosed, ACLClosed, EndpointGroupClosed,
			EndpointUnavailable, PrivateDNSOff, DNSSupportOff}}
	known, unanswered := check.Use(&c, names), check.Use(&c, lost)
	c.Run = check.IfAvailable(g.IMDS != nil && g.VPC.VPC != nil && g.VPC.Guards != nil, func(ctx context.Context) []check.Finding {
		return g.vpcPath(ctx, known(), unanswered())
	})
	return c
}
