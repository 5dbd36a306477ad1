// Package dockerapi is a read-only client of this host's Docker Engine.
//
// Every request passes a transport that allows only read requests (see readOnly). This limits what muster does, but it
// is not a security boundary: a user who can open the socket has root's rights. A Proxy, which runs in a separate
// process, enforces the same rule on its clients. The package never requests statistics, because the Engine takes
// seconds to collect them.
package dockerapi

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/moby/moby/client"
	"github.com/moby/moby/client/pkg/versions"

	"muster/internal/base/ownlimit"
)

// DefaultHost is the Engine's default address.
const DefaultHost = "unix:///var/run/docker.sock"

// Errors that explain why the Engine returned no result, for errors.Is. Each is wrapped together with its cause and the
// host.
var (
	// ErrNotRunning means that the socket is missing or nothing listens on it.
	ErrNotRunning = errors.New("the Docker Engine is not running")
	// ErrHung means that no response arrived before the timeout, or that the socket's backlog is full.
	ErrHung = errors.New("the Docker Engine does not respond")
	// ErrDenied means that this user has no permission to open the socket.
	ErrDenied = errors.New("no permission to query the Docker Engine")
	// ErrTooOld means that the Engine's newest API version is older than the oldest version that this client supports,
	// that of Docker 19.03.
	ErrTooOld = errors.New("the Docker Engine is too old for muster")
	// ErrRejected means that the Engine responded to a ping with an HTTP error.
	ErrRejected = errors.New("the Docker Engine responds with an error")
	// ErrUnknown means that this process could not send the request, because it has no free descriptor or memory. The
	// state of the Engine is unknown.
	ErrUnknown = ownlimit.ErrExhausted
	// ErrProxy means that the Proxy between this Client and the Engine does not run, does not respond, or could not
	// forward the request. The state of the Engine is unknown.
	ErrProxy = errors.New("the read-only Docker proxy (muster-docker.socket) does not work")
)

// engine is the part of the moby client that this package uses. The interface excludes the moby client's hijacking
// calls, which dial without using the transport.
type engine interface {
	Ping(context.Context, client.PingOptions) (client.PingResult, error)
	ContainerList(context.Context, client.ContainerListOptions) (client.ContainerListResult, error)
	ContainerInspect(context.Context, string, client.ContainerInspectOptions) (client.ContainerInspectResult, error)
	Events(context.Context, client.EventsListOptions) client.EventsResult
}

// Client is a client of one Docker Engine. It is safe for concurrent use.
type Client struct {
	host      string
	timeout   time.Duration
	transport http.RoundTripper

	mu     sync.Mutex
	engine engine // replaced by renew; guarded by mu

	// turn is a lock for the one call that may negotiate the API version. The moby client has its own lock for that,
	// but a call that waits for it does not return when its context ends.
	turn   chan struct{}
	agreed atomic.Bool // the API version is negotiated, so calls do not need turn
}

// New returns a Client for host, in the form of DOCKER_HOST: unix:///path, or tcp://host:port without TLS. An empty
// host means DefaultHost. New does not connect. timeout limits each call. The first call negotiates the API version,
// down to 1.40 (Docker 19.03).
func New(host string, timeout time.Duration) (*Client, error) {
	host = cmp.Or(host, DefaultHost)
	transport, err := dialOnly(host)
	if err != nil {
		return nil, err
	}
	return newClient(host, timeout, transport)
}

// NewBehindProxy returns a Client that reaches the Engine through the Proxy at a unix socket.
func NewBehindProxy(path string, timeout time.Duration) (*Client, error) {
	host := "unix://" + path
	transport, err := dialOnly(host)
	if err != nil {
		return nil, err
	}
	return newClient(host, timeout, behindProxy{transport})
}

func newClient(host string, timeout time.Duration, transport http.RoundTripper) (*Client, error) {
	c := &Client{host: host, timeout: timeout, transport: readOnly{transport}, turn: make(chan struct{}, 1)}
	_, err := c.renew()
	return c, err
}

