package sandbox

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"
	"syscall"
)

// door is an HTTP server on a loopback port that can be closed and reopened. While it is shut, it keeps the port
// reserved: a bound socket that does not listen makes the kernel refuse connections.
type door struct {
	addr    string
	handler http.Handler
	hold    int

	mu     sync.Mutex
	server *http.Server
	served chan struct{}

	running sync.RWMutex // read-locked by every request, so that shut can wait for them
}

func newDoor(h http.Handler) (*door, error) {
	fd, addr, err := holdPort()
	if err != nil {
		return nil, fmt.Errorf("reserving a loopback port: %w", err)
	}
	return &door{addr: addr, handler: h, hold: fd}, nil
}

func holdPort() (fd int, addr string, err error) {
	if fd, err = syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0); err != nil {
		return 0, "", os.NewSyscallError("socket", err)
	}
	syscall.CloseOnExec(fd)
	// net.Listen sets the same option. It lets both sockets bind as long as only one listens.
	err = syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1)
	if err == nil {
		err = syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
	}
	var name syscall.Sockaddr
	if err == nil {
		name, err = syscall.Getsockname(fd)
	}
	if err != nil {
		return 0, "", errors.Join(os.NewSyscallError("bind", err), syscall.Close(fd))
	}
	return fd, fmt.Sprintf("127.0.0.1:%d", name.(*syscall.SockaddrInet4).Port), nil
}

// open starts listening. It does nothing if the door is already open.
func (d *door) open() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.server != nil {
		return nil
	}
	l, err := net.Listen("tcp4", d.addr)
	if err != nil {
		return err
	}
	server, served := &http.Server{Handler: d}, make(chan struct{})
	d.server, d.served = server, served
	go func() {
		defer close(served)
		_ = server.Serve(l) // always http.ErrServerClosed, because only shut stops it
	}()
	return nil
}

// ServeHTTP implements http.Handler.
func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.running.RLock()
	defer d.running.RUnlock()
	d.handler.ServeHTTP(w, r)
}

// shut closes every connection, and refuses new ones.
func (d *door) shut() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.server == nil {
		return
	}
	_ = d.server.Close()
	<-d.served
	d.server = nil
	d.running.Lock()
	defer d.running.Unlock()
}

// remove shuts the door permanently and releases the port.
func (d *door) remove() {
	d.shut()
	_ = syscall.Close(d.hold)
}

func (d *door) url() string { return "http://" + d.addr }
