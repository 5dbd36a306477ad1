package netpath

import (
	"cmp"
	"net"
	"net/netip"
	"net/url"
	"strings"
)

// Proxy holds the proxy settings of the ECS agent. It uses HTTP_PROXY for https too, unless HTTPS_PROXY is set
// (amazon-ecs-agent ecs-agent/utils/httpproxy/proxy.go).
type Proxy struct{ HTTP, HTTPS, No string }

// For returns the proxy for the endpoint, or nil. A proxy without a scheme uses http.
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

// Exempts reports whether NO_PROXY exempts the host: by name, parent domain, address, network, or *. Localhost is always
// exempt.
func (p Proxy) Exempts(host string) bool {
	host = strings.ToLower(host)
	addr, _ := netip.ParseAddr(host) // invalid for a name
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
