// Package probe dials peers and says what was met.
//
// It judges nothing (package reach joins a verdict and a probe) and chooses no
// peers: it dials what it is given, never a sweep. A dial is a connection that
// is closed without a payload, or one empty datagram. What went wrong on this
// host is told apart from what was met on the way: "could not look" is never a
// closed port.
package probe

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"muster/internal/base/ownlimit"
	"muster/reach"
)

// With these, 1,000 peers with four targets each (both ranges of ignite2, first
// port and canary) that all time out take 7.4 s, and 9.3 s with 1,024 descriptors.
const (
	// DefaultTimeout leaves time for the answer to the second SYN, which Linux
	// sends after 1 s (the initial RTO of RFC 6298).
	DefaultTimeout     = 1100 * time.Millisecond
	DefaultConcurrency = 1024

	attempts  = 2  // the second only after a timeout
	reserved  = 64 // descriptors for the rest of the program
	maxJitter = 100 * time.Millisecond
)

// Target is one port of one peer.
type Target struct {
	Protocol reach.Protocol // TCP or UDP
	Addr     netip.AddrPort
}

// Result is what became of a Target.
type Result struct {
	Target
	// Contact is NotProbed when this host could not look; Err then says why.
	//
	// An ICMP port unreachable in answer to udp is Refused: it came back, so the
	// path passes both ways. Any datagram in answer is Connected. A firewall that
	// rejects as administratively prohibited looks like a missing route to the
	// dialler: NoRoute.
	Contact reach.Contact
	Err     string        // as the system worded it; empty when Connected
	RTT     time.Duration // until the answer; 0 without one
}

// Probe is the result as reach.Verdict.Join takes it.
func (r Result) Probe() reach.Probe { return reach.Probe{Port: r.Addr.Port(), Contact: r.Contact} }

// Prober dials. Its zero value is ready for use.
type Prober struct {
	// Source is the address to dial from: that of the interface that is judged.
	// The zero Addr leaves it to the routing table. Targets of the other IP
	// version are not probed.
	Source netip.Addr
	// Timeout bounds an attempt; 0: DefaultTimeout. A tcp dial that times out is
	// repeated once, with half the time, which is its third SYN; udp that stays
	// silent is not, as it proves nothing.
	Timeout time.Duration
	// Concurrency bounds the dials, and thus the descriptors, in use at a time;
	// 0: DefaultConcurrency. RLIMIT_NOFILE bounds it as well, less 64 for others.
	Concurrency int

	dial func(context.Context, Target) error // nil: connect
}

// Dial dials every target and returns the results in the same order. It returns
// within Longest of the number of targets, and earlier when ctx ends: what was
// not decided by then is NotProbed.
func (p *Prober) Dial(ctx context.Context, targets []Target) []Result {
	results := make([]Result, len(targets))
	var group errgroup.Group
	group.SetLimit(p.limit())
	for i, target := range targets {
		group.Go(func() error {
			results[i] = p.one(ctx, target)
			return nil
		})
	}
	_ = group.Wait()
	return results
}

// Longest is how long Dial takes when all of n targets time out.
func (p *Prober) Longest(n int) time.Duration {
	waves := (n + p.limit() - 1) / p.limit()
	return time.Duration(waves) * (p.timeout() + p.timeout()/2 + attempts*maxJitter)
}

func (p *Prober) timeout() time.Duration {
	if p.Timeout <= 0 {
		return DefaultTimeout
	}
	return p.Timeout
}

func (p *Prober) limit() int {
	n := p.Concurrency
	if n <= 0 {
		n = DefaultConcurrency
	}
	files := syscall.Rlimit{Cur: 1024} // systemd's and most shells' soft limit
	_ = syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files)
	if free := files.Cur - min(files.Cur/2, reserved); free < uint64(n) {
		n = int(free)
	}
	return max(n, 1)
}

// one dials a target until something decides.
func (p *Prober) one(ctx context.Context, t Target) (r Result) {
	t.Addr = netip.AddrPortFrom(t.Addr.Addr().Unmap(), t.Addr.Port())
	if why := t.refusal(p.Source); why != "" {
		return Result{Target: t, Err: why}
	}
	for n := range attempts {
		if r = p.attempt(ctx, t, p.timeout()>>n); r.Contact != reach.TimedOut {
			break
		}
	}
	return r
}

func (p *Prober) attempt(ctx context.Context, t Target, timeout time.Duration) Result {
	wait(ctx, rand.N(maxJitter))
	if err := ctx.Err(); err != nil {
		return Result{Target: t, Err: err.Error()}
	}
	dial := p.dial
	if dial == nil {
		dial = p.connect
	}
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	start := time.Now()
	err := dial(limited, t)
	if ctx.Err() != nil && err != nil {
		return Result{Target: t, Err: ctx.Err().Error()} // the caller's end, not the attempt's
	}
	return met(t, err, time.Since(start))
}

func met(t Target, err error, took time.Duration) Result {
	r := Result{Target: t, Contact: contact(t, err)}
	if err != nil {
		r.Err = ownlimit.Wrap(err).Error()
	}
	switch r.Contact {
	case reach.Connected, reach.Refused, reach.NoRoute:
		r.RTT = took
	}
	return r
}

// refusal says why a target is not dialled at all.
func (t Target) refusal(source netip.Addr) string {
	addr := t.Addr.Addr()
	switch {
	case t.Protocol != reach.TCP && t.Protocol != reach.UDP:
		return fmt.Sprintf("not dialled: protocol %s is neither tcp nor udp", t.Protocol)
	case !addr.IsValid(), addr.IsUnspecified(), addr.IsMulticast(), t.Addr.Port() == 0:
		return fmt.Sprintf("not dialled: %s is no port of one host", t.Addr)
	case source.IsValid() && source.Unmap().Is4() != addr.Is4():
		return fmt.Sprintf("not dialled: %s cannot be reached from %s, which is of the other IP version", addr, source)
	}
	return ""
}

// wait returns after d, or when ctx ends.
func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
