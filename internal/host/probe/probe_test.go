package probe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"muster/reach"
)

func TestMain(m *testing.M) {
	if role := os.Getenv(roleVariable); role != "" {
		play(role)
		return
	}
	goleak.VerifyTestMain(m)
}

// patient returns a Prober with a timeout that no test reaches.
func patient() *Prober { return &Prober{Timeout: time.Minute} }

func tcp(addr string) Target { return Target{reach.TCP, netip.MustParseAddrPort(addr)} }

// listen accepts connections on a loopback port, and returns what each one sent before it was closed.
func listen(t *testing.T) (Target, <-chan string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	sent := make(chan string, 4096)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			all, _ := io.ReadAll(conn)
			conn.Close()
			sent <- string(all)
		}
	}()
	return tcp(l.Addr().String()), sent
}

// closed returns a loopback port without a listener.
func closed(t *testing.T) Target {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return tcp(l.Addr().String())
}

func dialOne(t *testing.T, p *Prober, target Target) Result {
	t.Helper()
	results := p.Dial(t.Context(), []Target{target})
	if len(results) != 1 {
		t.Fatalf("got %+v", results)
	}
	return results[0]
}

func TestConnectionHasNoPayload(t *testing.T) {
	target, sent := listen(t)
	got := dialOne(t, patient(), target)
	if got.Target != target || got.Contact != reach.Connected || got.Err != "" || got.RTT <= 0 {
		t.Errorf("got %+v", got)
	}
	if payload := <-sent; payload != "" {
		t.Errorf("the peer received %q", payload)
	}
	if want := (reach.Probe{Port: target.Addr.Port(), Contact: reach.Connected}); got.Probe() != want {
		t.Errorf("got %+v, want %+v", got.Probe(), want)
	}
}

func TestClosedPortIsRefused(t *testing.T) {
	got := dialOne(t, patient(), closed(t))
	if got.Contact != reach.Refused || !strings.Contains(got.Err, "refused") || got.RTT <= 0 {
		t.Errorf("got %+v", got)
	}
}

func TestResultsKeepTheOrderOfTheTargets(t *testing.T) {
	open, _ := listen(t)
	shut := closed(t)
	p := patient()
	p.Concurrency = 3
	var targets []Target
	for n := range 60 {
		targets = append(targets, []Target{open, shut, tcp("0.0.0.0:1")}[n%3])
	}
	for n, r := range p.Dial(t.Context(), targets) {
		if want := []reach.Contact{reach.Connected, reach.Refused, reach.NotProbed}[n%3]; r.Target != targets[n] || r.Contact != want {
			t.Errorf("%d: got %+v, want %s", n, r, want)
		}
	}
}

// answering returns a loopback udp port that responds to each datagram with reply, unless it is nil, and returns the
// lengths of the datagrams.
func answering(t *testing.T, reply []byte) (Target, <-chan int) {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	lengths := make(chan int, 16)
	go func() {
		for {
			n, from, err := conn.ReadFrom(make([]byte, 100))
			if err != nil {
				return
			}
			lengths <- n
			if reply != nil {
				_, _ = conn.WriteTo(reply, from)
			}
		}
	}()
	return Target{reach.UDP, netip.MustParseAddrPort(conn.LocalAddr().String())}, lengths
}

func TestUDPResponseIsConnected(t *testing.T) {
	for name, reply := range map[string][]byte{"with data": []byte("too long for one byte"), "with an empty datagram": {}} {
		t.Run(name, func(t *testing.T) {
			target, lengths := answering(t, reply)
			if got := dialOne(t, patient(), target); got.Contact != reach.Connected || got.Err != "" {
				t.Errorf("got %+v", got)
			}
			if n := <-lengths; n != 0 {
				t.Errorf("the peer received %d bytes", n)
			}
		})
	}
}

func TestUDPWithoutListenerIsRefused(t *testing.T) {
	target := closed(t)
	target.Protocol = reach.UDP
	if got := dialOne(t, patient(), target); got.Contact != reach.Refused {
		t.Errorf("got %+v", got)
	}
}

func TestUDPWithoutResponseIsSilent(t *testing.T) {
	target, lengths := answering(t, nil)
	p := &Prober{Timeout: 50 * time.Millisecond}
	got := dialOne(t, p, target)
	if got.Contact != reach.Silent || got.RTT != 0 {
		t.Errorf("got %+v", got)
	}
	if <-lengths; len(lengths) != 0 {
		t.Error("the target was dialed again")
	}
}

