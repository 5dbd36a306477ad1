package network

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"muster/check"
	"muster/check/subject"
	"muster/internal/base/fix"
	"muster/internal/host/netpath"
)

// unanswered is an endpoint that does not respond, possibly because of the VPC.
type unanswered struct {
	resolved
	at netip.Addr // the address that was probed
}

// attempt is an endpoint with the result of a request to it.
type attempt struct {
	resolved
	netpath.Answer
}

// at returns the host with the probed address.
func (t attempt) at() string {
	switch {
	case t.proxied:
		return t.via
	case t.Addr.IsValid():
		return t.host + " (" + t.Addr.String() + ")"
	}
	return t.host
}

func (t attempt) String() string {
	text := t.at()
	if t.proxied {
		text = fmt.Sprintf("%s through the proxy %s", t.url, t.via)
		if t.Addr.IsValid() {
			text += " (" + t.Addr.Addr().String() + ")"
		}
	}
	if t.Kind == netpath.Reached {
		return fmt.Sprintf("%s: reached, HTTP status %d", text, t.Status)
	}
	return fmt.Sprintf("%s: %s", text, t.Err)
}

// endpoints sends a request to every endpoint. It also returns the endpoints that do not respond, possibly because of
// the VPC.
func (g Group) endpoints(ctx context.Context, names []resolved) ([]check.Finding, []unanswered) {
	if names == nil { // the dns check was not selected
		names = g.resolve(ctx)
	}
	if names == nil {
		return check.Skipped(subject.NoEndpoint), nil
	}
	all := make([]attempt, len(names))
	var asked sync.WaitGroup
	for i, r := range names {
		asked.Go(func() {
			answer, err := g.Route.AskAsAgent(ctx, r.url)
			if err != nil {
				answer = netpath.Answer{Kind: netpath.Failed, Err: err}
			}
			all[i] = attempt{r, answer}
		})
	}
	asked.Wait()
	for _, t := range all {
		if unknown := check.OwnLimit(t.Err); unknown != nil {
			return unknown, nil
		}
	}
	return g.unreachable(ctx, all)
}

// unreachable returns one finding for all endpoints that fail in the same way.
func (g Group) unreachable(ctx context.Context, all []attempt) ([]check.Finding, []unanswered) {
	var beyond []unanswered
	var evidence []string
	lost := map[netpath.Kind][]attempt{}
	for _, t := range all {
		evidence = append(evidence, t.String())
		if t.Kind != netpath.Reached {
			lost[t.Kind] = append(lost[t.Kind], t)
		}
	}
	var found []check.Finding
	for _, k := range g.failures() {
		if failed := lost[k.Kind]; len(failed) > 0 {
			found = append(found, k.finding(g, failed))
		}
	}
	if len(found) == 0 {
		return check.Passed("all ECS endpoints respond", evidence...), nil
	}
	if silent := lost[netpath.TimedOut]; len(silent) > 0 {
		beyond = g.explainTimeout(ctx, &found[0], silent, all)
	}
	for i := range found {
		for _, k := range g.failures() {
			if failed := lost[k.Kind]; k.kind == found[i].Kind && len(failed) > 0 && mayBeWrongAddress(k.Kind) {
				g.wrongAddress(&found[i], failed, all)
			}
		}
	}
	found[0].Evidence = append(evidence, found[0].Evidence...)
	g.overIPv6(ctx, found)
	return found, beyond
}

// explainTimeout completes the finding for endpoints that do not respond, which is the first one. If other endpoints
// are within the VPC, the VPC endpoints are incomplete. Otherwise it returns the endpoints for which vpc-path must find
// the reason.
func (g Group) explainTimeout(ctx context.Context, timeout *check.Finding, silent, all []attempt) (beyond []unanswered) {
	at := g.locateOrPlaceholder(ctx)
	inside := slices.ContainsFunc(all, func(t attempt) bool { return t.private() && t.Kind == netpath.Reached })
	outside := slices.DeleteFunc(slices.Clone(silent), func(t attempt) bool { return t.private() || t.proxied })
	if inside && len(outside) > 0 {
		g.incompleteFinding(timeout, at, outside)
		return nil
	}
	for _, t := range silent {
		if !t.proxied {
			beyond = append(beyond, unanswered{t.resolved, t.Addr.Addr()})
		}
	}
	if len(outside) > 0 {
		timeout.Fix = fix.Do("Add a route to the endpoints (NAT gateway or VPC endpoints), and allow outbound tcp 443:",
			fmt.Sprintf("aws ec2 describe-route-tables --region %s --filters Name=vpc-id,Values=%s", g.Region(), at.vpc),
			fmt.Sprintf("aws ec2 describe-vpc-endpoints --region %s --filters Name=vpc-id,Values=%s", g.Region(), at.vpc),
			fmt.Sprintf("aws ec2 describe-security-groups --region %s --group-ids %s", g.Region(), strings.Join(at.groups, " ")))
	}
	if at.known && len(beyond) > 0 {
		timeout.Evidence = []string{"this instance: " + at.String()}
	}
	g.pastTheProxy(timeout, silent)
	return beyond
}

