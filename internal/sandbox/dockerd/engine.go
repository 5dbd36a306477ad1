// Package dockerd is a Docker Engine on a unix socket, as far as muster reads one:
// ping, the list of containers, the inspection of one, events. Its containers live
// as they are told to; it can hang, vanish, come back as another version, and lose,
// repeat or reorder its events. What it shares with a real Engine is held to the
// same contract (contract_test.go).
//
// It runs nothing, and knows neither images, networks nor statistics.
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

// Options says what Engine to be.
type Options struct {
	API    string // the highest version that it speaks; default 1.41, of Docker 20.10
	MinAPI string // the lowest; default 1.12
	// Now is the Engine's clock, which its events carry; default time.Now.
	Now func() time.Time
}

// Engine is a Docker Engine. Its methods may be called concurrently.
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
	hung        chan struct{} // nil unless it hangs; closed when it goes on
	calls       map[string]int
	made        int
}

// New starts an Engine without containers. Close it.
func New(opts Options) (*Engine, error) {
	dir, err := os.MkdirTemp("/tmp", "dockerd") // short enough for a socket, whatever TMPDIR is
	if err != nil {
		return nil, fmt.Errorf("making room for the socket: %w", err)
	}
	e := &Engine{dir: dir, containers: map[string]*container{}, subscribers: map[chan Event]struct{}{}, calls: map[string]int{}}
	if err := e.Return(opts); err != nil {
		return nil, err
	}
	return e, nil
}

// Host is where it listens, in the form of DOCKER_HOST.
func (e *Engine) Host() string { return "unix://" + e.socket() }

func (e *Engine) socket() string { return filepath.Join(e.dir, "docker.sock") }

// Vanish ends all connections and listens no more; containers stay as they are.
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

// Return listens again, as another version maybe, with no event remembered.
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
		_ = server.Serve(listener) // always http.ErrServerClosed: Vanish is the only way out
	}()
	return nil
}

// Close ends it for good.
func (e *Engine) Close() {
	e.Vanish()
	os.RemoveAll(e.dir)
}

// Hang takes connections and answers none, until Resume. Streams fall silent; what
// would have gone over them is lost.
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

// Deliver puts f between what happens and what subscribers are sent: nothing for
// an event that is lost, the same twice, an earlier one later. nil takes it away.
func (e *Engine) Deliver(f func(Event) []Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.deliver = f
}

// Calls counts the requests so far, by "ping", "events", "list" and "inspect".
func (e *Engine) Calls() map[string]int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return maps.Clone(e.calls)
}

// Subscribers counts the event streams that are open.
func (e *Engine) Subscribers() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.subscribers)
}

// waits while it hangs; false when the caller has left.
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
