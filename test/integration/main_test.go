//go:build integration || e2e

package integration

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"muster/bootstrap/bootreport"
)

// binary is the path of the static muster binary under test. It is built once.
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

// host is a root directory and an environment for muster. No systemd has booted it.
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

// configure writes ecs.config.
func (h host) configure(t *testing.T, text string) {
	t.Helper()
	dir := filepath.Join(h.root, "etc/ecs")
	if err := errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(filepath.Join(dir, "ecs.config"), []byte(text), 0o600)); err != nil {
		t.Fatal(err)
	}
}

// result is the exit code and the output of a muster run.
type result struct {
	code           int
	stdout, stderr string
}

// muster runs the binary with only the host's environment.
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

// want checks the exit code, and that stderr contains all words.
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
func (r result) report(t *testing.T) (report bootreport.Report) {
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

// file reads a file of the host. A missing file reads as empty.
func (h host) file(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(h.root, path))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return string(data)
}
