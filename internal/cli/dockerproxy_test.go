package cli

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"muster/internal/config"
	"muster/internal/host/dockerapi"
)

func TestTheAgentAsksTheDefaultEngineAloneThroughTheProxy(t *testing.T) {
	proxy, own := filepath.Join(t.TempDir(), "proxy.sock"), filepath.Join(t.TempDir(), "own.sock")
	for name, c := range map[string]struct {
		cfg  config.Config
		want error
		path string
	}{
		"the unit's proxy":              {config.Config{DockerProxy: proxy, DockerHost: dockerapi.DefaultHost}, dockerapi.ErrProxy, proxy},
		"an Engine of the user's":       {config.Config{DockerProxy: proxy, DockerHost: "unix://" + own}, dockerapi.ErrNotRunning, own},
		"no proxy, as outside a unit":   {config.Config{DockerHost: "unix://" + own}, dockerapi.ErrNotRunning, own},
		"a remote Engine of the user's": {config.Config{DockerProxy: proxy, DockerHost: "tcp://127.0.0.1:1"}, dockerapi.ErrNotRunning, "127.0.0.1:1"},
	} {
		docker, err := agentDocker(&c.cfg)
		if err != nil {
			t.Fatal(err)
		}
		if _, err = docker.Ping(t.Context()); !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.path) {
			t.Errorf("%s: %v, want %v at %s", name, err, c.want, c.path)
		}
	}
}
