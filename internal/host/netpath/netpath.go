// Package netpath tests the path to an AWS endpoint: it resolves names, sends one request without credentials, through a
// proxy if there is one, and reports how far it got. The caller interprets the result.
package netpath

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"time"
)

// Patience is the timeout of one request. Linux resends a SYN after one second and after three, so by then the peer has
// received three.
const Patience = 4 * time.Second

// lookupPatience is shorter, because a resolver is nearby.
const lookupPatience = 3 * time.Second

// Answer is the result of one request.
type Answer struct {
	Addr   netip.AddrPort // the dialed address: the proxy's if there is one; zero before the dial
	Kind   Kind
	Err    error     // nil if Reached
	Status int       // HTTP status if Reached
	Date   time.Time // the server's time; zero if the response has none
	// Certificate is the rejected certificate. It is nil if the error has another reason.
	Certificate *Certificate
}

// Prober sends requests. The zero value uses the host's network.
type Prober struct {
	Resolver *net.Resolver                                                     // nil means the host's
	Dial     func(ctx context.Context, network, addr string) (net.Conn, error) // nil means net.Dialer's
	Roots    *x509.CertPool                                                    // nil means the host's
	Now      func() time.Time                                                  // nil means the host's clock
}

// Resolve looks up a name. The addresses are sorted, without duplicates.
func (p Prober) Resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	ctx, stop := context.WithTimeout(ctx, lookupPatience)
	defer stop()
	resolver := p.Resolver
	if resolver == nil {
		resolver = net.DefaultResolver
	}
	addrs, err := resolver.LookupNetIP(ctx, "ip", host)
	for i := range addrs {
		addrs[i] = addrs[i].Unmap()
	}
	slices.SortFunc(addrs, netip.Addr.Compare)
	return slices.Compact(addrs), err
}

// Ask sends one HEAD request to the endpoint, through the proxy unless it is nil. It follows no redirects, and accepts
// any status.
func (p Prober) Ask(ctx context.Context, endpoint string, proxy *url.URL) Answer {
	ctx, stop := context.WithTimeout(ctx, Patience)
	defer stop()
	request, err := http.NewRequestWithContext(ctx, http.MethodHead, endpoint, nil)
	if err != nil {
		return Answer{Kind: Failed, Err: err}
	}
	conn, at, err := p.connect(ctx, request.URL, proxy)
	seen := Answer{Addr: at}
	if err != nil {
		seen.Kind, seen.Certificate, seen.Err = p.classify(err)
		return seen
	}
	defer conn.Close()
	transport := &http.Transport{
		Proxy:             http.ProxyURL(proxy),
		DialContext:       func(context.Context, string, string) (net.Conn, error) { return conn, nil },
		TLSClientConfig:   &tls.Config{RootCAs: p.Roots, Time: p.Now, MinVersion: tls.VersionTLS12},
		DisableKeepAlives: true,
		OnProxyConnectResponse: func(_ context.Context, _ *url.URL, _ *http.Request, answer *http.Response) error {
			if answer.StatusCode != http.StatusOK {
				return rejection{answer.Status}
			}
			return nil
		},
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		seen.Kind, seen.Certificate, seen.Err = p.classify(err)
		return seen
	}
	defer response.Body.Close()
	seen.Kind, seen.Status = Reached, response.StatusCode
	seen.Date, _ = http.ParseTime(response.Header.Get("Date")) // zero if the header is missing
	return seen
}

// connect dials the endpoint, or the proxy, before net/http does. net/http dials in the background, and continues after
// the request was canceled.
func (p Prober) connect(ctx context.Context, endpoint, proxy *url.URL) (net.Conn, netip.AddrPort, error) {
	dial := p.Dial
	if dial == nil {
		dial = (&net.Dialer{Resolver: p.Resolver}).DialContext
	}
	to := endpoint
	if proxy != nil {
		to = proxy
	}
	port := to.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443", "socks5": "1080"}[to.Scheme]
	}
	conn, err := dial(ctx, "tcp", net.JoinHostPort(to.Hostname(), port))
	var failed *net.OpError
	switch {
	case err == nil:
		return conn, addrPort(conn.RemoteAddr()), nil
	case errors.As(err, &failed):
		return nil, addrPort(failed.Addr), err
	}
	return nil, netip.AddrPort{}, err
}

func addrPort(addr net.Addr) netip.AddrPort {
	if tcp, ok := addr.(*net.TCPAddr); ok {
		at := tcp.AddrPort()
		return netip.AddrPortFrom(at.Addr().Unmap(), at.Port())
	}
	return netip.AddrPort{}
}

func (p Prober) now() time.Time {
	if p.Now != nil {
		return p.Now()
	}
	return time.Now()
}