// pastTheProxy completes the finding if the ECS agent has a proxy and NO_PROXY exempts the endpoints that do not
// respond.
func (g Group) pastTheProxy(timeout *check.Finding, silent []attempt) {
	s := g.Settings()
	proxy, no := s.Proxy(), s.Any("NO_PROXY", "no_proxy")
	direct := slices.DeleteFunc(slices.Clone(silent), func(t attempt) bool { return t.proxied })
	if proxy.HTTP+proxy.HTTPS == "" || no.Key == "" || len(direct) == 0 {
		return
	}
	timeout.Evidence = append(timeout.Evidence,
		no.Where()+": NO_PROXY exempts "+direct[0].host+", so the ECS agent does not use its proxy for it")
	timeout.Fix.Text = "Remove the endpoints' domain from NO_PROXY, or add a route to them and allow outbound tcp 443:"
}

// incompleteFinding names the missing VPC endpoints if other endpoints in the VPC respond.
func (g Group) incompleteFinding(timeout *check.Finding, at location, outside []attempt) {
	var services []string
	for _, t := range outside {
		services = append(services, "com.amazonaws."+g.Region()+"."+t.service)
	}
	timeout.Kind, timeout.SymptomOf = EndpointsIncomplete, nil
	timeout.Summary = "the VPC has no endpoint " + services[0]
	if more := len(services) - 1; more > 0 {
		timeout.Summary += fmt.Sprintf("; %d more missing", more)
	}
	timeout.Fix = fix.Do("Create the missing VPC endpoint, with a security group that allows tcp 443 from this instance:",
		g.createEndpoints(at, services)...)
	timeout.Confirm = fmt.Sprintf("aws ec2 describe-vpc-endpoints --region %s --filters Name=vpc-id,Values=%s --query "+
		"'VpcEndpoints[].[ServiceName,State,PrivateDnsEnabled]'", g.Region(), at.vpc)
}

func (g Group) createEndpoints(at location, services []string) []string {
	var commands []string
	for _, service := range services {
		commands = append(commands,
			fmt.Sprintf("aws ec2 create-vpc-endpoint --region %s --vpc-id %s --vpc-endpoint-type Interface --service-name %s --subnet-ids %s "+
				"--security-group-ids SECURITY_GROUP_ID --private-dns-enabled",
				g.Region(), at.vpc, service, at.subnet))
	}
	return commands
}

// locateOrPlaceholder returns the instance's location in the VPC, with placeholders for unknown values. The metadata
// service provides it without any IAM permission.
func (g Group) locateOrPlaceholder(ctx context.Context) location {
	unknown := location{vpc: "VPC_ID", subnet: "SUBNET_ID", groups: []string{"SECURITY_GROUP_ID"}}
	if g.IMDS == nil {
		return unknown
	}
	ctx, stop := context.WithTimeout(ctx, time.Second) // the user has already waited for a timeout
	defer stop()
	if at, err := g.locate(ctx); err == nil {
		at.known = true
		return at
	}
	return unknown
}

// overIPv6 changes the failure to unknown if the ECS agent has registered although this host has no IPv4 default route.
// In that case the agent uses a path that muster did not try.
func (g Group) overIPv6(ctx context.Context, found []check.Finding) {
	i := slices.IndexFunc(found, func(f check.Finding) bool { return f.Kind == EndpointNoRoute })
	if i < 0 || g.Route.Families().V4 || !g.Registered(ctx) {
		return
	}
	f := &found[i]
	f.Status, f.Summary = check.Unknown, "the ECS endpoints over IPv6: this host has no IPv4 default route, and the ECS agent is registered"
	f.Fix = fix.Do("Check the dual-stack endpoint over IPv6:", "curl -6 -sv -m 5 -o /dev/null https://"+g.dualStackHost())
}
