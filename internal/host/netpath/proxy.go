package netpath

import (
	"cmp"
	"net"
	"net/netip"
	"net/url"
	"strings"
)

// Proxy is what the ECS agent is told about proxies. It takes HTTP_PROXY for
// https too, unless there is an HTTPS_PROXY (amazon-ecs-agent
// ecs-agent/utils/httpproxy/proxy.go).
type Proxy struct{ HTTP, HTTPS, No string }

// For is the proxy on the way to the endpoint, nil for none. A proxy without a
// scheme speaks http.
func (p Proxy) For(endpoint *url.URL) (*url.URL, error) {
	setting := p.HTTP
	if endpoint.Scheme == "https" {
		setting = cmp.Or(p.HTTPS, p.HTTP)
	}
	if setting == "" || p.Exempts(endpoint.Hostname()) {
		return nil, nil
	}
	if !strings.Contains(setting, "://") {
		setting = "http://" + setting
	}
	return url.Parse(setting)
}

// Exempts says whether NO_PROXY leaves the host out: by its name or a domain
// above it, its address, a network, or *. This host itself always is.
func (p Proxy) Exempts(host string) bool {
	host = strings.ToLower(host)
	addr, _ := netip.ParseAddr(host) // invalid: a name
	if host == "localhost" || addr.IsLoopback() {
		return true
	}
	for entry := range strings.SplitSeq(strings.ToLower(p.No), ",") {
		entry = strings.TrimSpace(entry)
		if name, _, err := net.SplitHostPort(entry); err == nil {
			entry = name
		}
		network, err := netip.ParsePrefix(entry)
		domain := "." + strings.TrimPrefix(entry, ".")
		switch {
		case entry == "":
		case entry == "*", entry == host, err == nil && network.Contains(addr), !addr.IsValid() && strings.HasSuffix(host, domain):
			return true
		}
	}
	return false
}
