package netpath_test

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"muster/internal/host/netpath"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// server speaks TLS with a certificate that is valid from 1970 to 2084.
func server(t *testing.T) (*httptest.Server, *x509.CertPool) {
	t.Helper()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Date", "Fri, 02 Jan 2026 03:04:05 GMT")
		http.Redirect(w, r, "/elsewhere", http.StatusFound)
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // the tests reject certificates on purpose
	s.StartTLS()
	t.Cleanup(s.Close)
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	return s, roots
}

func at(t *testing.T, moment string) func() time.Time {
	t.Helper()
	when, err := time.Parse(time.DateOnly, moment)
	if err != nil {
		t.Fatal(err)
	}
	return func() time.Time { return when }
}

func TestReachedEndpointReturnsTheTime(t *testing.T) {
	s, roots := server(t)
	got := netpath.Prober{Roots: roots}.Ask(t.Context(), s.URL, nil)
	want := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	if got.Kind != netpath.Reached || got.Status != http.StatusFound || !got.Date.Equal(want) ||
		got.Addr.String() != s.Listener.Addr().String() {
		t.Errorf("got %+v", got)
	}
}

func TestRejectedCertificates(t *testing.T) {
	s, roots := server(t)
	for name, c := range map[string]struct {
		prober netpath.Prober
		url    string
		want   netpath.Kind
	}{
		"of an unknown issuer": {netpath.Prober{Roots: x509.NewCertPool()}, s.URL, netpath.Untrusted},
		"for another name": {netpath.Prober{Roots: roots, Dial: to(s.Listener.Addr().String())},
			"https://ecs.eu-west-1.amazonaws.com", netpath.WrongName},
		"for another name, of an unknown issuer": {netpath.Prober{Roots: x509.NewCertPool(), Dial: to(s.Listener.Addr().String())},
			"https://ecs.eu-west-1.amazonaws.com", netpath.WrongName},
		"from the future": {netpath.Prober{Roots: roots, Now: at(t, "1969-01-01")}, s.URL, netpath.NotYetValid},
		"of the past":     {netpath.Prober{Roots: roots, Now: at(t, "2090-01-01")}, s.URL, netpath.Expired},
	} {
		got := c.prober.Ask(t.Context(), c.url, nil)
		if got.Kind != c.want || got.Certificate == nil || !got.Addr.IsValid() {
			t.Errorf("%s: got %+v", name, got)
			continue
		}
		trusted := c.prober.Roots == roots
		if shown := got.Certificate; shown.Issuer != "O=Acme Co" || shown.IssuerName != "Acme Co" || shown.Names[0] != "example.com" ||
			shown.NotAfter.Year() != 2084 ||
			shown.Trusted != trusted {
			t.Errorf("%s: got %+v", name, shown)
		}
	}
}

// to dials addr for every request.
func to(addr string) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, network, addr)
	}
}

// failing returns err for every dial.
func failing(err error) func(context.Context, string, string) (net.Conn, error) {
	return func(context.Context, string, string) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Addr: &net.TCPAddr{IP: net.IPv4(52, 94, 1, 1), Port: 443}, Err: err}
	}
}

func TestFailureKinds(t *testing.T) {
	shut, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	shut.Close()
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	for name, c := range map[string]struct {
		prober netpath.Prober
		url    string
		want   netpath.Kind
		addr   string
	}{
		"nothing listens":      {netpath.Prober{}, "https://" + shut.Addr().String(), netpath.Refused, shut.Addr().String()},
		"no route":             {netpath.Prober{Dial: failing(syscall.ENETUNREACH)}, "https://ecs", netpath.NoRoute, "52.94.1.1:443"},
		"a router reports it":  {netpath.Prober{Dial: failing(syscall.EHOSTUNREACH)}, "https://ecs", netpath.NoRoute, "52.94.1.1:443"},
		"the kernel times out": {netpath.Prober{Dial: failing(syscall.ETIMEDOUT)}, "https://ecs", netpath.TimedOut, "52.94.1.1:443"},
		"no such name": {netpath.Prober{Dial: failing(&net.DNSError{Err: "no such host", Name: "ecs"})}, "https://ecs",
			netpath.Unresolved, "52.94.1.1:443"},
		"no TLS there": {netpath.Prober{}, "https://" + plain.Listener.Addr().String(), netpath.Failed, plain.Listener.Addr().String()},
		"no URL":       {netpath.Prober{}, "https://%zz", netpath.Failed, "invalid AddrPort"},
	} {
		got := c.prober.Ask(t.Context(), c.url, nil)
		if got.Kind != c.want || got.Err == nil || got.Addr.String() != c.addr {
			t.Errorf("%s: got %+v", name, got)
		}
	}
}

func TestSilentEndpointTimesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hangs := func(ctx context.Context, _, _ string) (net.Conn, error) {
			<-ctx.Done()
			return nil, &net.OpError{Op: "dial", Net: "tcp", Err: ctx.Err()}
		}
		began := time.Now()
		got := netpath.Prober{Dial: hangs}.Ask(t.Context(), "https://ecs.eu-west-1.amazonaws.com", nil)
		if took := time.Since(began); got.Kind != netpath.TimedOut || took != netpath.Patience {
			t.Errorf("got %+v after %s", got, took)
		}
	})
}

// A TLS handshake that never completes, as on a path that drops large packets.
func TestHangingHandshakeTimesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		defer far.Close()
		deaf := func(context.Context, string, string) (net.Conn, error) { return near, nil }
		go func() { _, _ = io.Copy(io.Discard, far) }()
		if got := (netpath.Prober{Dial: deaf}).Ask(t.Context(), "https://ecs.eu-west-1.amazonaws.com", nil); got.Kind != netpath.TimedOut {
			t.Errorf("got %+v", got)
		}
	})
}

func TestRequestGoesThroughTheProxy(t *testing.T) {
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusProxyAuthRequired)
	}))
	t.Cleanup(proxy.Close)
	via, err := url.Parse(proxy.URL)
	if err != nil {
		t.Fatal(err)
	}
	got := netpath.Prober{}.Ask(t.Context(), "https://ecs.eu-west-1.amazonaws.com", via)
	if got.Kind != netpath.Rejected || !strings.Contains(got.Err.Error(), "407 Proxy Authentication Required") ||
		got.Addr.String() != via.Host {
		t.Errorf("got %+v", got)
	}
}

func TestResolve(t *testing.T) {
	got, err := netpath.Prober{}.Resolve(t.Context(), "127.0.0.1")
	if err != nil || !slices.Equal(got, []netip.Addr{netip.MustParseAddr("127.0.0.1")}) {
		t.Errorf("got %v, %v", got, err)
	}
	silent := &net.Resolver{PreferGo: true, Dial: failing(errors.New("no network"))}
	if got, err := (netpath.Prober{Resolver: silent}).Resolve(t.Context(), "ecs.invalid."); err == nil {
		t.Errorf("got %v", got)
	}
}

