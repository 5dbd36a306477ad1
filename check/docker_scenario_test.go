package check_test

import (
	"fmt"
	"net"
	"os"
	"testing"
	"time"

	"muster/internal/dockerapi"
	"muster/internal/units"
)

func dockerScenarios() []scenario {
	restarting := units.State{LoadState: "loaded", ActiveState: "activating", SubState: "auto-restart", UnitFileState: "enabled", NRestarts: 7}
	return []scenario{
		{"Docker is down", func(t *testing.T, w *world) {
			w.gone(t, "error", "could not create docker client: Cannot connect to the Docker daemon at unix:///var/run/docker.sock")
			w.systemd["docker.service"] = units.State{LoadState: "loaded", ActiveState: "failed", SubState: "failed", UnitFileState: "enabled"}
			w.systemd["ecs.service"] = restarting
			w.realDocker(t)
		}, []string{"docker-not-running"}},
		{"Docker is not installed", func(t *testing.T, w *world) {
			w.gone(t, "error", "could not create docker client: Cannot connect to the Docker daemon at unix:///var/run/docker.sock")
			w.systemd["docker.service"] = units.State{LoadState: units.NotFound, ActiveState: "inactive", SubState: "dead"}
			w.systemd["ecs.service"] = restarting
			w.realDocker(t)
		}, []string{"docker-not-running"}},
		{"Docker hangs", func(t *testing.T, w *world) {
			w.gone(t, "error", "DockerGoClient: Docker SDK client unable to ping Docker daemon. Ensure Docker is running: context deadline exceeded")
			listener, err := net.Listen("unix", w.realDocker(t))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { listener.Close() })
		}, []string{"docker-hung"}},
		{"something else listens on Docker's socket", func(t *testing.T, w *world) {
			w.gone(t)
			w.docker.ping = fmt.Errorf("pinging: answered without an API version")
		}, []string{"docker-garbled"}},
		{"Docker may not be asked", func(_ *testing.T, w *world) {
			w.docker.ping = fmt.Errorf("pinging: %w", dockerapi.ErrDenied)
		}, nil},
		{"the agent's image cannot be had", func(t *testing.T, w *world) {
			w.plan.Hold, w.docker.noAgent = true, true
			w.logged(t, "ecs-init.log", "error", "could not download Amazon Elastic Container Service Agent: unexpected EOF")
			w.write(t, "/var/cache/ecs/state", "0")
			w.systemd["ecs.service"] = restarting
		}, []string{"agent-not-cached"}},
		{"the agent's image is cached, and its container not made yet", func(t *testing.T, w *world) {
			w.docker.noAgent = true
			w.write(t, "/var/cache/ecs/state", "1")
			w.write(t, "/var/cache/ecs/ecs-agent.tar", "tar")
		}, nil},
		{"the agent was killed from outside", func(_ *testing.T, w *world) {
			w.plan.Hold = true
			w.docker.agent = dockerapi.AgentContainer{Image: "amazon/amazon-ecs-agent:latest", Status: "exited", ExitCode: 137}
		}, []string{"agent-container-down"}},
		{"the agent ended by a signal of its own", func(_ *testing.T, w *world) {
			w.plan.Hold = true
			w.docker.agent = dockerapi.AgentContainer{Image: "amazon/amazon-ecs-agent:latest", Status: "exited", ExitCode: 139}
		}, []string{"agent-container-down"}},
		{"the agent runs without ecs-init", func(t *testing.T, w *world) {
			w.docker.noAgent = true
			w.write(t, "/var/cache/ecs/state", "0")
		}, nil},
		{"the agent was killed for memory", func(t *testing.T, w *world) {
			w.gone(t)
			w.docker.agent = dockerapi.AgentContainer{Status: "exited", ExitCode: 137, OOMKilled: true}
		}, []string{"agent-out-of-memory"}},
	}
}

// realDocker asks a socket through the real client, and returns its path, which
// has at most 107 bytes.
func (w *world) realDocker(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "d")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if w.Engine, err = dockerapi.New("unix://"+dir+"/s", time.Second); err != nil {
		t.Fatal(err)
	}
	return dir + "/s"
}
