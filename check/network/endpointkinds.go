package network

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"muster/check"
	"muster/check/subject"
	"muster/internal/base/fix"
	"muster/internal/host/netpath"
)

// failure is a kind of failure, reported as one finding for all endpoints that fail in this way.
type failure struct {
	netpath.Kind
	kind      *check.Kind
	symptomOf []*check.Kind
	// describe sets the summary and the fix. For an inferred cause it also sets what confirms it.
	describe func(Group, *check.Finding, []attempt)
}

// failures are sorted in the order in which they are reported. explainTimeout requires that the timeout comes first.
func (g Group) failures() []failure {
	return []failure{
		{netpath.TimedOut, EndpointTimeout, []*check.Kind{VPCPathCheck}, timedOut},
		{netpath.NoRoute, EndpointNoRoute, nil, noRoute},
		{netpath.Refused, EndpointRefused, nil, connectionRefused},
		{netpath.WrongName, TLSWrongName, nil, wrongName},
		{netpath.Untrusted, TLSUntrusted, nil, untrusted},
		{netpath.NotYetValid, TLSNotYetValid, []*check.Kind{g.Others.ClockSkew}, notYetValid},
		{netpath.Expired, TLSExpired, []*check.Kind{g.Others.ClockSkew}, expired},
		{netpath.Unresolved, EndpointUnresolved, []*check.Kind{DNSCheck}, unresolved},
		{netpath.Rejected, EndpointBroken, nil, rejected},
		{netpath.Failed, EndpointBroken, nil, broken},
	}
}

// finding returns the finding for the failed endpoints. It is only a warning if the ECS agent works without them.
func (k failure) finding(g Group, failed []attempt) check.Finding {
	f := check.Finding{Kind: k.kind, Status: check.Warn, SymptomOf: k.symptomOf}
	if slices.ContainsFunc(failed, func(t attempt) bool { return t.agent }) {
		f.Status = check.Fail
	}
	k.describe(g, &f, failed)
	return f
}

// named returns the first endpoint with its address, and how many more fail in the same way. For endpoints behind a
// proxy, it names the proxy.
func named(failed []attempt) string {
	if failed[0].proxied {
		return failed[0].proxy()
	}
	return failed[0].at() + subject.AndMore(len(failed)-1, "endpoint")
}

// proxy returns the proxy and the line that sets it.
func (r resolved) proxy() string {
	text := "the ECS agent's proxy " + r.via
	if r.setAt != "" {
		text += " (" + r.setAt + ")"
	}
	return text
}

func tryProxy(t attempt) fix.Fix {
	return fix.Do("Start the proxy and allow this instance to reach it, or correct the line and restart the ECS agent:",
		fmt.Sprintf("curl -sv -m 5 -o /dev/null -x http://%s %s", t.via, t.url), "sudo systemctl restart ecs")
}

func timedOut(_ Group, f *check.Finding, failed []attempt) {
	f.Summary = "no response from " + named(failed)
	f.Fix = fix.Do(
		"Allow tcp 443 to the address in security groups, network ACLs and firewalls:",
		"curl -sv -m 5 -o /dev/null "+failed[0].url,
	)
	if failed[0].proxied {
		f.Fix, f.SymptomOf = tryProxy(failed[0]), nil
	}
}

func noRoute(g Group, f *check.Finding, failed []attempt) {
	f.Summary = "this host has no route to " + named(failed)
	f.Fix = fix.Do("Restore the default route:", "ip route show default", "sudo systemctl restart systemd-networkd")
	if failed[0].Addr.Addr().Is6() {
		f.Summary = "no IPv6 route to " + named(failed)
		f.Fix = fix.Do("Add the route ::/0 to the subnet's route table, or remove the AAAA record:", "ip -6 route show default")
	}
	if only, at := g.ipCompatibility(); only == "ipv4" && !g.Route.Families().V4 {
		f.Summary = at + ": ECS_INSTANCE_IP_COMPATIBILITY=ipv4, but this host has no IPv4 default route"
		file, _, _ := strings.Cut(at, ":")
		f.Fix = subject.RemoveKey("ECS_INSTANCE_IP_COMPATIBILITY", file)
	}
}

func connectionRefused(_ Group, f *check.Finding, failed []attempt) {
	t := failed[0]
	f.Summary = "connection refused by " + named(failed)
	f.Fix = fix.Do("Correct the DNS record of the name, or the local firewall rule that rejects tcp 443:", "getent ahosts "+t.host,
		"sudo iptables -nL OUTPUT")
	if t.proxied {
		f.Fix = tryProxy(t)
	}
}

// certificate returns the certificate. If the answer has none, as in tests, it returns one without a reason for
// rejection.
func (t attempt) certificate() netpath.Certificate {
	if t.Certificate == nil {
		return netpath.Certificate{Trusted: true}
	}
	return *t.Certificate
}

func showCertificate(t attempt) string {
	return fmt.Sprintf(
		"openssl s_client -connect %[1]s:443 -servername %[1]s </dev/null | openssl x509 -noout -subject -issuer -dates -ext subjectAltName",
		t.endpointHost(),
	)
}

