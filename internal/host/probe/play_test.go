package probe

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"time"
)

// roleVariable selects the role of the test binary in a network namespace.
const roleVariable = "MUSTER_PROBE_ROLE"

// play runs a role: it dials a script of a source and targets from stdin and prints the results; dials them with 1,024
// descriptors and prints the usage; or listens on the addresses after "listen" until stdin ends.
func play(role string) {
	switch name, rest, _ := strings.Cut(role, " "); name {
	case "dial":
		var s script
		must(json.NewDecoder(os.Stdin).Decode(&s))
		must(json.NewEncoder(os.Stdout).Encode((&Prober{Source: s.Source}).Dial(context.Background(), s.Targets)))
	case "spend":
		must(syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: 1024, Max: 1024}))
		var s script
		must(json.NewDecoder(os.Stdin).Decode(&s))
		must(json.NewEncoder(os.Stdout).Encode(spend(s)))
	case "listen":
		for _, addr := range strings.Fields(rest) {
			hold(strings.Cut(addr, "/"))
		}
		fmt.Fprintln(os.Stdout, "ready")
		_, _ = io.Copy(io.Discard, os.Stdin)
	}
}

type script struct {
	Source  netip.Addr
	Targets []Target
}

// hold accepts connections on a tcp address, or responds on a udp address, until the process ends.
func hold(network, addr string, _ bool) {
	if network == "tcp" {
		_, err := net.Listen(network, addr)
		must(err)
		return
	}
	conn, err := net.ListenPacket(network, addr)
	must(err)
	go func() {
		for {
			_, from, err := conn.ReadFrom(make([]byte, 1))
			must(err)
			_, _ = conn.WriteTo(nil, from)
		}
	}()
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// spent is the resource usage of many dials.
type spent struct {
	Files    int // maximum number of open descriptors
	Took     time.Duration
	Contacts map[string]int
}

func spend(s script) spent {
	began, done, most := time.Now(), make(chan struct{}), make(chan int)
	go func() {
		n := 0
		for {
			open, err := os.ReadDir("/proc/self/fd")
			must(err)
			n = max(n, len(open))
			select {
			case <-done:
				most <- n
				return
			default:
			}
		}
	}()
	out := spent{Contacts: map[string]int{}}
	for _, r := range (&Prober{Source: s.Source}).Dial(context.Background(), s.Targets) {
		out.Contacts[r.Contact.String()]++
	}
	out.Took = time.Since(began)
	close(done)
	out.Files = <-most
	return out
}
