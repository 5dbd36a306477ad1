package dockerapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/http/httputil"
	"net/textproto"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"muster/internal/file/jsonfile"
)

// Limits of a Proxy. Its only client is muster-agent, which keeps one event stream open and makes a few short calls.
const (
	maxConns      = 32
	maxHeader     = 8 << 10          // bytes of a request, which has no body; net/http adds 4 KiB
	headerTimeout = 5 * time.Second  // for the request header
	writeTimeout  = 30 * time.Second // for each write of a response
	refusalPause  = 10 * time.Second // between two log lines about rejected requests
)

// errorHeader tells a Client behind a Proxy why the Engine did not respond: one of the causes, a space, and the error.
// It is a header because the response to a HEAD request has no body.
const errorHeader = "Muster-Docker-Error"

// aliveHeader asks a Proxy to send an informational 102 response before the final one. Without the 102, a Client knows
// that the Proxy hangs and not the Engine.
const aliveHeader = "Muster-Alive"

// causes maps names in errorHeader to the errors that a Proxy passes on.
var causes = map[string]error{"not-running": ErrNotRunning, "hung": ErrHung, "denied": ErrDenied, "unknown": ErrUnknown}

// Proxy passes the requests that readOnly allows to a Docker Engine, so that its clients need no permission to open the
// Engine's own socket. It rejects and logs every other request, with status 403. Each connection carries one request.
type Proxy struct {
	host    string
	engine  *httputil.ReverseProxy
	log     *slog.Logger
	mu      sync.Mutex
	logged  time.Time // time of the last logged refusal
	skipped int       // refusals since then that were not logged
}

// NewProxy returns a Proxy for host, in the form that New accepts.
func NewProxy(host string, log *slog.Logger) (*Proxy, error) {
	transport, err := dialOnly(host)
	if err != nil {
		return nil, err
	}
	return newProxy(host, transport, log), nil
}

func newProxy(host string, transport http.RoundTripper, logger *slog.Logger) *Proxy {
	p := &Proxy{host: host, log: logger.With("phase", "docker-proxy")}
	p.engine = &httputil.ReverseProxy{
		Rewrite:       rewrite,
		Transport:     readOnly{transport},
		FlushInterval: -1, // pass each event on at once, without waiting for the next one
		ErrorHandler:  p.failed,
		ErrorLog:      log.New(io.Discard, "", 0), // net/http logs each client that closes an event stream
	}
	return p
}

// rewrite builds the request for the Engine from the client's method, path and query. It drops all headers.
func rewrite(r *httputil.ProxyRequest) {
	r.Out.URL = &url.URL{Scheme: "http", Host: "docker", Path: r.In.URL.Path, RawQuery: r.Out.URL.RawQuery}
	r.Out.Host = "docker"
	r.Out.Header = http.Header{"User-Agent": {"muster-docker-proxy"}}
}

// Serve accepts connections until ctx ends, and then closes all of them.
func (p *Proxy) Serve(ctx context.Context, l net.Listener) error {
	server := &http.Server{
		Handler: p, ReadHeaderTimeout: headerTimeout, MaxHeaderBytes: maxHeader,
		DisableGeneralOptionsHandler: true, // otherwise net/http answers OPTIONS * itself
		ErrorLog:                     slog.NewLogLogger(p.log.Handler(), slog.LevelError),
	}
	server.SetKeepAlivesEnabled(false)
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer func() {
		stop()
		_ = server.Close()
	}()
	err := server.Serve(&limited{l, make(chan struct{}, maxConns), ctx.Done()})
	if ctx.Err() != nil {
		return nil
	}
	return fmt.Errorf("accepting connections on %s: %w", l.Addr(), err)
}

// ServeHTTP implements http.Handler.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if why := refusal(r); why != "" {
		path, _, _ := strings.Cut(r.RequestURI, "?")
		text := fmt.Sprintf("refused %.20q %.200q: %s", r.Method, path, why)
		p.logRefusal(text)
		// net/http keeps reading the request body until its end, however slowly it arrives. The deadline stops that.
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(time.Second))
		sendError(w, http.StatusForbidden, "muster docker-proxy "+text)
		return
	}
	if r.Header.Get(aliveHeader) != "" {
		w.WriteHeader(http.StatusProcessing)
	}
	p.engine.ServeHTTP(w, r)
}

