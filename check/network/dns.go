package network

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"

	"muster/check"
	"muster/check/subject"
	"muster/internal/base/fix"
	"muster/internal/base/plural"
	"muster/internal/file/safefile"
	"muster/internal/host/netpath"
)

// errCutOff means that muster's own deadline ended a lookup. It says nothing about the name.
var errCutOff = errors.New("not looked up: the time for this check had ended")

// resolved is an endpoint with the addresses of its name, or of the proxy's name if a proxy is used.
type resolved struct {
	endpoint
	url     string // the URL that is used
	host    string // the name that was looked up
	proxied bool
	via     string // HOST:PORT of the proxy
	setAt   string // file:line of the proxy setting
	addrs   []netip.Addr
	err     error
}

// private reports whether the name resolves to an address within the VPC.
func (r resolved) private() bool {
	return !r.proxied && len(r.addrs) > 0 && r.addrs[0].IsPrivate()
}

// endpointHost returns the host of the endpoint, even if a proxy is used.
func (r resolved) endpointHost() string {
	if at, err := url.Parse(r.url); err == nil && at.Hostname() != "" {
		return at.Hostname()
	}
	return r.host
}

func (r resolved) String() string {
	if r.err != nil {
		return r.host + ": " + plainLookup(r.err)
	}
	kind := "public"
	if r.private() {
		kind = "private"
	}
	if r.proxied {
		kind = "the proxy"
	}
	return fmt.Sprintf("%s: %s (%s)", r.host, listed(r.addrs), kind)
}

func (g Group) dns(ctx context.Context) ([]check.Finding, []resolved) {
	names := g.resolve(ctx)
	if names == nil {
		return check.Skipped(subject.NoEndpoint), nil
	}
	return g.nameFindings(ctx, names), names
}

func (g Group) nameFindings(ctx context.Context, names []resolved) []check.Finding {
	for _, r := range names {
		if unknown := check.OwnLimit(r.err); unknown != nil {
			return unknown
		}
	}
	n := sorted(names)
	seen := slices.Concat(n.seen, []string{g.nameservers()})
	switch {
	case slices.ContainsFunc(n.failed, func(r resolved) bool { return errors.Is(r.err, errCutOff) }):
		return []check.Finding{
			{Kind: DNSCheck, Status: check.Unknown, Summary: "the time for this check ended before the names were looked up",
				Evidence: seen},
		}
	case len(n.failed) > 0:
		found := g.lookupFinding(ctx, check.Finding{Status: check.Fail, Evidence: seen, SymptomOf: []*check.Kind{DNSSupportOff}}, n.failed)
		if !n.failed[0].proxied && slices.ContainsFunc(names, func(r resolved) bool { return r.err == nil && !r.proxied }) {
			found.Fix = fix.Do("Correct the forwarding rule or private zone for the name; other names resolve:",
				"cat /etc/resolv.conf", "getent ahosts "+n.failed[0].host)
		}
		return []check.Finding{found}
	case len(n.useful) > 0:
		f := g.lookupFinding(ctx, check.Finding{Status: check.Warn, Evidence: seen}, n.useful)
		f.Evidence = append(f.Evidence, "only muster's signals use these names, the ECS agent does not")
		return []check.Finding{f}
	case n.private && len(n.public) > 0:
		return []check.Finding{g.mixedFinding(ctx, seen, n.public)}
	}
	return check.Passed("all names resolve", seen...)
}

// sortedNames groups names by the result of their lookup.
type sortedNames struct {
	failed  []resolved // needed by the ECS agent, and does not resolve
	useful  []resolved // needed only by muster, and does not resolve
	public  []resolved // needed by the ECS agent, with a public address
	private bool       // a name that the ECS agent needs has a private address
	seen    []string   // one line for each name
}

func sorted(names []resolved) (n sortedNames) {
	for _, r := range names {
		n.seen = append(n.seen, r.String())
		switch {
		case r.err != nil && r.agent:
			n.failed = append(n.failed, r)
		case r.err != nil:
			n.useful = append(n.useful, r)
		case r.proxied || !r.agent:
		case r.private():
			n.private = true
		default:
			n.public = append(n.public, r)
		}
	}
	return n
}

// lookupFinding completes the finding for names that do not resolve.
func (g Group) lookupFinding(ctx context.Context, f check.Finding, failed []resolved) check.Finding {
	first := failed[0]
	f.Kind = DNSFailure
	f.Summary = first.host + subject.AndMore(len(failed)-1, "endpoint") + " " + plural.Word(len(failed), "does not", "do not") + " resolve; " +
		g.resolver()
	if first.proxied {
		f.Summary = first.proxy() + " does not resolve"
		f.Fix = fix.Do("Correct the proxy's name in that line, or its DNS record, and restart the ECS agent:", "getent ahosts "+first.host,
			"sudo systemctl restart ecs")
		return f
	}
	look := "getent ahosts " + first.host
	var missing *net.DNSError
	if errors.As(first.err, &missing) && missing.IsNotFound {
		f.Fix = fix.Do(
			"Use the VPC resolver (169.254.169.253), or forward AWS names to it from your own resolver:",
			"cat /etc/resolv.conf",
			look,
		)
		return f
	}
	f.Fix = fix.Do("Enable DNS support in the VPC, or correct the name server in /etc/resolv.conf:",
		fmt.Sprintf("aws ec2 modify-vpc-attribute --region %s --vpc-id %s --enable-dns-support", g.Region(),
			g.locateOrPlaceholder(ctx).vpc), "cat /etc/resolv.conf", look)
	return f
}