func wrongName(_ Group, f *check.Finding, failed []attempt) {
	t, c := failed[0], failed[0].certificate()
	f.Summary = quoted(t.endpointHost()+" presents a certificate for another name: ", strings.Join(c.Names, ", "))
	f.Evidence = certificates(failed)
	f.Fix = fix.Do("Correct the DNS record of the name, or the proxy or load balancer that serves it:", "getent ahosts "+t.host,
		showCertificate(t))
}

func untrusted(_ Group, f *check.Finding, failed []attempt) {
	t, c := failed[0], failed[0].certificate()
	f.Summary = quoted("the certificate of "+t.endpointHost()+" is from an untrusted issuer: ", c.IssuerName)
	f.Evidence = certificates(failed)
	f.Fix = fix.Do(
		"Exempt the endpoint from TLS inspection, or install the CA of the device that inspects TLS, saved as inspection-ca.pem:",
		"sudo cp inspection-ca.pem /etc/pki/ca-trust/source/anchors/",
		"sudo update-ca-trust",
		"sudo systemctl restart ecs",
	)
	if strings.Contains(c.Issuer, "O=Amazon") {
		f.Fix = fix.Do(
			"Reinstall the CA certificates of this host, which do not include Amazon's:",
			"sudo dnf reinstall -y ca-certificates",
			"sudo systemctl restart ecs",
		)
	}
}

func notYetValid(g Group, f *check.Finding, failed []attempt) {
	f.Summary = "this host's clock is behind: the certificate of " + failed[0].endpointHost() + " is not valid yet"
	f.Evidence = append(certificates(failed), g.clockSays())
	f.Fix = fix.Do("Set the clock:", "sudo systemctl restart chronyd", "sudo chronyc makestep")
	f.Confirm = "chronyc tracking"
}

func expired(g Group, f *check.Finding, failed []attempt) {
	f.Summary = "the certificate of " + failed[0].endpointHost() + " has expired, or this host's clock is ahead"
	f.Evidence = append(certificates(failed), g.clockSays())
	f.Fix = fix.Do("Set the clock if it is ahead; if it is right, renew the certificate of the server or proxy that presents it:",
		"sudo chronyc makestep", showCertificate(failed[0]))
}

func (g Group) clockSays() string {
	return "this host's clock: " + g.Now().UTC().Format(time.RFC3339)
}

// certificates describes each certificate once.
func certificates(failed []attempt) []string {
	var out []string
	for _, t := range failed {
		c := t.certificate()
		text := fmt.Sprintf("certificate: issued by %+.200q for %+.200q", c.Issuer, strings.Join(c.Names, ", "))
		if !c.NotAfter.IsZero() {
			text += fmt.Sprintf(", valid from %s to %s", c.NotBefore.UTC().Format(time.DateOnly), c.NotAfter.UTC().Format(time.DateOnly))
		}
		if !c.Trusted && t.Kind != netpath.Untrusted {
			text += "; this host does not trust the issuer"
		}
		if c.Issuer != "" && !slices.Contains(out, text) {
			out = append(out, text)
		}
	}
	return out
}

// quoted appends text from the network to a summary, shortened to fit.
func quoted(summary, text string) string {
	text = strings.Trim(fmt.Sprintf("%+q", text), `"`)
	if room := max(20, 110-len(summary)); len(text) > room {
		text = text[:room-3] + "..."
	}
	return summary + text
}

func unresolved(_ Group, f *check.Finding, failed []attempt) {
	f.Summary = failed[0].host + subject.AndMore(len(failed)-1, "endpoint") + " stopped resolving during the check"
	f.Fix = fix.Do("Correct the name server in /etc/resolv.conf:", "cat /etc/resolv.conf", "getent ahosts "+failed[0].host)
}

func rejected(_ Group, f *check.Finding, failed []attempt) {
	f.Summary = failed[0].proxy() + " refuses to connect to " + failed[0].endpointHost()
	f.Fix = fix.Do("Allow the host on the proxy, or add the proxy's user and password to the line:",
		fmt.Sprintf("curl -sv -m 5 -o /dev/null -x http://%s %s", failed[0].via, failed[0].url))
}

func broken(g Group, f *check.Finding, failed []attempt) {
	if agent, err := g.proxyOfAgent(); err == nil && errors.Is(failed[0].Err, subject.ErrNoProxyURL) {
		f.Summary = agent.setAt + ": the ECS agent's proxy is not a valid URL"
		f.Fix = fix.Do("Correct the line to http://HOST:PORT, and restart the ECS agent:", "sudo systemctl restart ecs")
		if strings.ContainsAny(agent.HTTP+agent.HTTPS, `"'`) { // ecs.config has no quoting, so quotes are part of the value
			f.Summary = agent.setAt + ": the ECS agent's proxy is not a valid URL, because the quotes are part of it"
			f.Fix = fix.Do("Remove the quotes in the line, and restart the ECS agent:", "sudo systemctl restart ecs")
		}
		return
	}
	f.Summary = "the connection to " + named(failed) + " was closed unexpectedly"
	f.Fix = fix.Do("Find the firewall or proxy that closes the connection:", "curl -sv -m 5 -o /dev/null "+failed[0].url)
	if failed[0].proxied {
		f.Fix = tryProxy(failed[0])
	}
}
