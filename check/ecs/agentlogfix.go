package ecs

import (
	"cmp"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"muster/check"
	"muster/check/subject"
	"muster/internal/base/fix"
	"muster/internal/host/ecsconfig"
)

// withSpecificFix replaces the fix of a finding from the log with one for the settings of this instance. For example,
// the log line alone does not show whether a proxy is set.
func (g Group) withSpecificFix(f check.Finding, message string) check.Finding {
	if g.Settings().Denied() != nil {
		return f
	}
	switch f.Kind {
	case ConnectionRefused:
		return g.fixRefused(f, message)
	case AgentProxyRefused, NetworkTimeout:
		return g.fixProxyRefused(f, message)
	case CredentialsInvalid:
		return g.fixCredentials(f, message)
	case AgentIMDSUnreachable, AgentHopLimit:
		return g.fixIMDS(f)
	}
	return f
}

// dialedAddress matches the address of a failed connection. posted matches the endpoint that the request was for.
var (
	dialedAddress = regexp.MustCompile(`dial tcp (\[[0-9a-fA-F:]+\]:\d+|[0-9.]+:\d+): `)
	postedHost    = regexp.MustCompile(`https://([a-z0-9.-]+)[:/]|unable to dial ([a-z0-9.-]+) response`)
)

// target returns the endpoint that the line names, or else the ECS endpoint.
func (g Group) target(message string) string {
	if m := postedHost.FindStringSubmatch(message); m != nil {
		return cmp.Or(m[1], m[2])
	}
	return "ecs." + g.Region() + ".amazonaws.com"
}

// keysAt lists keys with the file and line of each, without their values.
func keysAt(values []ecsconfig.Value) string {
	var out []string
	for _, v := range values {
		out = append(out, fmt.Sprintf("%s (%s)", v.Key, v.Where()))
	}
	return strings.Join(out, " and ")
}

// places lists the file and line of each value.
func places(values []ecsconfig.Value) string {
	var out []string
	for _, v := range values {
		out = append(out, v.Where())
	}
	return strings.Join(slices.Compact(out), ", ")
}

// agentProxyFor returns the proxy that the ECS agent uses for a host, as HOST:PORT, and the settings that define it.
func (g Group) agentProxyFor(host string) (address string, setting []ecsconfig.Value) {
	s := g.Settings()
	proxy, err := s.Proxy().For(&url.URL{Scheme: "https", Host: host})
	if err != nil || proxy == nil {
		return "", nil
	}
	setting = s.SetOf("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy")
	return proxy.Host, setting[:min(1, len(setting))]
}

// fixRefused sets the fix for a refused connection, depending on what refused it: the proxy, ECS_BACKEND_HOST or the
// network.
func (g Group) fixRefused(f check.Finding, message string) check.Finding {
	host := g.target(message)
	backend := g.Settings().SetOf("ECS_BACKEND_HOST")
	address, setting := g.agentProxyFor(host)
	m := dialedAddress.FindStringSubmatch(message)
	if m != nil && len(setting) == 0 && !strings.Contains(message, "proxyconnect") {
		f.Summary = m[1] + " refuses the connection of the ECS agent"
	}
	switch {
	case len(setting) > 0 && (strings.Contains(message, "proxyconnect") || m == nil || strings.Contains(message, address)):
		f.Summary = fmt.Sprintf("the proxy %s of %s refuses the connection", address, keysAt(setting))
		f.Fix = proxyFix(setting, address, host)
	case len(backend) > 0:
		f.Fix = fix.Do("Remove "+keysAt(backend)+" unless it is intended, then restart the ECS agent:", subject.RestartECS)
	case m != nil && len(setting) == 0 && strings.HasSuffix(m[1], ":443") && !strings.Contains(message, "proxyconnect"):
		f.Fix = fix.Do("Find out what rejects the connection: a network ACL, a firewall, or a wrong address of the name:",
			"getent hosts "+host, "curl -m 5 -sv -o /dev/null https://"+host)
	}
	return f
}