func TestDialsFromTheGivenSource(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	p := patient()
	p.Source = netip.MustParseAddr("127.0.0.77")
	if got := dialOne(t, p, tcp(l.Addr().String())); got.Contact != reach.Connected {
		t.Fatalf("got %+v", got)
	}
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if from := conn.RemoteAddr().(*net.TCPAddr).AddrPort().Addr(); from != p.Source {
		t.Errorf("dialed from %s", from)
	}
	target, _ := answering(t, []byte("x"))
	if got := dialOne(t, p, target); got.Contact != reach.Connected {
		t.Errorf("udp: got %+v", got)
	}
}

func TestForeignSourceIsNotProbed(t *testing.T) {
	target, _ := listen(t)
	p := patient()
	p.Source = netip.MustParseAddr("192.0.2.1") // TEST-NET-1
	got := dialOne(t, p, target)
	if got.Contact != reach.NotProbed || !strings.Contains(got.Err, "cannot assign requested address") || got.RTT != 0 {
		t.Errorf("got %+v", got)
	}
}

func TestMappedAddressesAreIPv4(t *testing.T) {
	target, _ := listen(t)
	p := patient()
	p.Source = netip.MustParseAddr("::ffff:127.0.0.1")
	mapped := target
	mapped.Addr = netip.AddrPortFrom(netip.AddrFrom16(target.Addr.Addr().As16()), target.Addr.Port())
	if got := dialOne(t, p, mapped); got.Contact != reach.Connected || got.Target != target {
		t.Errorf("got %+v", got)
	}
}

func TestInvalidTargetsAreNotDialed(t *testing.T) {
	p := &Prober{Source: netip.MustParseAddr("10.0.1.5"), dial: func(context.Context, Target) error { panic("dialed") }}
	for _, target := range []Target{
		{}, {reach.TCP, netip.AddrPort{}}, tcp("0.0.0.0:47500"), tcp("[::]:47500"), tcp("228.1.2.4:47400"), tcp("10.0.2.5:0"),
		{reach.ICMP, netip.MustParseAddrPort("10.0.2.5:8")}, {reach.AllProtocols, netip.MustParseAddrPort("10.0.2.5:8")}, tcp("[fd00::1]:47500"),
	} {
		if got := dialOne(t, p, target); got.Contact != reach.NotProbed || !strings.HasPrefix(got.Err, "not dialed: ") {
			t.Errorf("%v: got %+v", target, got)
		}
	}
}

func TestErrorsOfTheSystem(t *testing.T) {
	v4, v6, udp := tcp("10.0.2.5:47500"), tcp("[fd00::1]:47500"), Target{reach.UDP, netip.MustParseAddrPort("10.0.2.5:8301")}
	for _, test := range []struct {
		target Target
		err    error
		want   reach.Contact
	}{
		{v4, syscall.ECONNREFUSED, reach.Refused}, {v4, syscall.ECONNRESET, reach.Refused}, {udp, syscall.ECONNREFUSED, reach.Refused},
		{v4, syscall.EHOSTUNREACH, reach.NoRoute}, {v4, syscall.ENETUNREACH, reach.NoRoute}, {udp, syscall.EHOSTUNREACH, reach.NoRoute},
		{v4, syscall.EHOSTDOWN, reach.NoRoute}, {v4, syscall.ENONET, reach.NoRoute}, {v6, syscall.EACCES, reach.NoRoute},
		{v4, syscall.ETIMEDOUT, reach.TimedOut}, {v4, context.DeadlineExceeded, reach.TimedOut}, {udp, os.ErrDeadlineExceeded, reach.Silent},
		{v4, syscall.EACCES, reach.NotProbed}, {v4, syscall.EPERM, reach.NotProbed}, {v6, syscall.EPERM, reach.NotProbed},
		{udp, syscall.EPERM, reach.NotProbed},
		{v4, syscall.EMFILE, reach.NotProbed}, {v4, syscall.ENFILE, reach.NotProbed}, {v4, syscall.ENOBUFS, reach.NotProbed},
		{v4, syscall.EADDRNOTAVAIL, reach.NotProbed}, {v4, syscall.EADDRINUSE, reach.NotProbed}, {v4, syscall.EAGAIN, reach.NotProbed},
		{v4, syscall.EINVAL, reach.NotProbed}, {v4, errors.New("unheard of"), reach.NotProbed},
	} {
		dialled := 0
		p := &Prober{dial: func(context.Context, Target) error {
			dialled++
			return &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", test.err)}
		}}
		got := dialOne(t, p, test.target)
		if got.Contact != test.want || !strings.Contains(got.Err, test.err.Error()) {
			t.Errorf("%v: got %+v, want %s", test.err, got, test.want)
		}
		if again := dialled == attempts; again != (test.want == reach.TimedOut) {
			t.Errorf("%v: dialed %d times", test.err, dialled)
		}
	}
}

