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

// Bounds of a Proxy. Its only client is muster-agent, which holds one event stream
// and makes a few short calls beside it.
const (
	maxConns      = 32
	maxHeader     = 8 << 10          // bytes of a request, which has no body; net/http adds 4 KiB
	headerTimeout = 5 * time.Second  // to send a request
	writeTimeout  = 30 * time.Second // to take a part of an answer
	refusalPause  = 10 * time.Second // between two log lines about refused requests
)

// errorHeader carries why the Engine gave no answer to a Client behind a Proxy: one
// of the causes, a space, and the error. A HEAD request gets no body to read it from.
const errorHeader = "Muster-Docker-Error"

// aliveHeader asks a Proxy for a 102 ahead of the answer, by which a Client can tell an
// Engine that hangs from a Proxy that does.
const aliveHeader = "Muster-Alive"

// causes are the errors that keep their identity on the way through a Proxy.
var causes = map[string]error{"not-running": ErrNotRunning, "hung": ErrHung, "denied": ErrDenied, "unknown": ErrUnknown}

// Proxy passes to a Docker Engine the requests that readOnly lets through, so that
// its clients need no right to open the Engine's own socket. Every other request is
// answered with 403 and logged. One connection carries one request.
type Proxy struct {
	host    string
	engine  *httputil.ReverseProxy
	log     *slog.Logger
	mu      sync.Mutex
	logged  time.Time // the last refusal that was logged
	skipped int       // refusals since then
}

// NewProxy returns a Proxy for host, which has the form that New takes.
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
		FlushInterval: -1, // an event must not wait for the next one
		ErrorHandler:  p.failed,
		ErrorLog:      log.New(io.Discard, "", 0), // each client that leaves an event stream
	}
	return p
}

// rewrite makes the Engine's request anew: of the client's it keeps the method, the
// path and the query, and none of the headers.
func rewrite(r *httputil.ProxyRequest) {
	r.Out.URL = &url.URL{Scheme: "http", Host: "docker", Path: r.In.URL.Path, RawQuery: r.Out.URL.RawQuery}
	r.Out.Host = "docker"
	r.Out.Header = http.Header{"User-Agent": {"muster-docker-proxy"}}
}

// Serve accepts connections until ctx ends, and then closes all of them.
func (p *Proxy) Serve(ctx context.Context, l net.Listener) error {
	server := &http.Server{
		Handler: p, ReadHeaderTimeout: headerTimeout, MaxHeaderBytes: maxHeader,
		DisableGeneralOptionsHandler: true, // net/http would answer OPTIONS * by itself
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
		// net/http reads on for the end of a body, at whatever pace it comes.
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(time.Second))
		sendError(w, http.StatusForbidden, "muster docker-proxy "+text)
		return
	}
	if r.Header.Get(aliveHeader) != "" {
		w.WriteHeader(http.StatusProcessing)
	}
	p.engine.ServeHTTP(w, r)
}

// logRefusal logs at most one refusal each refusalPause.
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

// failed answers a request that the Engine did not answer.
func (p *Proxy) failed(w http.ResponseWriter, r *http.Request, err error) {
	err = reason(r.Context(), exchange{err: err}, err)
	for name, cause := range causes {
		if errors.Is(err, cause) {
			w.Header().Set(errorHeader, name+" "+strings.TrimPrefix(err.Error(), cause.Error()+": "))
		}
	}
	sendError(w, http.StatusBadGateway, fmt.Sprintf("muster docker-proxy asked the Docker Engine at %s: %v", p.host, err))
}

// sendError writes an error in the shape of the Engine API (moby api/types/common,
// ErrorResponse).
func sendError(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	body, _ := jsonfile.Line(map[string]string{"message": message})
	_, _ = w.Write(body)
}

// limited holds at most as many connections at once as there are slots; more of them
// wait in the socket's backlog.
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

// limitedConn ends with a client that no longer takes what it asked for. A deadline
// for the whole answer would end event streams.
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

// behindProxy is the transport of a Client that asks through a Proxy.
type behindProxy struct {
	next http.RoundTripper
}

// RoundTrip implements http.RoundTripper. What the Proxy could not do is an error, as
// it is without a Proxy.
func (t behindProxy) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx := req.Context()
	if err := ctx.Err(); err != nil {
		return nil, err // and nothing was learned about the Proxy
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
			err = fmt.Errorf("%w: it does not answer", ErrProxy)
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
	if errors.Is(cause, ErrDenied) || errors.Is(cause, ErrUnknown) { // which says nothing about the Engine
		err = fmt.Errorf("%w: %w", ErrProxy, err)
	}
	return nil, err
}
