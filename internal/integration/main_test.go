//go:build integration

package integration

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"muster/bootstrap"
)

// binary is the muster under test, as it is shipped: static. It is built once.
var binary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "muster-integration-")
	if err == nil {
		binary = filepath.Join(dir, "muster")
		err = build(binary)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

func build(path string) error {
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", path, "../../cmd/muster")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building muster: %w\n%s", err, text)
	}
	return nil
}

// missing skips, or fails where CI=true: there nothing may be missing.
func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal("missing: " + what)
	}
	t.Skip("missing: " + what)
}

// host is a file system root and the environment of an instance that has not
// been booted by systemd.
type host struct {
	root    string
	environ []string
}

func newHost(t *testing.T, environ ...string) host {
	t.Helper()
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "etc"), 0o755); err != nil {
		t.Fatal(err)
	}
	return host{root, append([]string{
		"AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null",
		"MUSTER_ROOT=" + root, "MUSTER_CONSOLE=", "MUSTER_IMDS_TIMEOUT=20s",
	}, environ...)}
}

// result is how a run of muster ended.
type result struct {
	code           int
	stdout, stderr string
}

// muster runs the binary with nothing in its environment but the host's.
func (h host) muster(t *testing.T, args ...string) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), binary, args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = h.environ, &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	r := result{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
	t.Logf("$ muster %s\n%s%s(exit %d)", strings.Join(args, " "), r.stderr, r.stdout, r.code)
	return r
}

// want checks the exit code, and that stderr says all of the words.
func (r result) want(t *testing.T, code int, words ...string) {
	t.Helper()
	if r.code != code {
		t.Errorf("ended with exit code %d, want %d", r.code, code)
	}
	for _, w := range words {
		if !strings.Contains(r.stderr, w) {
			t.Errorf("does not say %q", w)
		}
	}
}

// report decodes what `muster verify --output json` printed.
func (r result) report(t *testing.T) (report bootstrap.Report) {
	t.Helper()
	decode(t, r.stdout, &report)
	return report
}

func decode(t *testing.T, text string, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), into); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
}

// file reads a file of the host, empty when there is none.
func (h host) file(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(h.root, path))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return string(data)
}

// start runs a server that listens on addr, until the test ends, and returns
// when it does.
func start(t *testing.T, addr string, cmd *exec.Cmd) {
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
			t.Fatalf("%s ended: %s\n%s", cmd.Path, cmd.ProcessState, log.String())
		case <-tick.C:
		}
	}
	t.Fatalf("%s does not listen on %s after a minute", cmd.Path, addr)
}

// freeAddress is a loopback address that nothing listens on.
func freeAddress(t *testing.T) (addr, port string) {
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
