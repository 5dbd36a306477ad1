package check

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"muster/internal/fix"
	"muster/internal/netpath"
)

// unreached is an endpoint that does not answer, as far as the VPC may be why.
type unreached struct {
	resolved
	at netip.Addr // that was dialled
}

// tried is an endpoint with the answer.
type tried struct {
	resolved
	netpath.Answer
}

func (t tried) String() string {
	text := t.host
	if t.Addr.IsValid() {
		text += " (" + t.Addr.String() + ")"
	}
	if t.proxied {
		text = "proxy " + text + " for " + t.url
	}
	if t.Kind == netpath.Reached {
		return fmt.Sprintf("%s: reached, HTTP status %d", text, t.Status)
	}
	if t.Issuer != "" {
		return fmt.Sprintf("%s: %s; its certificate is issued by %+.200q", text, t.Err, t.Issuer)
	}
	return fmt.Sprintf("%s: %s", text, t.Err)
}

func (w World) endpoints(ctx context.Context, f *facts) []Finding {
	names := f.names
	if names == nil { // dns was not selected
		names = w.resolve(ctx)
	}
	if names == nil {
		return Skipped("the region is not known, and with it the names of the endpoints")
	}
	all := make([]tried, len(names))
	var asked sync.WaitGroup
	for i, r := range names {
		asked.Go(func() {
			answer, err := w.ask(ctx, r.url)
			if err != nil {
				answer = netpath.Answer{Kind: netpath.Failed, Err: err}
			}
			all[i] = tried{r, answer}
		})
	}
	asked.Wait()
	return w.unreachable(ctx, f, all)
}

// unreachable makes one finding of all endpoints that fail alike.
func (w World) unreachable(ctx context.Context, f *facts, all []tried) []Finding {
	var evidence []string
	lost := map[netpath.Kind][]tried{}
	for _, t := range all {
		evidence = append(evidence, t.String())
		if t.Kind != netpath.Reached {
			lost[t.Kind] = append(lost[t.Kind], t)
		}
	}
	var found []Finding
	for _, k := range kinds() {
		if failed := lost[k.Kind]; len(failed) > 0 {
			found = append(found, k.finding(failed))
		}
	}
	if len(found) == 0 {
		return Passed("all are reached", evidence...)
	}
	if silent := lost[netpath.TimedOut]; len(silent) > 0 {
		w.why(ctx, f, &found[0], silent, all)
	}
	found[0].Evidence = append(evidence, found[0].Evidence...)
	return found
}

// why completes the finding of those that do not answer, which stands first.
// Where others are within the VPC, the set of its endpoints is incomplete, and
// that is why; else the VPC's ways are what vpc-path looks at.
func (w World) why(ctx context.Context, f *facts, timeout *Finding, silent, all []tried) {
	inside := slices.ContainsFunc(all, func(t tried) bool { return t.private() && t.Kind == netpath.Reached })
	outside := slices.ContainsFunc(silent, func(t tried) bool { return !t.private() && !t.proxied })
	if inside && outside {
		var services []string
		for _, t := range silent {
			services = append(services, t.service)
		}
		timeout.ID, timeout.SymptomOf = "endpoints-incomplete", nil
		timeout.Summary = "the VPC has endpoints for some services, and none for " + strings.Join(services, ", ") + ", which do not answer from the internet"
		timeout.Fix = fix.Do("create the interface endpoints, with private DNS, in this VPC: com.amazonaws." + w.region() + "." + strings.Join(services, ", com.amazonaws."+w.region()+"."))
		return
	}
	for _, t := range silent {
		if !t.proxied {
			f.lost = append(f.lost, unreached{t.resolved, t.Addr.Addr()})
		}
	}
	timeout.Evidence = w.place(ctx)
}

// failure is how a kind of failure is told.
type failure struct {
	netpath.Kind
	id, what, remedy string
	symptomOf        []string
}

