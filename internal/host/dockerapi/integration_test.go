//go:build integration

package dockerapi

import (
	"testing"
	"time"

	"muster/test/dockertest"
)

// realEngine returns this machine's Engine and a Client for it.
func realEngine(t *testing.T) (dockertest.Docker, *Client) {
	t.Helper()
	d := dockertest.Host(t)
	return d, connect(t, d.Host, 10*time.Second)
}

// agentContainer starts a container named ecs-agent. The test's cleanup removes it.
func agentContainer(t *testing.T, d dockertest.Docker, c *Client, tag string, args ...string) string {
	t.Helper()
	if _, taken, err := c.AgentContainer(t.Context()); err != nil || taken {
		t.Fatalf("this machine has a container named %s already (%v); it is not touched", agentName, err)
	}
	return d.Run(append([]string{"--name", agentName, tag}, args...)...)
}

func TestRealEngineAnswersThePing(t *testing.T) {
	_, c := realEngine(t)
	v, err := c.Ping(t.Context())
	if err != nil || v.API == "" || v.OS != "linux" {
		t.Errorf("got %+v, %v", v, err)
	}
}

func TestRealEngineHasNoAgentContainer(t *testing.T) {
	_, c := realEngine(t)
	if got, found, err := c.AgentContainer(t.Context()); found || err != nil {
		t.Errorf("got %+v, %v, %v", got, found, err)
	}
}

func TestRealAgentContainerThatExits(t *testing.T) {
	d, c := realEngine(t)
	tag := d.Subject()
	id := agentContainer(t, d, c, tag, "exit", "5")
	if code := d.Do("wait", id); code != "5" {
		t.Fatalf("the program exited with %s", code)
	}
	got, found, err := c.AgentContainer(t.Context())
	if err != nil || !found {
		t.Fatalf("got %v, %v", found, err)
	}
	if got.ID != id || got.Image != tag || got.Running || got.Status != "exited" || got.ExitCode != 5 || got.OOMKilled ||
		got.StartedAt.IsZero() || got.FinishedAt.IsZero() { // Docker may record the start slightly later than the end
		t.Errorf("got %+v", got)
	}
}

func TestRealAgentContainerThatRuns(t *testing.T) {
	d, c := realEngine(t)
	id := agentContainer(t, d, c, d.Subject())
	got, found, err := c.AgentContainer(t.Context())
	if err != nil || !found {
		t.Fatalf("got %v, %v", found, err)
	}
	if got.ID != id || !got.Running || got.Status != "running" || got.StartedAt.IsZero() || !got.FinishedAt.IsZero() {
		t.Errorf("got %+v", got)
	}
}