// renew creates a moby client that has not negotiated the API version yet. An Engine that restarts may have another
// version than before.
func (c *Client) renew() (engine, error) {
	guarded := &http.Client{Transport: c.transport, CheckRedirect: client.CheckRedirect}
	// WithHost must come first, because it requires a plain http.Transport.
	fresh, err := client.New(client.WithHost(c.host), client.WithHTTPClient(guarded))
	if err != nil {
		return nil, fmt.Errorf("preparing to query the Docker Engine at %s: %w", c.host, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.engine = fresh
	c.agreed.Store(false)
	return fresh, nil
}

func (c *Client) current() engine {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.engine
}

// dialOnly returns a transport that always connects to host, whatever address a request names. It closes each
// connection after its request.
func dialOnly(host string) (*http.Transport, error) {
	network, address, _ := strings.Cut(host, "://")
	switch {
	case network == "unix" && strings.HasPrefix(address, "/"):
	case network == "tcp" && address != "" && !strings.Contains(address, "/"):
	default:
		return nil, fmt.Errorf("docker host %q is neither unix:///path nor tcp://host:port", host)
	}
	return &http.Transport{
		DisableKeepAlives:  true,
		DisableCompression: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, network, address)
		},
	}, nil
}

// Version is the Engine's response to a ping.
type Version struct {
	API string // the newest supported API version, such as "1.41" for Docker 20.10
	OS  string // linux or windows
}

// Ping checks whether the Engine responds.
func (c *Client) Ping(ctx context.Context) (Version, error) {
	var v Version
	seen, err := c.call(ctx, func(ctx context.Context) error {
		pong, err := c.current().Ping(ctx, client.PingOptions{NegotiateAPIVersion: true})
		if err == nil && pong.APIVersion == "" {
			err = errors.New("answered without an API version: something else listens there")
		}
		v = Version{pong.APIVersion, pong.OSType}
		return err
	})
	// An Engine puts its version on every response, including errors (moby daemon/server/middleware/version.go).
	switch {
	case err == nil || !isVersion("v"+v.API):
	case seen.status >= http.StatusBadRequest:
		err = fmt.Errorf("%w: HTTP %d %s: %w", ErrRejected, seen.status, http.StatusText(seen.status), err)
	case versions.LessThan(v.API, client.MinAPIVersion):
		err = fmt.Errorf("%w: its newest API is %s, and muster needs %s (Docker 19.03)", ErrTooOld, v.API, client.MinAPIVersion)
	}
	if err != nil {
		return Version{}, fmt.Errorf("pinging the Docker Engine at %s: %w", c.host, err)
	}
	return v, nil
}

// call runs ask with the timeout, and converts its error to one of this package's errors.
func (c *Client) call(ctx context.Context, ask func(context.Context) error) (seen exchange, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, c.timeout, ErrHung)
	defer cancel()
	if !c.agreed.Load() {
		select {
		case c.turn <- struct{}{}:
			defer func() { <-c.turn }()
		case <-ctx.Done():
			return seen, reason(ctx, seen, ctx.Err())
		}
	}
	if err = ask(context.WithValue(ctx, exchangeKey{}, &seen)); err == nil {
		c.agreed.Store(true)
	}
	return seen, reason(ctx, seen, err)
}

// reason returns the reason why a request failed. It prefers the error that the transport recorded, because the moby
// client replaces transport errors with advice.
func reason(ctx context.Context, seen exchange, err error) error {
	if err == nil {
		return nil
	}
	cause := cmp.Or(seen.err, err)
	switch {
	case ownlimit.Of(cause) != "":
		return ownlimit.Wrap(cause)
	case errors.Is(cause, ErrProxy):
		return cause
	case errors.Is(context.Cause(ctx), ErrHung), errors.Is(ctx.Err(), context.DeadlineExceeded):
		return ErrHung // cause has several forms after a timeout
	case errors.Is(cause, syscall.EAGAIN):
		return fmt.Errorf("%w: %w", ErrHung, cause)
	case errors.Is(cause, context.Canceled), errors.Is(cause, ErrNotRunning), errors.Is(cause, ErrHung):
		return cause // the last two come from a Proxy
	case errors.Is(cause, fs.ErrPermission):
		return fmt.Errorf("%w: %w", ErrDenied, cause)
	case isDial(cause):
		return fmt.Errorf("%w: %w", ErrNotRunning, cause)
	}
	return err
}

// isDial reports whether the error means that no connection was made.
func isDial(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

// NotAsked returns a clause that says why this program could not send a request to the Engine, so that the Engine's
// state is unknown. It returns "" for an error of the Engine itself.
func NotAsked(err error) string {
	for _, own := range []error{ErrProxy, ErrDenied} {
		if errors.Is(err, own) {
			return own.Error()
		}
	}
	return ownlimit.Of(err)
}
