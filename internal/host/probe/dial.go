package probe

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"slices"
	"syscall"
	"time"

	"muster/reach"
)

// connect connects to the target and closes the connection. It writes no payload over tcp; udp needs an empty datagram
// to get a response.
func (p *Prober) connect(ctx context.Context, t Target) error {
	dialer := net.Dialer{LocalAddr: local(p.Source, t.Protocol), KeepAlive: -1}
	conn, err := dialer.DialContext(ctx, t.Protocol.String(), t.Addr.String())
	if err != nil {
		return err
	}
	defer conn.Close()
	if t.Protocol == reach.UDP {
		return ask(ctx, conn)
	}
	return nil
}

func local(source netip.Addr, protocol reach.Protocol) net.Addr {
	at := netip.AddrPortFrom(source.Unmap(), 0)
	switch {
	case !source.IsValid():
		return nil
	case protocol == reach.UDP:
		return net.UDPAddrFromAddrPort(at)
	}
	return net.TCPAddrFromAddrPort(at)
}

// ask sends an empty datagram and waits for any response.
func ask(ctx context.Context, conn net.Conn) error {
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if _, err := conn.Write(nil); err != nil {
		return err
	}
	_, err := conn.Read(make([]byte, 1))
	return err
}

// contact classifies an error of connect. Linux maps ICMP messages to errnos in icmp_err_convert (net/ipv4/icmp.c) and
// tab_unreach (net/ipv6/icmp.c).
func contact(t Target, err error) reach.Contact {
	switch {
	case err == nil:
		return reach.Connected
	case is(err, syscall.ECONNREFUSED, syscall.ECONNRESET):
		return reach.Refused
	case is(err, syscall.EHOSTUNREACH, syscall.ENETUNREACH, syscall.EHOSTDOWN, errNoNetwork):
		return reach.NoRoute
	case t.Addr.Addr().Is6() && errors.Is(err, syscall.EACCES):
		// ICMPv6 "administratively prohibited"; IPv4 returns EHOSTUNREACH instead. Over IPv4, EACCES is a prohibit route
		// of this host.
		return reach.NoRoute
	case !is(err, context.DeadlineExceeded, os.ErrDeadlineExceeded, syscall.ETIMEDOUT):
		return reach.NotProbed // EADDRNOTAVAIL, EMFILE, EPERM of the local firewall, ...
	case t.Protocol == reach.UDP:
		return reach.Silent
	}
	return reach.TimedOut
}

func is(err error, targets ...error) bool {
	return slices.ContainsFunc(targets, func(target error) bool { return errors.Is(err, target) })
}