func TestProxyOfTheAgent(t *testing.T) {
	for name, c := range map[string]struct {
		proxy    netpath.Proxy
		endpoint string
		want     string
	}{
		"none":                                  {netpath.Proxy{}, "https://ecs", ""},
		"HTTP_PROXY serves https too":           {netpath.Proxy{HTTP: "p:3128"}, "https://ecs", "http://p:3128"},
		"HTTPS_PROXY comes first":               {netpath.Proxy{HTTP: "p:1", HTTPS: "https://q:2"}, "https://ecs", "https://q:2"},
		"HTTPS_PROXY is not for http":           {netpath.Proxy{HTTPS: "q:2"}, "http://ecs", ""},
		"an exempt name":                        {netpath.Proxy{HTTP: "p:1", No: "a, ECS.x"}, "https://ecs.x", ""},
		"an exempt domain":                      {netpath.Proxy{HTTP: "p:1", No: ".amazonaws.com"}, "https://ecs.eu.amazonaws.com", ""},
		"a partial name does not match":         {netpath.Proxy{HTTP: "p:1", No: "cs.x"}, "https://ecs.x", "http://p:1"},
		"an exempt network":                     {netpath.Proxy{HTTP: "p:1", No: "169.254.0.0/16"}, "http://169.254.169.254", ""},
		"an address outside the exempt network": {netpath.Proxy{HTTP: "p:1", No: "10.0.0.0/8"}, "http://169.254.169.254", "http://p:1"},
		"the port is ignored":                   {netpath.Proxy{HTTP: "p:1", No: "ecs.x:443"}, "https://ecs.x", ""},
		"everything is exempt":                  {netpath.Proxy{HTTP: "p:1", No: "*"}, "https://ecs.x", ""},
		"this host":                             {netpath.Proxy{HTTP: "p:1"}, "http://127.0.0.1:51678", ""},
	} {
		endpoint, err := url.Parse(c.endpoint)
		if err != nil {
			t.Fatal(err)
		}
		got, err := c.proxy.For(endpoint)
		if err != nil || c.want == "" && got != nil || c.want != "" && (got == nil || got.String() != c.want) {
			t.Errorf("%s: got %v, %v", name, got, err)
		}
	}
}

func TestNameservers(t *testing.T) {
	got := netpath.Nameservers("# nameserver 1.1.1.1\nsearch x\nnameserver 10.0.0.2\n\tnameserver\tfd00::2 # two\nnameserver\n")
	if !slices.Equal(got, []string{"10.0.0.2", "fd00::2"}) {
		t.Errorf("got %q", got)
	}
}

func FuzzNameservers(f *testing.F) {
	f.Add("nameserver 10.0.0.2\noptions edns0\n")
	f.Fuzz(func(t *testing.T, text string) {
		for _, s := range netpath.Nameservers(text) {
			if s == "" || strings.ContainsAny(s, " \t\n") {
				t.Errorf("%q of %q", s, text)
			}
		}
	})
}

func FuzzExempts(f *testing.F) {
	f.Add("169.254.0.0/16,.x,*", "ecs.x")
	f.Fuzz(func(t *testing.T, no, host string) {
		if got := (netpath.Proxy{No: no}).Exempts(host); !got && (netpath.Proxy{No: no + ",*"}).Exempts(host) == false {
			t.Errorf("* does not exempt %q", host)
		}
	})
}

// The suffixes come from aws-sdk-go-v2 internal/endpoints/awsrulesfn/partitions.json.
func TestEveryPartitionHasDualStackNames(t *testing.T) {
	for ipv4, dual := range map[string]string{
		"ecs.eu-west-1.amazonaws.com":          "ecs.eu-west-1.api.aws",
		"ecs-fips.us-gov-west-1.amazonaws.com": "ecs-fips.us-gov-west-1.api.aws",
		"ecs.cn-north-1.amazonaws.com.cn":      "ecs.cn-north-1.api.amazonwebservices.com.cn",
		"ecs.eusc-de-east-1.amazonaws.eu":      "ecs.eusc-de-east-1.api.amazonwebservices.eu",
		"ecs.us-iso-east-1.c2s.ic.gov":         "ecs.us-iso-east-1.api.aws.ic.gov",
		"ecs.us-isob-east-1.sc2s.sgov.gov":     "ecs.us-isob-east-1.api.aws.scloud",
		"ecs.eu-isoe-west-1.cloud.adc-e.uk":    "ecs.eu-isoe-west-1.api.cloud-aws.adc-e.uk",
		"ecs.us-isof-south-1.csp.hci.ic.gov":   "ecs.us-isof-south-1.api.aws.hci.ic.gov",
		"127.0.0.1":                            "127.0.0.1",
	} {
		if got := netpath.DualStack(ipv4); got != dual || netpath.IPv4Only(got) != ipv4 || netpath.DualStack(dual) != dual {
			t.Errorf("%s: got %s, and back %s", ipv4, got, netpath.IPv4Only(got))
		}
	}
}
