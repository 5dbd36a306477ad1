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

// unreached is an endpoint that does not answer, where the VPC may be the reason.
type unreached struct {
	resolved
	at netip.Addr // the address that was dialled
}

// tried is an endpoint with its answer.
type tried struct {
	resolved
	netpath.Answer
}

// at is the host with the address that was dialled.
func (t tried) at() string {
	switch {
	case t.proxied:
		return t.via
	case t.Addr.IsValid():
		return t.host + " (" + t.Addr.String() + ")"
	}
	return t.host
}

func (t tried) String() string {
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

// endpoints asks all endpoints, and learns which of them do not answer for what may be a
// reason in the VPC.
func (w Group) endpoints(ctx context.Context, names []resolved) ([]check.Finding, []unreached) {
	if names == nil { // dns was not selected
		names = w.resolve(ctx)
	}
	if names == nil {
		return check.Skipped(subject.NoEndpoint), nil
	}
	all := make([]tried, len(names))
	var asked sync.WaitGroup
	for i, r := range names {
		asked.Go(func() {
			answer, err := w.Route.AskAsAgent(ctx, r.url)
			if err != nil {
				answer = netpath.Answer{Kind: netpath.Failed, Err: err}
			}
			all[i] = tried{r, answer}
		})
	}
	asked.Wait()
	for _, t := range all {
		if unknown := check.OwnLimit(t.Err); unknown != nil {
			return unknown, nil
		}
	}
	return w.unreachable(ctx, all)
}

// unreachable makes one finding of all endpoints that fail alike.
func (w Group) unreachable(ctx context.Context, all []tried) ([]check.Finding, []unreached) {
	var beyond []unreached
	var evidence []string
	lost := map[netpath.Kind][]tried{}
	for _, t := range all {
		evidence = append(evidence, t.String())
		if t.Kind != netpath.Reached {
			lost[t.Kind] = append(lost[t.Kind], t)
		}
	}
	var found []check.Finding
	for _, k := range w.failures() {
		if failed := lost[k.Kind]; len(failed) > 0 {
			found = append(found, k.finding(w, failed))
		}
	}
	if len(found) == 0 {
		return check.Passed("all ECS endpoints answer", evidence...), nil
	}
	if silent := lost[netpath.TimedOut]; len(silent) > 0 {
		beyond = w.why(ctx, &found[0], silent, all)
	}
	for i := range found {
		for _, k := range w.failures() {
			if failed := lost[k.Kind]; k.kind == found[i].Kind && len(failed) > 0 && misleads(k.Kind) {
				w.misdirected(&found[i], failed, all)
			}
		}
	}
	found[0].Evidence = append(evidence, found[0].Evidence...)
	w.overIPv6(ctx, found)
	return found, beyond
}

// why completes the finding about endpoints that do not answer, which comes first.
// Where others are within the VPC, its set of VPC endpoints is incomplete, and
// that is the reason; otherwise vpc-path looks for one.
func (w Group) why(ctx context.Context, timeout *check.Finding, silent, all []tried) (beyond []unreached) {
	at := w.place(ctx)
	inside := slices.ContainsFunc(all, func(t tried) bool { return t.private() && t.Kind == netpath.Reached })
	outside := slices.DeleteFunc(slices.Clone(silent), func(t tried) bool { return t.private() || t.proxied })
	if inside && len(outside) > 0 {
		w.incomplete(timeout, at, outside)
		return nil
	}
	for _, t := range silent {
		if !t.proxied {
			beyond = append(beyond, unreached{t.resolved, t.Addr.Addr()})
		}
	}
	if len(outside) > 0 {
		timeout.Fix = fix.Do("Add a route to the endpoints (NAT gateway or VPC endpoints), and allow outbound tcp 443:",
			fmt.Sprintf("aws ec2 describe-route-tables --region %s --filters Name=vpc-id,Values=%s", w.Region(), at.vpc),
			fmt.Sprintf("aws ec2 describe-vpc-endpoints --region %s --filters Name=vpc-id,Values=%s", w.Region(), at.vpc),
			fmt.Sprintf("aws ec2 describe-security-groups --region %s --group-ids %s", w.Region(), strings.Join(at.groups, " ")))
	}
	if at.known && len(beyond) > 0 {
		timeout.Evidence = []string{"this instance: " + at.String()}
	}
	w.pastTheProxy(timeout, silent)
	return beyond
}

// pastTheProxy completes the finding where the ECS agent has a proxy, and NO_PROXY
// exempts the endpoints that do not answer.
func (w Group) pastTheProxy(timeout *check.Finding, silent []tried) {
	s := w.Settings()
	proxy, no := s.Proxy(), s.Any("NO_PROXY", "no_proxy")
	direct := slices.DeleteFunc(slices.Clone(silent), func(t tried) bool { return t.proxied })
	if proxy.HTTP+proxy.HTTPS == "" || no.Key == "" || len(direct) == 0 {
		return
	}
	timeout.Evidence = append(timeout.Evidence,
		no.Where()+": NO_PROXY exempts "+direct[0].host+", so the ECS agent does not use its proxy for it")
	timeout.Fix.Text = "Remove the endpoints' domain from NO_PROXY, or add a route to them and allow outbound tcp 443:"
}

// incomplete names the VPC endpoints that are missing beside those that answer.
func (w Group) incomplete(timeout *check.Finding, at location, outside []tried) {
	var services []string
	for _, t := range outside {
		services = append(services, "com.amazonaws."+w.Region()+"."+t.service)
	}
	timeout.Kind, timeout.SymptomOf = EndpointsIncomplete, nil
	timeout.Summary = "the VPC has no endpoint " + services[0]
	if more := len(services) - 1; more > 0 {
		timeout.Summary += fmt.Sprintf("; %d more missing", more)
	}
	timeout.Fix = fix.Do("Create the missing VPC endpoint, with a security group that allows tcp 443 from this instance:",
		w.createEndpoints(at, services)...)
	timeout.Confirm = fmt.Sprintf("aws ec2 describe-vpc-endpoints --region %s --filters Name=vpc-id,Values=%s --query 'VpcEndpoints[].[ServiceName,State,PrivateDnsEnabled]'", w.Region(), at.vpc)
}

func (w Group) createEndpoints(at location, services []string) []string {
	var commands []string
	for _, service := range services {
		commands = append(commands,
			fmt.Sprintf("aws ec2 create-vpc-endpoint --region %s --vpc-id %s --vpc-endpoint-type Interface --service-name %s --subnet-ids %s --security-group-ids SECURITY_GROUP_ID --private-dns-enabled",
				w.Region(), at.vpc, service, at.subnet))
	}
	return commands
}

// place is where in the VPC this instance is, with placeholders for what is
// unknown: the metadata service says it without any permission.
func (w Group) place(ctx context.Context) location {
	unknown := location{vpc: "VPC_ID", subnet: "SUBNET_ID", groups: []string{"SECURITY_GROUP_ID"}}
	if w.IMDS == nil {
		return unknown
	}
	ctx, stop := context.WithTimeout(ctx, time.Second) // it is the end of a long wait
	defer stop()
	if at, err := w.locate(ctx); err == nil {
		at.known = true
		return at
	}
	return unknown
}

// overIPv6 takes the failure back where the ECS agent is registered although this
// host has no default route for IPv4: the agent then uses a path that muster did
// not try. "Could not check" is never "no".
func (w Group) overIPv6(ctx context.Context, found []check.Finding) {
	i := slices.IndexFunc(found, func(f check.Finding) bool { return f.Kind == EndpointNoRoute })
	if i < 0 || w.Route.Families().V4 || !w.Registered(ctx) {
		return
	}
	f := &found[i]
	f.Status, f.Summary = check.Unknown, "the ECS endpoints over IPv6: this host has no IPv4 default route, and the ECS agent is registered"
	f.Fix = fix.Do("Check the dual-stack endpoint over IPv6:", "curl -6 -sv -m 5 -o /dev/null https://"+w.dualStackHost())
}