func TestSecondAttemptDecides(t *testing.T) {
	dialled := 0
	p := &Prober{dial: func(context.Context, Target) error {
		if dialled++; dialled == 1 {
			return syscall.ETIMEDOUT
		}
		return nil
	}}
	if got := dialOne(t, p, tcp("10.0.2.5:47500")); got.Contact != reach.Connected || got.Err != "" {
		t.Errorf("got %+v", got)
	}
}

// silence is a dialer that never gets a response. It counts the concurrent and the total dials.
type silence struct {
	sync.Mutex
	now, most, all int
}

func (s *silence) dial(ctx context.Context, _ Target) error {
	s.count(1)
	<-ctx.Done()
	s.count(-1)
	return ctx.Err()
}

func (s *silence) count(n int) {
	s.Lock()
	defer s.Unlock()
	s.now += n
	s.most = max(s.most, s.now)
	s.all += max(n, 0)
}

// peers returns the targets of an ignite2 cluster on 10.0.0.0/16.
func peers(n int) []Target {
	var out []Target
	for i := range n {
		addr := netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}).Next()
		for _, need := range reach.Profiles()[0].Needs {
			out = append(out, Targets(addr, need, nil)...)
		}
	}
	return out
}

func TestThousandTimeoutsTakeUnderTenSeconds(t *testing.T) {
	setFiles(t, 1<<14)
	synctest.Test(t, func(t *testing.T) {
		var s silence
		p := &Prober{dial: s.dial}
		targets := peers(1000)
		start := time.Now()
		for _, r := range p.Dial(t.Context(), targets) {
			if r.Contact != reach.TimedOut || r.RTT != 0 {
				t.Fatalf("got %+v", r)
			}
		}
		took := time.Since(start)
		if took > p.Longest(len(targets)) || took > 10*time.Second || p.Longest(len(targets)) > 10*time.Second {
			t.Errorf("%d targets took %s, want at most %s", len(targets), took, p.Longest(len(targets)))
		}
		if s.most > DefaultConcurrency || s.all != attempts*len(targets) {
			t.Errorf("%d dials at a time, %d in all", s.most, s.all)
		}
	})
}

func TestDialsAreSpreadOverTheJitter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		at := map[time.Time]bool{}
		p := &Prober{dial: func(context.Context, Target) error {
			mu.Lock()
			defer mu.Unlock()
			at[time.Now()] = true
			return nil
		}}
		p.Dial(t.Context(), peers(25))
		if len(at) < 50 {
			t.Errorf("100 dials started at %d distinct times", len(at))
		}
	})
}

func TestPendingTargetsAreNotProbedAfterCancellation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		var s silence
		p := &Prober{Concurrency: 10, dial: s.dial}
		start, counts := time.Now(), map[string]int{}
		for _, r := range p.Dial(ctx, peers(100)) {
			if counts[r.Contact.String()]++; r.Contact == reach.NotProbed && r.Err != context.DeadlineExceeded.Error() {
				t.Fatalf("got %+v", r)
			}
		}
		if took := time.Since(start); took != 3*time.Second {
			t.Errorf("it took %s", took)
		}
		if diff := cmp.Diff(map[string]int{"timed out": 10, "not probed": 390}, counts); diff != "" {
			t.Error(diff)
		}
	})
}

func TestCancellationEndsRealDials(t *testing.T) {
	target, lengths := answering(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-lengths; cancel() }()
	if got := patient().Dial(ctx, []Target{target}); got[0].Contact != reach.NotProbed || got[0].Err != "context canceled" {
		t.Errorf("got %+v", got)
	}
}

