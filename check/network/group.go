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

// Group is what these checks depend on.
type Group struct {
	*subject.Instance
	Route  subject.Route
	IMDS   Metadata // nil: it cannot be asked
	VPC    Surroundings
	Poll   Poller // ECS, with this instance's credentials; nil: it cannot be asked
	Others Others
}

// Metadata is the part of the instance metadata service that names the VPC.
type Metadata interface {
	Metadata(ctx context.Context, path string) (value string, ok bool, err error)
}

// Surroundings are what EC2 says of the VPC. Both or none are set.
type Surroundings struct {
	VPC
	// Guards finds the security groups and ACLs around this instance and around the
	// addresses.
	Guards func(context.Context, []netip.Addr) (fleet.Fleet, error)
}

// Others are the checks and findings of other groups that these checks refer to.
type Others struct {
	InstanceRoleCheck, ClockSkew, ECSConfigMisread *check.Kind
}

// Checks are the checks of this group.
func (w Group) Checks() []check.Check {
	dns, names := check.Learn(check.Check{Kind: DNSCheck, Group: check.Network, Title: "the ECS endpoint names resolve",
		Findings: []*check.Kind{DNSFailure, EndpointsMixed}}, w.dns)
	dns.Run = check.Given(w.Route.Net != nil, dns.Run)
	endpoints, lost := w.endpointsCheck(names)
	return []check.Check{
		{Kind: ProxyCheck, Group: check.Network, Title: "the proxy exempts local addresses", Run: w.proxy,
			Findings: []*check.Kind{NoProxyIncomplete}},
		dns, endpoints, w.vpcPathCheck(names, lost),
		{Kind: PollEndpointCheck, Group: check.Network, Title: "the endpoints that ECS assigns to its agent answer",
			Needs:  []*check.Kind{w.Others.InstanceRoleCheck, ECSEndpointsCheck},
			Remote: true, Deep: true, Run: check.Given(w.Poll != nil && w.Route.Net != nil, w.pollEndpoint),
			Findings: []*check.Kind{PollDenied, EndpointPolicy, CredentialsRefused, SignatureRefused, PollUnreached}},
	}
}

func (w Group) endpointsCheck(names *check.Learned[[]resolved]) (check.Check, *check.Learned[[]unreached]) {
	c := check.Check{Kind: ECSEndpointsCheck, Group: check.Network,
		Title: "the ECS endpoints answer, with certificates that this host trusts",
		Needs: []*check.Kind{DNSCheck}, Timeout: 6 * time.Second,
		Findings: []*check.Kind{EndpointTimeout, EndpointRefused, EndpointNoRoute, EndpointBroken, EndpointUnresolved,
			EndpointsIncomplete, TLSUntrusted, TLSWrongName, TLSNotYetValid, TLSExpired}}
	known := check.Use(&c, names)
	c, lost := check.Learn(c, func(ctx context.Context) ([]check.Finding, []unreached) { return w.endpoints(ctx, known()) })
	c.Run = check.Given(w.Route.Net != nil, c.Run)
	return c, lost
}

func (w Group) vpcPathCheck(names *check.Learned[[]resolved], lost *check.Learned[[]unreached]) check.Check {
	c := check.Check{Kind: VPCPathCheck, Group: check.Network, Title: "the VPC allows this instance to reach the endpoints",
		Needs: []*check.Kind{w.Others.InstanceRoleCheck}, Remote: true, Deep: true,
		Findings: []*check.Kind{NoDefaultRoute, NATMissing, NoPublicIP, EgressClosed, ACLClosed, EndpointGroupClosed,
			EndpointUnavailable, PrivateDNSOff, DNSSupportOff}}
	known, unanswered := check.Use(&c, names), check.Use(&c, lost)
	c.Run = check.Given(w.IMDS != nil && w.VPC.VPC != nil && w.VPC.Guards != nil, func(ctx context.Context) []check.Finding {
		return w.vpcPath(ctx, known(), unanswered())
	})
	return c
}
