package network

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"muster/check"
	"muster/check/subject"
	"muster/internal/base/fix"
	"muster/internal/host/ecsconfig"
	"muster/internal/host/netpath"
	"muster/internal/host/units"
	"muster/internal/redact"
)

// proxied is a place that sets a proxy, with its exemptions.
type proxied struct {
	whose string
	netpath.Proxy
	setAt, noAt string // file:line; noAt is empty without NO_PROXY
	httpAt      string // the line of the proxy for http, the metadata service's scheme; empty if there is none
	file        string // the file that NO_PROXY belongs in
	restart     string // the command that applies a change
	misread     bool   // NO_PROXY is misread, which the check ecs-config reports
}

// noProxy lists the exemptions that AWS recommends (ECS developer guide, "Using an HTTP proxy for Amazon ECS Linux
// container instances").
var noProxy = []string{"169.254.169.254", "169.254.170.2", dockerSocket}

const dockerSocket = "/var/run/docker.sock"

func (g Group) proxy(context.Context) []check.Finding {
	var places []proxied
	var found []check.Finding
	for _, look := range []func() (proxied, error){g.proxyOfAgent, g.proxyOfUnit("ecs.service"), g.proxyOfUnit("docker.service")} {
		locateOrPlaceholder, err := look()
		switch {
		case err != nil:
			found = append(found, check.Undetermined(err, fix.Do("Run muster as root:", "sudo muster debug"))...)
		case locateOrPlaceholder.HTTP != "" || locateOrPlaceholder.HTTPS != "":
			places = append(places, locateOrPlaceholder)
		}
	}
	var seen []string
	for _, locateOrPlaceholder := range places {
		seen = append(seen, locateOrPlaceholder.String())
		found = append(found, locateOrPlaceholder.findings(g.Others.ECSConfigMisread)...)
	}
	switch {
	case len(found) > 0:
		return found
	case len(places) == 0:
		return check.Passed("no proxy is set")
	case slices.ContainsFunc(places, func(p proxied) bool { return p.noAt == "" }):
		return check.Passed("the proxy is not used for local addresses", seen...)
	}
	return check.Passed("NO_PROXY exempts local addresses", seen...)
}

func (g Group) proxyOfAgent() (proxied, error) {
	s := g.Settings()
	p := proxied{whose: "the ECS agent", Proxy: s.Proxy(), restart: subject.RestartECS}
	if v := s.Any("HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy"); v.Key != "" {
		p.setAt, p.file = v.Where(), v.File
	}
	if v := s.Any("HTTP_PROXY", "http_proxy"); v.Key != "" {
		p.httpAt = v.Where()
	}
	if v := s.Any("NO_PROXY", "no_proxy"); v.Key != "" {
		p.noAt = v.Where()
	}
	p.misread = slices.ContainsFunc(s.Problems, func(q ecsconfig.Problem) bool {
		return (q.Sets("NO_PROXY") || q.Sets("no_proxy")) && s.Blocks(q)
	})
	return p, s.Denied()
}

func (g Group) proxyOfUnit(unit string) func() (proxied, error) {
	return func() (proxied, error) {
		p := proxied{whose: unit, restart: "sudo systemctl daemon-reload && sudo systemctl --no-block restart " + unit}
		all, err := units.Environment(g.Config.Root, unit)
		for _, a := range all {
			at := fmt.Sprintf("%s:%d", a.File, a.Line)
			switch strings.ToUpper(a.Key) {
			case "HTTP_PROXY":
				p.HTTP, p.setAt, p.httpAt, p.file = a.Value, at, at, a.File
			case "HTTPS_PROXY":
				p.HTTPS, p.setAt, p.file = a.Value, at, a.File
			case "NO_PROXY":
				p.No, p.noAt = a.Value, at
			}
		}
		return p, err
	}
}

// String returns the proxy without the credentials in its URL.
func (p proxied) String() string {
	text := p.setAt + ": proxy of " + p.whose
	if p.httpAt != "" && p.httpAt != p.setAt {
		text = p.setAt + " and " + p.httpAt + ": proxies of " + p.whose
	}
	for _, value := range slices.Compact([]string{p.HTTPS, p.HTTP}) {
		if value != "" {
			text += " " + redact.Value("HTTP_PROXY", value)
		}
	}
	if p.noAt == "" {
		return text + ", and no NO_PROXY"
	}
	return text + "; " + p.noAt + ": NO_PROXY=" + redact.Value("NO_PROXY", p.No)
}

// findings returns the findings for missing exemptions. Without the metadata service the agent has neither its identity
// nor credentials. Requests to it use http, so HTTPS_PROXY does not apply, and requests to a socket use no proxy
// (golang.org/x/net/http/httpproxy, proxyForURL). AWS recommends the other entries. If they are missing, at most tasks
// are affected.
func (p proxied) findings(misread *check.Kind) []check.Finding {
	missing := slices.DeleteFunc(slices.Clone(noProxy), func(entry string) bool {
		return p.Exempts(entry) || p.whose == "docker.service" && entry == dockerSocket
	})
	if len(missing) == 0 || p.HTTP == "" {
		return nil
	}
	status, at := check.Warn, cmp.Or(p.noAt, p.httpAt)
	if missing[0] == noProxy[0] && p.whose != "docker.service" {
		status = check.Fail
	}
	f := check.Finding{Kind: NoProxyIncomplete, Status: status, Fix: p.exemptFix(missing),
		Summary:  at + ": " + p.whose + " also uses the proxy for " + missing[0],
		Evidence: []string{p.String(), "not in NO_PROXY: " + strings.Join(missing, ", ")}}
	if missing[0] == dockerSocket {
		f.Summary = at + ": NO_PROXY lacks " + dockerSocket + ", which AWS recommends"
	}
	if p.misread {
		f.SymptomOf = []*check.Kind{misread}
	}
	return []check.Finding{f}
}

// exemptFix returns the fix that adds the missing exemptions and keeps the existing ones.
func (p proxied) exemptFix(missing []string) fix.Fix {
	value := strings.Join(append(strings.FieldsFunc(p.No, func(r rune) bool { return r == ',' || r == ' ' }), missing...), ",")
	if p.restart == subject.RestartECS && !strings.ContainsAny(value, "'\"`$;&|<>()") {
		return fix.Do("Exempt these from the proxy, and restart the ECS agent:",
			append(fix.Set(ecsconfig.DefaultPath, "NO_PROXY", value), subject.RestartECS)...)
	}
	return fix.Do(`Add Environment="NO_PROXY=`+value+`" to `+p.file+", then restart:", p.restart)
}
