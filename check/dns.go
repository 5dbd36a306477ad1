package check

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"

	"muster/internal/fix"
	"muster/internal/netpath"
)

// resolved is an endpoint with what its name, or that of the proxy before it,
// stands for.
type resolved struct {
	endpoint
	url     string // the one that is used
	host    string // that was looked up
	proxied bool
	addrs   []netip.Addr
	err     error
}

// private says that the name leads to an endpoint within the VPC.
func (r resolved) private() bool {
	return !r.proxied && len(r.addrs) > 0 && r.addrs[0].IsPrivate()
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

func (w World) dns(ctx context.Context, f *facts) []Finding {
	if f.names = w.resolve(ctx); f.names == nil {
		return Skipped("the region is not known, and with it the names of the endpoints")
	}
	var failed, useful, seen []string
	private, public := 0, 0
	for _, r := range f.names {
		seen = append(seen, r.String())
		switch {
		case r.err != nil && r.agent:
			failed = append(failed, r.host)
		case r.err != nil:
			useful = append(useful, r.host)
		case r.proxied || !r.agent:
		case r.private():
			private++
		default:
			public++
		}
	}
	servers := w.nameservers()
	seen = append(seen, servers)
	ask := fix.Do("Enable DNS support in the VPC, or correct the name server in /etc/resolv.conf; then look the name up again:", "getent hosts "+f.names[0].host)
	switch {
	case len(failed) > 0:
		return []Finding{{ID: "dns-failure", Status: Fail, Summary: does(failed) + " not resolve; " + servers, Evidence: seen, Fix: ask, SymptomOf: []string{"dns-support-off"}}}
	case len(useful) > 0:
		return []Finding{{ID: "dns-failure", Status: Warn, Summary: does(useful) + " not resolve; the ECS agent does without, muster's signals do not", Evidence: seen, Fix: ask}}
	case private > 0 && public > 0:
		return []Finding{{ID: "endpoints-mixed", Status: Warn, Summary: "some endpoints of ECS are in the VPC and some are not: the instance needs both ways",
			Evidence: seen, Fix: fix.Do("create the interface endpoints that lack, of ecs, ecs-agent and ecs-telemetry, with private DNS")}}
	}
	return Passed("every name resolves", seen...)
}

func does(hosts []string) string {
	if len(hosts) == 1 {
		return hosts[0] + " does"
	}
	return named(hosts) + " do"
}

// resolve looks all names up at once. Of an endpoint with several names the one
// in the VPC counts, else the first there is.
func (w World) resolve(ctx context.Context) []resolved {
	needed := w.needed()
	out := make([]resolved, len(needed))
	var all sync.WaitGroup
	for i, e := range needed {
		all.Go(func() {
			tries := make([]resolved, len(e.urls))
			var both sync.WaitGroup
			for n, at := range e.urls {
				both.Go(func() { tries[n] = w.lookUp(ctx, e, at) })
			}
			both.Wait()
			out[i] = tries[max(0, slices.IndexFunc(tries, func(r resolved) bool { return r.err == nil }))]
			if n := slices.IndexFunc(tries, resolved.private); n >= 0 {
				out[i] = tries[n]
			}
		})
	}
	all.Wait()
	if len(out) == 0 {
		return nil
	}
	return out
}

// lookUp takes the proxy's name where there is a proxy: that resolves the rest.
func (w World) lookUp(ctx context.Context, e endpoint, at string) resolved {
	r := resolved{endpoint: e, url: at}
	target, err := url.Parse(at)
	if err != nil {
		r.host, r.err = at, err
		return r
	}
	r.host = target.Hostname()
	if via, err := w.agentProxy().For(target); via != nil && err == nil {
		r.host, r.proxied = via.Hostname(), true
	}
	if addr, err := netip.ParseAddr(r.host); err == nil {
		r.addrs = []netip.Addr{addr}
		return r
	}
	r.addrs, r.err = w.Net.Resolve(ctx, r.host)
	if r.err == nil && len(r.addrs) == 0 {
		r.err = errors.New("no address")
	}
	return r
}

// plainLookup leaves out what is said already.
func plainLookup(err error) string {
	var lookup *net.DNSError
	switch {
	case !errors.As(err, &lookup):
		return err.Error()
	case lookup.IsNotFound:
		return "no such name"
	case lookup.IsTimeout:
		return "the resolver does not answer"
	}
	return lookup.Err
}

func (w World) nameservers() string {
	data, err := os.ReadFile(w.Config.Path("/etc/resolv.conf"))
	servers := netpath.Nameservers(string(data))
	switch {
	case err != nil:
		return "which resolver was asked is not known: " + err.Error()
	case len(servers) == 0:
		return "/etc/resolv.conf names no resolver"
	}
	return "the resolver of /etc/resolv.conf is " + strings.Join(servers, ", ")
}

func listed(addrs []netip.Addr) string {
	var texts []string
	for _, a := range addrs {
		texts = append(texts, a.String())
	}
	return strings.Join(texts, ", ")
}