func kinds() []failure {
	return []failure{
		{netpath.TimedOut, "endpoint-timeout", "no answer from %s: packets are dropped on the way",
			"the subnet needs a route 0.0.0.0/0 to a NAT gateway (or to an internet gateway, and the instance a public address), or VPC endpoints for ecs, ecs-agent and ecs-telemetry; security group and network ACL must let tcp 443 out", []string{"vpc-path"}},
		{netpath.NoRoute, "endpoint-no-route", "this host has no route to %s",
			"ip route; without a default route: systemctl restart systemd-networkd (or NetworkManager)", nil},
		{netpath.Refused, "endpoint-refused", "the connection to %s is refused: something else answers at the address, or the proxy is down",
			"getent hosts NAME; grep -n PROXY /etc/ecs/ecs.config; iptables -nL OUTPUT", nil},
		{netpath.Untrusted, "tls-untrusted", "the certificate of %s is not trusted: something on the way intercepts TLS, or a CA is missing",
			"openssl s_client -connect NAME:443 -showcerts </dev/null; install the interceptor's CA (/etc/pki/ca-trust/source/anchors, update-ca-trust), or exempt the endpoints from it", nil},
		{netpath.NotYetValid, "tls-not-yet-valid", "by this host's clock the certificate of %s is not valid yet: the clock is behind",
			"date -u; systemctl restart chronyd; chronyc tracking", []string{"clock-skew"}},
		{netpath.Expired, "tls-expired", "by this host's clock the certificate of %s has expired",
			"date -u; if the clock is right, something on the way shows an old certificate: openssl s_client -connect NAME:443 </dev/null", []string{"clock-skew"}},
		{netpath.Unresolved, "endpoint-unresolved", "%s does not resolve any more", "getent hosts NAME; cat /etc/resolv.conf", []string{"dns"}},
		{netpath.Failed, "endpoint-broken", "the connection to %s breaks off",
			"curl -v https://NAME/; a proxy or a firewall may end it: grep -n PROXY /etc/ecs/ecs.config", nil},
	}
}

// finding warns only where the ECS agent can do without.
func (k failure) finding(failed []tried) Finding {
	var hosts []string
	status := Warn
	for _, t := range failed {
		if hosts = append(hosts, t.host); t.agent {
			status = Fail
		}
	}
	f := Finding{ID: k.id, Status: status, Summary: fmt.Sprintf(k.what, named(hosts)),
		Fix: fix.Do(strings.ReplaceAll(k.remedy, "NAME", hosts[0])), SymptomOf: k.symptomOf}
	if failed[0].proxied {
		f.Fix = fix.Do("is the proxy up, and may this instance reach it? grep -n PROXY /etc/ecs/ecs.config; curl -v -x PROXY " + failed[0].url)
	}
	return f
}

// named is short where it is about all of ECS.
func named(hosts []string) string {
	hosts = slices.Compact(hosts)
	at := func(prefix string) bool {
		return slices.ContainsFunc(hosts, func(host string) bool { return strings.HasPrefix(host, prefix) })
	}
	if at("ecs.") && at("ecs-a") && at("ecs-t") {
		return "the endpoints of ECS"
	}
	return strings.Join(hosts, ", ")
}

// place says where in the VPC this instance is, for whoever looks at that from
// elsewhere: the metadata service tells it without any permission.
func (w World) place(ctx context.Context) []string {
	if w.IMDS == nil {
		return nil
	}
	ctx, stop := context.WithTimeout(ctx, time.Second) // it is the end of a long wait
	defer stop()
	at, err := w.locate(ctx)
	if err != nil {
		return nil
	}
	address := "no public IPv4 address"
	if at.public != "" {
		address = "public address " + at.public
	}
	return []string{fmt.Sprintf("this instance: %s, %s, %s, %s", at.vpc, at.subnet, strings.Join(at.groups, ", "), address)}
}
