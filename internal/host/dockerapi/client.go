// Package dockerapi is a read-only view of the Docker Engine on this host.
//
// Every request passes a transport that lets through only reading calls (see
// readOnly). That bounds this program, not the system: a user who may open the
// socket is root. A Proxy, which runs as a process of its own, holds its clients to
// the same rule. Statistics are never asked for: they take the Engine seconds.
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

// DefaultHost is where the Engine listens by default.
const DefaultHost = "unix:///var/run/docker.sock"

// Why the Engine gave no answer, to be told apart with errors.Is. Each comes
// wrapped together with its cause and the host.
var (
	// ErrNotRunning: the socket is missing or nothing listens there.
	ErrNotRunning = errors.New("the Docker Engine is not running")
	// ErrHung: no answer within the timeout, or a socket with a full backlog.
	ErrHung = errors.New("the Docker Engine does not answer")
	// ErrDenied: this user may not open the socket.
	ErrDenied = errors.New("no permission to ask the Docker Engine")
	// ErrTooOld: the Engine's newest API is older than the oldest that this client
	// speaks, which is that of Docker 19.03.
	ErrTooOld = errors.New("the Docker Engine is too old for muster")
	// ErrRejected: the Engine answers a ping with an HTTP error.
	ErrRejected = errors.New("the Docker Engine answers with an error")
	// ErrUnknown: this process could not ask, for want of a descriptor or of memory.
	// That says nothing about the Engine.
	ErrUnknown = ownlimit.ErrExhausted
	// ErrProxy: the Proxy that this Client asks through is not there, does not answer, or
	// cannot ask the Engine. That says nothing about the Engine either.
	ErrProxy = errors.New("the read-only Docker proxy (muster-docker.socket) does not work")
)

// engine is what is used of the moby client. The client's hijacking calls dial
// past the transport; through this interface they are out of reach.
type engine interface {
	Ping(context.Context, client.PingOptions) (client.PingResult, error)
	ContainerList(context.Context, client.ContainerListOptions) (client.ContainerListResult, error)
	ContainerInspect(context.Context, string, client.ContainerInspectOptions) (client.ContainerInspectResult, error)
	Events(context.Context, client.EventsListOptions) client.EventsResult
}

// Client asks one Docker Engine. It may be used concurrently.
type Client struct {
	host      string
	timeout   time.Duration
	transport http.RoundTripper

	mu     sync.Mutex
	engine engine // replaced by renew, under mu

	// turn is held by the one call that may negotiate the API version. The moby
	// client has a lock for that, which a call whose context ends would not leave.
	turn   chan struct{}
	agreed atomic.Bool // the version is negotiated: calls need no turn
}

// New returns a Client for host, in the form of DOCKER_HOST: unix:///path or
// tcp://host:port, the latter without TLS; empty means DefaultHost. It does not
// connect yet. timeout bounds each call. The API version is negotiated at the
// first one, down to 1.40 (Docker 19.03).
func New(host string, timeout time.Duration) (*Client, error) {
	host = cmp.Or(host, DefaultHost)
	transport, err := dialOnly(host)
	if err != nil {
		return nil, err
	}
	return newClient(host, timeout, transport)
}

// NewBehindProxy is New for an Engine that is asked through a Proxy, which listens on
// the unix socket at path.
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

// renew makes a client that has not negotiated the API version yet: the Engine
// that comes back may be another version than the one that left.
func (c *Client) renew() (engine, error) {
	guarded := &http.Client{Transport: c.transport, CheckRedirect: client.CheckRedirect}
	// WithHost goes first: it demands a plain http.Transport.
	fresh, err := client.New(client.WithHost(c.host), client.WithHTTPClient(guarded))
	if err != nil {
		return nil, fmt.Errorf("preparing to ask the Docker Engine at %s: %w", c.host, err)
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

// dialOnly returns a transport that connects to host whatever a request names,
// and keeps no connection, so that nothing is left behind between calls.
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

// Version is what the Engine says of itself when pinged.
type Version struct {
	API string // the highest it speaks, such as "1.41" for Docker 20.10
	OS  string // linux or windows
}

// Ping asks whether the Engine answers.
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
	// An Engine puts its version on every answer, also on an error (moby
	// daemon/server/middleware/version.go).
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

// call runs ask within the timeout and names the reason of its failure.
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

// reason names why a request failed. The moby client replaces errors of the
// transport by advice in words, so the reason is taken from what the transport
// saw.
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
		return ErrHung // how the end of the time shows in cause varies
	case errors.Is(cause, syscall.EAGAIN):
		return fmt.Errorf("%w: %w", ErrHung, cause)
	case errors.Is(cause, context.Canceled), errors.Is(cause, ErrNotRunning), errors.Is(cause, ErrHung):
		return cause // the last two were found by a Proxy
	case errors.Is(cause, fs.ErrPermission):
		return fmt.Errorf("%w: %w", ErrDenied, cause)
	case isDial(cause):
		return fmt.Errorf("%w: %w", ErrNotRunning, cause)
	}
	return err
}

// isDial reports whether no connection was made.
func isDial(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

// NotAsked names what kept this program from asking the Engine, as a clause; the
// Engine's state is then unknown. It is empty for every error that is about the Engine.
func NotAsked(err error) string {
	for _, own := range []error{ErrProxy, ErrDenied} {
		if errors.Is(err, own) {
			return own.Error()
		}
	}
	return ownlimit.Of(err)
}
