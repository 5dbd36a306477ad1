package check_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"muster/check"
	"muster/internal/host/dockerapi"
	"muster/internal/host/units"
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
		{"Docker answers every request with 500", func(t *testing.T, w *world) {
			w.gone(t)
			w.answeringDocker(t, "1.41", http.StatusInternalServerError, `{"message":"containerd: connection refused"}`)
		}, []string{"docker-rejects"}},
		{"Docker is 18.09", func(t *testing.T, w *world) {
			w.answeringDocker(t, "1.39", http.StatusOK, "OK")
		}, nil},
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

// realDocker makes the world use the real Docker client with a socket, and returns the socket's path, which has at most
// 107 bytes.
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

// answeringDocker arranges an Engine that returns the same response to every request.
func (w *world) answeringDocker(t *testing.T, api string, status int, body string) {
	t.Helper()
	listener, err := net.Listen("unix", w.realDocker(t))
	if err != nil {
		t.Fatal(err)
	}
	server := &httptest.Server{Listener: listener,
		Config: &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Api-Version", api)
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		})}}
	server.Start()
	t.Cleanup(server.Close)
}

// Docker 18.09 responds, but muster does not support its API. Its state is unknown, which is not a failure.
func TestATooOldDockerIsUnknown(t *testing.T) {
	w := healthy(t)
	w.docker.ping = fmt.Errorf("pinging: %w", dockerapi.ErrTooOld)
	for _, r := range w.run(t) {
		if r.ID == "docker" && (r.Status != check.Unknown || r.Findings[0].ID != "docker-unsupported" || r.Findings[0].Fix.IsZero()) {
			t.Errorf("got %s, %+v", r.Status, r.Findings)
		}
	}
}
