//go:build integration

package dockerapi

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// program is the only file of the test image: it exits with 5 when given an
// argument, and otherwise stays.
const program = `package main

import (
	"os"
	"time"
)

func main() {
	if len(os.Args) > 1 {
		os.Exit(5)
	}
	time.Sleep(time.Hour)
}
`

// missing skips, or fails where CI=true: there nothing may be missing.
func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal("missing: " + what)
	}
	t.Skip("missing: " + what)
}

// realEngine returns a Client of this machine's Engine.
func realEngine(t *testing.T) *Client {
	t.Helper()
	if _, err := exec.LookPath("docker"); err != nil {
		missing(t, "the docker command")
	}
	c := connect(t, os.Getenv("DOCKER_HOST"), 10*time.Second)
	_, err := c.Ping(t.Context())
	if errors.Is(err, ErrNotRunning) || errors.Is(err, ErrDenied) {
		missing(t, err.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// run returns what a command prints on stdout.
func run(t *testing.T, env []string, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), env...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v: %s", name, strings.Join(args, " "), err, stderr.String())
	}
	return strings.TrimSpace(string(out))
}

// image builds program FROM scratch, since no image can be pulled in a sealed
// test environment, and removes it at the end.
func image(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	dockerfile := "FROM scratch\nCOPY program /program\nENTRYPOINT [\"/program\"]\n"
	for name, content := range map[string]string{"main.go": program, "Dockerfile": dockerfile} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run(t, []string{"CGO_ENABLED=0", "GOFLAGS="}, "go", "build", "-o", filepath.Join(dir, "program"), filepath.Join(dir, "main.go"))
	tag := "muster-" + strings.ToLower(strings.ReplaceAll(t.Name(), "/", "-")) + ":test"
	run(t, []string{"DOCKER_BUILDKIT=0"}, "docker", "build", "--quiet", "--tag", tag, dir)
	t.Cleanup(func() { run(t, nil, "docker", "image", "rm", "--force", tag) })
	return tag
}

// agentContainer starts a container named ecs-agent and removes it at the end.
func agentContainer(t *testing.T, c *Client, tag string, args ...string) string {
	t.Helper()
	if _, taken, err := c.AgentContainer(t.Context()); err != nil || taken {
		t.Fatalf("this machine has a container named %s already (%v); it is not touched", agentName, err)
	}
	id := run(t, nil, "docker", append([]string{"create", "--name", agentName, "--network", "none", tag}, args...)...)
	t.Cleanup(func() { run(t, nil, "docker", "rm", "--force", id) })
	run(t, nil, "docker", "start", id)
	return id
}

func TestRealEngineAnswersThePing(t *testing.T) {
	v, err := realEngine(t).Ping(t.Context())
	if err != nil || v.API == "" || v.OS != "linux" {
		t.Errorf("got %+v, %v", v, err)
	}
}

func TestRealEngineHasNoAgentContainer(t *testing.T) {
	if got, found, err := realEngine(t).AgentContainer(t.Context()); found || err != nil {
		t.Errorf("got %+v, %v, %v", got, found, err)
	}
}

func TestRealAgentContainerThatExits(t *testing.T) {
	c := realEngine(t)
	tag := image(t)
	id := agentContainer(t, c, tag, "exit")
	if code := run(t, nil, "docker", "wait", id); code != "5" {
		t.Fatalf("the program exited with %s", code)
	}
	got, found, err := c.AgentContainer(t.Context())
	if err != nil || !found {
		t.Fatalf("got %v, %v", found, err)
	}
	if got.ID != id || got.Image != tag || got.Running || got.Status != "exited" || got.ExitCode != 5 || got.OOMKilled ||
		got.StartedAt.IsZero() || got.FinishedAt.Before(got.StartedAt) {
		t.Errorf("got %+v", got)
	}
}

func TestRealAgentContainerThatRuns(t *testing.T) {
	c := realEngine(t)
	id := agentContainer(t, c, image(t))
	got, found, err := c.AgentContainer(t.Context())
	if err != nil || !found {
		t.Fatalf("got %v, %v", found, err)
	}
	if got.ID != id || !got.Running || got.Status != "running" || got.StartedAt.IsZero() || !got.FinishedAt.IsZero() {
		t.Errorf("got %+v", got)
	}
}