// mixedFinding returns the finding for endpoints of which only some are in the VPC.
func (g Group) mixedFinding(ctx context.Context, seen []string, public []resolved) check.Finding {
	var services []string
	for _, r := range public {
		services = append(services, "com.amazonaws."+g.Region()+"."+r.service)
	}
	return check.Finding{
		Kind:     EndpointsMixed,
		Status:   check.Warn,
		Evidence: seen,
		Summary: "only some ECS endpoints are in the VPC: " + public[0].host + subject.AndMore(len(public)-1, "endpoint") +
			" " + plural.Word(len(public), "is public", "are public"),
		Fix: fix.Do("Create the missing VPC endpoints, with a security group that allows tcp 443 from this instance:",
			g.createEndpoints(g.locateOrPlaceholder(ctx), services)...),
	}
}

// resolve looks up all names concurrently. If an endpoint has several names, the one that resolves to an address in the
// VPC is used. Otherwise it is the first one with an address that this host can reach, or else the first one that
// resolves.
func (g Group) resolve(ctx context.Context) []resolved {
	needed := g.needed()
	if len(needed) == 0 {
		return nil
	}
	onlyIPv6 := g.onlyIPv6()
	out := make([]resolved, len(needed))
	var all sync.WaitGroup
	for i, e := range needed {
		all.Go(func() {
			tries := make([]resolved, len(e.urls))
			var both sync.WaitGroup
			for n, at := range e.urls {
				both.Go(func() { tries[n] = g.lookUp(ctx, e, at) })
			}
			both.Wait()
			out[i] = bestOf(tries, onlyIPv6)
		})
	}
	all.Wait()
	return out
}

func bestOf(tries []resolved, onlyIPv6 bool) resolved {
	for _, suits := range []func(resolved) bool{
		resolved.private,
		func(r resolved) bool { return onlyIPv6 && slices.ContainsFunc(r.addrs, netip.Addr.Is6) },
		func(r resolved) bool { return r.err == nil },
	} {
		if i := slices.IndexFunc(tries, suits); i >= 0 {
			return tries[i]
		}
	}
	return tries[0]
}

// lookUp resolves the endpoint's name. If a proxy is used, it resolves the proxy's name instead, because the proxy
// resolves the endpoint's.
func (g Group) lookUp(ctx context.Context, e endpoint, at string) resolved {
	r := resolved{endpoint: e, url: at}
	target, err := url.Parse(at)
	if err != nil {
		r.host, r.err = at, err
		return r
	}
	r.host = target.Hostname()
	if via, err := g.Settings().Proxy().For(target); via != nil && err == nil {
		r.host, r.proxied, r.via = via.Hostname(), true, via.Host
		if agent, err := g.proxyOfAgent(); err == nil {
			r.setAt = agent.setAt
		}
	}
	if addr, err := netip.ParseAddr(r.host); err == nil {
		r.addrs = []netip.Addr{addr}
		return r
	}
	r.addrs, r.err = g.Route.Resolve(ctx, r.host)
	if r.err != nil && ctx.Err() != nil { // the check's timeout ended, not the lookup's own
		r.err = errCutOff
	}
	if r.err == nil && len(r.addrs) == 0 {
		r.err = errors.New("no address")
	}
	return r
}

// plainLookup returns the error's text without the name and the server, which are shown next to it.
func plainLookup(err error) string {
	var lookup *net.DNSError
	switch {
	case !errors.As(err, &lookup):
		return err.Error()
	case lookup.IsNotFound:
		return "no such name"
	case lookup.IsTimeout:
		return "the resolver does not respond"
	}
	return lookup.Err
}

func (g Group) nameservers() string {
	servers, err := g.resolvers()
	switch {
	case err != nil:
		return "could not read the resolver settings: " + err.Error()
	case len(servers) == 0:
		return "/etc/resolv.conf lists no resolver"
	}
	return "resolver in /etc/resolv.conf: " + strings.Join(servers, ", ")
}

// resolver returns the name servers, short enough for a summary.
func (g Group) resolver() string {
	servers, err := g.resolvers()
	if err == nil && len(servers) == 0 {
		return "/etc/resolv.conf lists no resolver"
	}
	return "resolver " + cmp.Or(strings.Join(servers[:min(1, len(servers))], ""), "unknown")
}

func (g Group) resolvers() ([]string, error) {
	data, err := safefile.Read(g.Config.Path("/etc/resolv.conf"), subject.MaxSmall)
	return netpath.Nameservers(string(data)), err
}

func listed(addrs []netip.Addr) string {
	var texts []string
	for _, a := range addrs {
		texts = append(texts, a.String())
	}
	return strings.Join(texts, ", ")
}