// logRefusal logs at most one refusal per refusalPause.
func (p *Proxy) logRefusal(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if now.Sub(p.logged) < refusalPause {
		p.skipped++
		return
	}
	p.log.Warn(text, "refused_before", p.skipped)
	p.logged, p.skipped = now, 0
}

// failed sends an error response for a request to which the Engine did not respond.
func (p *Proxy) failed(w http.ResponseWriter, r *http.Request, err error) {
	err = reason(r.Context(), exchange{err: err}, err)
	for name, cause := range causes {
		if errors.Is(err, cause) {
			w.Header().Set(errorHeader, name+" "+strings.TrimPrefix(err.Error(), cause.Error()+": "))
		}
	}
	sendError(w, http.StatusBadGateway, fmt.Sprintf("muster docker-proxy queried the Docker Engine at %s: %v", p.host, err))
}

// sendError sends an error in the format of the Engine API (moby api/types/common, ErrorResponse).
func sendError(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	body, _ := jsonfile.Line(map[string]string{"message": message})
	_, _ = w.Write(body)
}

// limited is a listener that limits the number of open connections to the size of slots. Further connections wait in
// the socket's backlog.
type limited struct {
	net.Listener
	slots chan struct{}
	done  <-chan struct{} // net/http closes connections only after Accept has returned
}

// Accept implements net.Listener.
func (b *limited) Accept() (net.Conn, error) {
	select {
	case b.slots <- struct{}{}:
	case <-b.done:
		return nil, net.ErrClosed
	}
	conn, err := b.Listener.Accept()
	if err != nil {
		<-b.slots
		return nil, err
	}
	return &limitedConn{Conn: conn, release: sync.OnceFunc(func() { <-b.slots })}, nil
}

// limitedConn fails a write that the client does not read within writeTimeout. A deadline for the whole response would
// break event streams.
type limitedConn struct {
	net.Conn
	release func()
}

// Write implements net.Conn.
func (c *limitedConn) Write(p []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}

// Close implements net.Conn.
func (c *limitedConn) Close() error {
	defer c.release()
	return c.Conn.Close()
}

// behindProxy is the transport of a Client whose requests go through a Proxy.
type behindProxy struct {
	next http.RoundTripper
}

// RoundTrip implements http.RoundTripper. A failure that the Proxy reports becomes an error, as it would be without a
// Proxy.
func (t behindProxy) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx := req.Context()
	if err := ctx.Err(); err != nil {
		return nil, err // the Proxy was not contacted
	}
	var heard atomic.Bool
	trace := &httptrace.ClientTrace{Got1xxResponse: func(int, textproto.MIMEHeader) error { heard.Store(true); return nil }}
	req = req.Clone(httptrace.WithClientTrace(ctx, trace))
	req.Header.Set(aliveHeader, "1")
	resp, err := t.next.RoundTrip(req)
	if err != nil {
		hung := errors.Is(context.Cause(ctx), ErrHung) || errors.Is(ctx.Err(), context.DeadlineExceeded)
		switch {
		case isDial(err) && ctx.Err() == nil:
			err = fmt.Errorf("%w: %w", ErrProxy, err)
		case hung && !heard.Load():
			err = fmt.Errorf("%w: it does not respond", ErrProxy)
		}
		return nil, err
	}
	name, text, _ := strings.Cut(resp.Header.Get(errorHeader), " ")
	cause, known := causes[name]
	if resp.StatusCode != http.StatusBadGateway || !known {
		return resp, nil
	}
	resp.Body.Close()
	err = fmt.Errorf("%w: %s", cause, text)
	if errors.Is(cause, ErrDenied) || errors.Is(cause, ErrUnknown) { // the state of the Engine is unknown
		err = fmt.Errorf("%w: %w", ErrProxy, err)
	}
	return nil, err
}
