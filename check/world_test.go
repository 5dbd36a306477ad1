package check_test

import (
	"context"
	"net"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"muster/internal/host/kernel"
	"muster/internal/host/netpath"
)

// ways simulates a network: the addresses of names, and how far requests get.
type ways struct {
	addrs   map[string]string // by prefix of the name; "" means that the name does not exist
	answers map[string]netpath.Answer
	now     func() time.Time // the servers' clock
	host    netpath.Families // the default routes

	mu    sync.Mutex
	asked []string // the requested endpoints, each with its proxy if there was one
}

// reachable returns a network in which every endpoint responds at a public address.
func reachable() *ways {
	return &ways{
		addrs: map[string]string{"ecs.": "52.94.1.1", "ecs-a-1.": "52.94.1.2", "ecs-t-1.": "52.94.1.3", "autoscaling.": "52.94.1.4",
			"cloudformation.": "52.94.1.5"},
		answers: map[string]netpath.Answer{},
		now:     time.Now,
		host:    netpath.Families{V4: true},
	}
}

func (n *ways) Families() netpath.Families { return n.host }

// inside makes the names of ECS resolve to addresses in the VPC.
func (n *ways) inside() *ways {
	n.addrs = map[string]string{"ecs.": "10.0.9.1", "ecs-a.": "10.0.9.2", "ecs-t.": "10.0.9.3"}
	return n
}

func find[V any](m map[string]V, host string) (V, bool) {
	for prefix, v := range m {
		if strings.HasPrefix(host, prefix) {
			return v, true
		}
	}
	var none V
	return none, false
}

func (n *ways) Resolve(_ context.Context, host string) ([]netip.Addr, error) {
	addr, ok := find(n.addrs, host)
	switch {
	case !ok:
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	case addr == "":
		return nil, &net.DNSError{Err: "i/o timeout", Name: host, IsTimeout: true}
	}
	return []netip.Addr{netip.MustParseAddr(addr)}, nil
}

func (n *ways) Ask(_ context.Context, endpoint string, proxy *url.URL) netpath.Answer {
	at, err := url.Parse(endpoint)
	if err != nil {
		return netpath.Answer{Kind: netpath.Failed, Err: err}
	}
	host := at.Hostname()
	if proxy != nil {
		endpoint, host = endpoint+" through "+proxy.Host, proxy.Hostname()
	}
	n.mu.Lock()
	n.asked = append(n.asked, endpoint)
	n.mu.Unlock()
	addr, _ := find(n.addrs, host)
	to, _ := netip.ParseAddr(addr)
	answer, spoiled := find(n.answers, host)
	if !spoiled {
		answer = netpath.Answer{Kind: netpath.Reached, Status: 404, Date: n.now().UTC().Truncate(time.Second)}
	}
	answer.Addr = netip.AddrPortFrom(to, 443)
	return answer
}

// The ways in which a request can fail.
func timedOut() netpath.Answer {
	return netpath.Answer{Kind: netpath.TimedOut, Err: os.ErrDeadlineExceeded}
}

func refusedBy() netpath.Answer {
	return netpath.Answer{Kind: netpath.Refused, Err: syscall.ECONNREFUSED}
}

// silent makes all ECS endpoints time out.
func (n *ways) silent() {
	n.answers["ecs"] = timedOut()
}

// roomy returns a file system with enough free space.
func roomy(device uint64) kernel.FileSystem {
	return kernel.FileSystem{Device: device, Size: 30 << 30, Free: 20 << 30, Available: 19 << 30, Inodes: 1 << 20, Left: 1 << 19}
}