func TestNoTargetsNoResults(t *testing.T) {
	p := &Prober{}
	if got := p.Dial(t.Context(), nil); len(got) != 0 || p.Longest(0) != 0 {
		t.Errorf("got %v, %s", got, p.Longest(0))
	}
}

// setFiles sets the soft RLIMIT_NOFILE for the duration of the test.
func setFiles(t *testing.T, n uint64) {
	t.Helper()
	var was syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &was); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: min(n, was.Max), Max: was.Max}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &was); err != nil {
			t.Error(err)
		}
	})
}

func TestFewDescriptorsAreEnough(t *testing.T) {
	target, _ := listen(t)
	setFiles(t, 128)
	p := patient()
	for _, r := range p.Dial(t.Context(), slices.Repeat([]Target{target}, 1000)) {
		if r.Contact != reach.Connected {
			t.Fatalf("got %+v", r)
		}
	}
	if p.limit() != 64 {
		t.Errorf("the limit is %d", p.limit())
	}
}

func TestLimitIsNeverZero(t *testing.T) {
	setFiles(t, 1)
	if n := (&Prober{Concurrency: 5}).limit(); n != 1 {
		t.Errorf("got %d", n)
	}
}

func TestExhaustedDescriptorsAreNotProbed(t *testing.T) {
	target, _ := listen(t)
	setFiles(t, 3)
	if got := dialOne(t, patient(), target); got.Contact != reach.NotProbed || !strings.Contains(got.Err, "too many open files") {
		t.Errorf("got %+v", got)
	}
}

func TestTargets(t *testing.T) {
	peer := netip.MustParseAddr("10.0.2.5")
	ports := reach.PortsOf
	for name, test := range map[string]struct {
		need  reach.Range
		known reach.Ports
		want  []uint16
	}{
		"nothing known: first port and canary": {reach.Range{First: 47500, Last: 47599}, nil, []uint16{47500, 47599}},
		"known listeners instead of the first": {reach.Range{First: 47500, Last: 47599}, ports(reach.Range{First: 47501, Last: 47502}),
			[]uint16{47501, 47502, 47599}},
		"at most three listeners": {reach.Range{First: 32768, Last: 60999}, ports(reach.Range{First: 40000, Last: 45000}),
			[]uint16{40000, 40001, 40002, 60999}},
		"last port known: canary below it": {reach.Range{First: 47500, Last: 47509}, ports(reach.Range{First: 47509, Last: 47509}),
			[]uint16{47509, 47508}},
		"known ports outside the range are ignored": {reach.Range{First: 47500, Last: 47599}, ports(reach.Range{First: 8080, Last: 8080}),
			[]uint16{47500, 47599}},
		"one port only":                   {reach.Range{First: 2380, Last: 2380}, nil, []uint16{2380}},
		"one port only, known":            {reach.Range{First: 2380, Last: 2380}, ports(reach.AnyPort()), []uint16{2380}},
		"two ports, both known":           {reach.Range{First: 4000, Last: 4001}, ports(reach.AnyPort()), []uint16{4000, 4001}},
		"up to port 65535, all known":     {reach.Range{First: 65534, Last: 65535}, ports(reach.AnyPort()), []uint16{65534, 65535}},
		"up to port 65535, nothing known": {reach.Range{First: 65000, Last: 65535}, nil, []uint16{65000, 65535}},
	} {
		t.Run(name, func(t *testing.T) {
			var want []Target
			for _, port := range test.want {
				want = append(want, Target{reach.UDP, netip.AddrPortFrom(peer, port)})
			}
			got := Targets(peer, reach.Need{Protocol: reach.UDP, Ports: test.need}, test.known)
			if !slices.Equal(got, want) {
				t.Errorf("got %v, want %v", got, want)
			}
		})
	}
}

func ExampleTargets() {
	for _, need := range reach.Profiles()[0].Needs {
		for _, target := range Targets(netip.MustParseAddr("10.0.2.5"), need, nil) {
			fmt.Println(target.Protocol, target.Addr)
		}
	}
	// Output:
	// tcp 10.0.2.5:47500
	// tcp 10.0.2.5:47599
	// tcp 10.0.2.5:47100
	// tcp 10.0.2.5:47199
}
