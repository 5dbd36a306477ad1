package need

import (
	"bytes"
	"net"
	"os/exec"
	"testing"
	"time"
)

// Moto starts moto_server and returns its URL.
func Moto(t testing.TB) string {
	t.Helper()
	addr, port := FreeAddress(t)
	Server(t, addr, exec.Command(Program(t, "moto_server", "pip install 'moto[server]==5.2.1'"), "-H", "127.0.0.1", "-p", port))
	return "http://" + addr
}

// FreeAddress returns a loopback address without a listener.
func FreeAddress(t testing.TB) (addr, port string) {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	addr = l.Addr().String()
	_, port, _ = net.SplitHostPort(addr)
	return addr, port
}

// Server runs a server that listens on addr until the test ends. It returns once the server listens. A failed test logs
// the server's output.
func Server(t testing.TB, addr string, cmd *exec.Cmd) {
	t.Helper()
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-ended
		if t.Failed() {
			t.Logf("%s said:\n%.20000s", cmd.Path, log.String())
		}
	})
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for range 600 {
		if conn, err := net.Dial("tcp4", addr); err == nil {
			_ = conn.Close()
			return
		}
		select {
		case <-ended:
			t.Fatalf("%s exited: %s\n%s", cmd.Path, cmd.ProcessState, log.String())
		case <-tick.C:
		}
	}
	t.Fatalf("%s did not listen on %s within a minute", cmd.Path, addr)
}
