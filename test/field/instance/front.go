//go:build linux

package instance

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
)

// Front is a service of the instance at its real address. It can be shut, so that connections are refused, and wrapped
// in another handler.
type Front struct {
	behind http.Handler
	config *tls.Config // nil means no TLS
	addrs  []string    // such as "tcp 169.254.169.254:80"

	mu      sync.Mutex
	handler http.Handler
	servers []io.Closer // servers and listeners; empty while it is shut
}

func newFront(behind http.Handler, config *tls.Config, addrs ...string) (*Front, error) {
	f := &Front{behind: behind, config: config, addrs: addrs, handler: behind}
	return f, f.Open()
}

// Open listens again after Shut.
func (f *Front) Open() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.servers) > 0 {
		return nil
	}
	for _, addr := range f.addrs {
		network, at, _ := strings.Cut(addr, " ")
		l, err := net.Listen(network, at)
		if err != nil {
			f.shut()
			return err
		}
		if network == "unix" {
			if err := os.Chmod(at, 0o660); err != nil { // like Docker's socket
				return errors.Join(err, l.Close())
			}
		}
		if f.config != nil {
			l = tls.NewListener(l, f.config)
		}
		// A server that has not started serving does not close its listener.
		f.servers = append(f.servers, serve(l, http.HandlerFunc(f.serve)), l)
	}
	return nil
}

// Shut closes the listeners and every connection.
func (f *Front) Shut() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.shut()
}

func (f *Front) shut() {
	for _, s := range f.servers {
		_ = s.Close() // a listener may already be closed
	}
	f.servers = nil
}

// Use replaces the wrapper of the service with the result of wrap; nil removes it.
func (f *Front) Use(wrap func(behind http.Handler) http.Handler) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.handler = f.behind
	if wrap != nil {
		f.handler = wrap(f.behind)
	}
}

func (f *Front) serve(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	handler := f.handler
	f.mu.Unlock()
	handler.ServeHTTP(w, r)
}

// Serve creates a Front for a service at another address, such as "tcp 127.0.0.1:51678".
func Serve(url, addr string) (*Front, error) {
	behind, err := forward(url)
	if err != nil {
		return nil, err
	}
	return newFront(behind, nil, addr)
}