func proxyFix(setting []ecsconfig.Value, address, host string) fix.Fix {
	return fix.Do("Correct or remove "+keysAt(setting)+", or repair the proxy, then restart the ECS agent:",
		"curl -m 5 -sv -o /dev/null -x http://"+address+" https://"+host, subject.RestartECS)
}

// fixProxyRefused names the proxy in the fix, if one is set.
func (g Group) fixProxyRefused(f check.Finding, message string) check.Finding {
	host := g.target(message)
	address, setting := g.agentProxyFor(host)
	switch {
	case f.Kind == NetworkTimeout && (address == "" || !strings.Contains(message, "dial tcp "+address)):
	case len(setting) > 0 && f.Kind == NetworkTimeout:
		f.Summary = fmt.Sprintf("no response from the proxy %s of %s", address, keysAt(setting))
		f.Fix = proxyFix(setting, address, host)
	case len(setting) > 0 && strings.Contains(f.Summary, "CONNECT"):
		f.Fix = proxyFix(setting, address, host)
		f.Fix.Text = "On the proxy of " + keysAt(setting) + ", allow CONNECT to " + host + ":443, and check its own way there:"
	case len(setting) > 0:
		f.Fix = proxyFix(setting, address, host)
	case strings.Contains(message, "does not look like a TLS handshake"), strings.Contains(message, "HTTP response to HTTPS client"):
		f.Summary = "what responds for " + host + " does not speak TLS"
		f.Fix = fix.Do("Find out what responds on port 443: a wrong address of the name, or a firewall that redirects:",
			"getent hosts "+host, "curl -m 5 -sv -o /dev/null https://"+host)
	}
	return f
}

// fixCredentials sets the fix if the files contain access keys, which take precedence over the instance role.
func (g Group) fixCredentials(f check.Finding, message string) check.Finding {
	keys := g.Settings().SetOf("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
	switch {
	case len(keys) > 0:
		f.Summary = "AWS rejects the keys that the ECS agent takes from " + keys[0].Key + " (" + keys[0].Where() + ")"
		f.Fix = fix.Do("Remove the AWS keys ("+places(keys)+"), so that the ECS agent uses the instance role, then restart it:",
			`sudo sed -i -E '/^[[:space:]]*AWS_(ACCESS_KEY_ID|SECRET_ACCESS_KEY|SESSION_TOKEN)[[:space:]]*=/d' `+
				cmp.Or(keys[0].File, ecsconfig.DefaultPath), subject.RestartECS)
	case strings.Contains(strings.ToLower(message), "expired"):
		f.Fix = fix.Do("Restart the ECS agent, so that it gets new credentials of the instance role from IMDS:", subject.RestartECS)
	default:
		f.Fix = fix.Do("Associate the instance profile again, as its role was probably deleted and created anew:",
			"aws ec2 describe-iam-instance-profile-associations --region "+g.Region()+" --filters Name=instance-id,Values="+g.InstanceID(),
			"aws ec2 replace-iam-instance-profile-association --region "+g.Region()+" --association-id ASSOCIATION_ID "+
				"--iam-instance-profile Name=PROFILE", subject.RestartECS)
	}
	return f
}

// fixIMDS sets the fix if the ECS agent's container cannot reach IMDS although the host can.
func (g Group) fixIMDS(f check.Finding) check.Finding {
	if g.NoIdentity != nil || g.Identity.InstanceID == "" {
		return f
	}
	if s := g.Settings(); s.Proxy().HTTP != "" && !s.Proxy().Exempts("169.254.169.254") {
		setting := s.SetOf("HTTP_PROXY", "http_proxy")
		f.Fix = fix.Do("Add 169.254.169.254 to NO_PROXY, because "+keysAt(setting)+" sets a proxy, then restart the ECS agent:",
			subject.RestartECS)
		return f
	}
	f.Evidence = append(f.Evidence, "IMDS answers the host now")
	if f.Kind == AgentHopLimit {
		return f
	}
	f.Fix = fix.Do("Look for a firewall rule that rejects the ECS agent and for a network mode other than host, then restart it:",
		"sudo iptables-save | grep 169.254.169.254",
		"sudo docker inspect -f '{{.HostConfig.NetworkMode}}' ecs-agent", subject.RestartECS)
	return f
}
