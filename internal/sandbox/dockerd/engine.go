// Package dockerd simulates the parts of a Docker Engine that muster uses, on a unix socket: ping, container list,
// inspect and events. Tests control its containers. It can hang, disappear, come back as another version, and lose,
// repeat or reorder events. A contract shared with a real Engine verifies its behavior (contract_test.go).
//
// It runs no programs, and supports no images, networks or statistics.
package dockerd

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Options configures the simulated Engine.
type Options struct {
	API    string // highest supported version; default 1.41, of Docker 20.10
	MinAPI string // lowest supported version; default 1.12
	// Now is the Engine's clock for events; default time.Now.
	Now func() time.Time
	Dir string // existing directory for the socket; default: a temporary one, which Close removes
}

// Engine is a simulated Docker Engine. Its methods are safe for concurrent use.
type Engine struct {
	dir string

	mu          sync.Mutex
	opts        Options
	server      *http.Server
	served      chan struct{}
	containers  map[string]*container
	ids         []string // in order of creation
	past        []Event  // the last 256, of all kinds
	subscribers map[chan Event]struct{}
	deliver     func(Event) []Event
	hung        chan struct{} // nil unless it hangs; closed on Resume
	calls       map[string]int
	made        int
}

// New starts an Engine without containers. The caller must Close it.
func New(opts Options) (*Engine, error) {
	dir := opts.Dir
	if dir == "" {
		var err error
		if dir, err = os.MkdirTemp("/tmp", "dockerd"); err != nil { // short enough for a socket path, regardless of TMPDIR
			return nil, fmt.Errorf("making room for the socket: %w", err)
		}
	}
	e := &Engine{dir: dir, containers: map[string]*container{}, subscribers: map[chan Event]struct{}{}, calls: map[string]int{}}
	if err := e.Return(opts); err != nil {
		return nil, err
	}
	return e, nil
}

// Host returns its address in the form of DOCKER_HOST.
func (e *Engine) Host() string { return "unix://" + e.socket() }

func (e *Engine) socket() string { return filepath.Join(e.dir, "docker.sock") }

// Vanish closes all connections and the listener. Containers are unchanged.
func (e *Engine) Vanish() {
	e.mu.Lock()
	server, served := e.server, e.served
	e.server = nil
	e.mu.Unlock()
	if server != nil {
		server.Close()
		<-served
	}
}

// Return starts listening again, optionally as another version, without past events.
func (e *Engine) Return(opts Options) error {
	listener, err := net.Listen("unix", e.socket())
	if err != nil {
		return fmt.Errorf("listening: %w", err)
	}
	opts.API, opts.MinAPI = cmp.Or(opts.API, "1.41"), cmp.Or(opts.MinAPI, "1.12")
	if opts.Now == nil {
		opts.Now = time.Now
	}
	server, served := &http.Server{Handler: e, ReadHeaderTimeout: time.Minute}, make(chan struct{})
	e.mu.Lock()
	e.opts, e.server, e.served, e.past = opts, server, served, nil
	e.mu.Unlock()
	go func() {
		defer close(served)
		_ = server.Serve(listener) // always http.ErrServerClosed, because only Vanish stops it
	}()
	return nil
}

// Close stops the Engine permanently.
func (e *Engine) Close() {
	e.Vanish()
	os.RemoveAll(e.dir)
}

// Hang accepts connections but sends no response until Resume. Event streams are silent, and their events are lost.
func (e *Engine) Hang() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.hung == nil {
		e.hung = make(chan struct{})
	}
}

// Resume ends Hang.
func (e *Engine) Resume() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.hung != nil {
		close(e.hung)
		e.hung = nil
	}
}

// Deliver makes f decide which events subscribers receive for each event: none to lose it, two to repeat it, an earlier
// one to reorder. nil removes f.
func (e *Engine) Deliver(f func(Event) []Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.deliver = f
}

// Calls counts the requests by "ping", "events", "list" and "inspect".
func (e *Engine) Calls() map[string]int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return maps.Clone(e.calls)
}

// Subscribers counts the open event streams.
func (e *Engine) Subscribers() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.subscribers)
}

// waits blocks while the Engine hangs. It returns false if the client disconnects.
func (e *Engine) waits(ctx context.Context) bool {
	e.mu.Lock()
	hung := e.hung
	e.mu.Unlock()
	if hung == nil {
		return true
	}
	select {
	case <-hung:
		return true
	case <-ctx.Done():
		return false
	}
}
