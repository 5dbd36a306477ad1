// Package probe dials peers and reports the result.
//
// It does not evaluate rules (package reach combines a verdict and a probe) or choose peers: it dials only the given
// targets. A dial is a connection that is closed without a payload, or one empty datagram. Errors of this host are
// distinct from those of the path: "could not check" is never a closed port.
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

// With these defaults, 1,000 peers with four targets each (first port and canary of both ranges of ignite2) that all
// time out take 7.4 s, or 9.3 s with 1,024 descriptors.
const (
	// DefaultTimeout allows for a response to the second SYN, which Linux sends after 1 s (the initial RTO of RFC 6298).
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

// Result is the result of a Target.
type Result struct {
	Target
	// Contact is NotProbed if this host could not dial; Err has the reason.
	//
	// An ICMP port unreachable in response to udp is Refused: the path works in both directions. Any datagram in
	// response is Connected. A firewall that rejects as administratively prohibited is indistinguishable from a missing
	// route: NoRoute.
	Contact reach.Contact
	Err     string        // the system's message; empty if Connected
	RTT     time.Duration // until the response; 0 without one
}

// Probe converts the result for reach.Verdict.Join.
func (r Result) Probe() reach.Probe { return reach.Probe{Port: r.Addr.Port(), Contact: r.Contact} }

// Prober dials. The zero value is ready for use.
type Prober struct {
	// Source is the address to dial from: that of the evaluated network interface. The zero Addr lets the routing table
	// choose. Targets of the other IP version are not probed.
	Source netip.Addr
	// Timeout limits an attempt. 0 means DefaultTimeout. A TCP dial that times out is repeated once, with half the
	// time, which sends a third SYN. A UDP dial without a response is not repeated, because that proves nothing.
	Timeout time.Duration
	// Concurrency limits the number of concurrent dials, and therefore of open descriptors. 0 means DefaultConcurrency.
	// RLIMIT_NOFILE minus 64 is also a limit.
	Concurrency int

	dial func(context.Context, Target) error // nil means connect
}

// Dial dials every target and returns the results in the same order. It returns within Longest(len(targets)), or earlier
// if ctx ends: pending targets are then NotProbed.
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

// Longest returns how long Dial takes if all of n targets time out.
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
	files := syscall.Rlimit{Cur: 1024} // soft limit of systemd and most shells
	_ = syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files)
	if free := files.Cur - min(files.Cur/2, reserved); free < uint64(n) {
		n = int(free)
	}
	return max(n, 1)
}

// one dials a target until the result is final.
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
		return Result{Target: t, Err: ctx.Err().Error()} // the caller canceled, not the attempt
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

// refusal returns why a target is not dialed.
func (t Target) refusal(source netip.Addr) string {
	addr := t.Addr.Addr()
	switch {
	case t.Protocol != reach.TCP && t.Protocol != reach.UDP:
		return fmt.Sprintf("not dialed: protocol %s is neither tcp nor udp", t.Protocol)
	case !addr.IsValid(), addr.IsUnspecified(), addr.IsMulticast(), t.Addr.Port() == 0:
		return fmt.Sprintf("not dialed: %s is not a unicast address with a port", t.Addr)
	case source.IsValid() && source.Unmap().Is4() != addr.Is4():
		return fmt.Sprintf("not dialed: %s cannot be reached from %s, which has the other IP version", addr, source)
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
