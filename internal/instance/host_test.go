package instance

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"muster/internal/config"
	"muster/internal/host/dockerapi"
	"muster/internal/sandbox"
)

func TestOnlyTheDefaultEngineIsAccessedThroughTheProxy(t *testing.T) {
	proxy, own := filepath.Join(t.TempDir(), "proxy.sock"), filepath.Join(t.TempDir(), "own.sock")
	for name, c := range map[string]struct {
		cfg  config.Config
		want error
		path string
	}{
		"the unit's proxy":            {config.Config{DockerProxy: proxy, DockerHost: dockerapi.DefaultHost}, dockerapi.ErrProxy, proxy},
		"an Engine of the user's":     {config.Config{DockerProxy: proxy, DockerHost: "unix://" + own}, dockerapi.ErrNotRunning, own},
		"no proxy, as outside a unit": {config.Config{DockerHost: "unix://" + own}, dockerapi.ErrNotRunning, own},
		"a remote Engine of the user's": {config.Config{DockerProxy: proxy, DockerHost: "tcp://127.0.0.1:1"}, dockerapi.ErrNotRunning,
			"127.0.0.1:1"},
	} {
		docker, err := (&Instance{host: New(nil), Config: &c.cfg}).DockerBehindProxy()
		if err != nil {
			t.Fatal(err)
		}
		if _, err = docker.Ping(t.Context()); !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.path) {
			t.Errorf("%s: %v, want %v at %s", name, err, c.want, c.path)
		}
	}
}

// boxed returns a sandboxed instance, and a host with its settings and the given flags.
func boxed(t *testing.T, flags map[string]string) (*sandbox.Sandbox, *Host) {
	t.Helper()
	root := t.TempDir()
	box, err := sandbox.New(sandbox.Options{Root: root, Clusters: []string{"prod"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(box.Close)
	for _, entry := range box.Environ() {
		name, value, _ := strings.Cut(entry, "=")
		t.Setenv(name, value)
	}
	h := New(func() (config.Set, error) { return config.Gather(flags) })
	t.Cleanup(h.Close)
	return box, h
}

func TestEachClientIsCreatedOnce(t *testing.T) {
	box, h := boxed(t, nil)
	for range 3 {
		i, err := h.Open(t.Context(), Glance)
		if err != nil || i.NoIdentity != nil {
			t.Fatal(err, i)
		}
		_ = i.Introspection()
		if _, err := i.Docker(); err != nil {
			t.Fatal(err)
		}
		api, err := i.AWS(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if status, err := api.ClusterStatus(t.Context(), "prod"); err != nil || status != "ACTIVE" {
			t.Fatal(status, err)
		}
	}
	if want := (Made{AWS: 1, Metadata: 1, Introspection: 1, Docker: 1}); h.Made() != want {
		t.Errorf("made %+v, want %+v", h.Made(), want)
	}
	if h.Calls() != 3 || box.CallCount("", "") != 3 {
		t.Errorf("%d calls counted, AWS got %d", h.Calls(), box.CallCount("", ""))
	}
	tokens := 0
	for _, r := range box.LocalRequests() {
		if r.Path == sandbox.TokenPath {
			tokens++
		}
	}
	if tokens != 2 { // one from the metadata client, one from the SDK's credentials
		t.Errorf("%d session tokens", tokens)
	}
}

func TestSameRegionSharesAClient(t *testing.T) {
	_, h := boxed(t, nil)
	t.Setenv("AWS_REGION", "eu-central-1")
	first, err := h.AWS(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	second, err := h.AWS(t.Context(), "eu-central-1")
	if err != nil || first != second || h.Made().AWS != 1 {
		t.Errorf("%p and %p, %+v, %v", first, second, h.Made(), err)
	}
}

func TestAClientWithoutARegionIsNotKept(t *testing.T) {
	_, h := boxed(t, nil)
	t.Setenv("AWS_REGION", "")
	t.Setenv("AWS_DEFAULT_REGION", "")
	if api, err := h.AWS(t.Context(), ""); err != nil || api.Region() != "" {
		t.Fatal(api.Region(), err)
	}
	t.Setenv("AWS_REGION", "eu-west-1") // the settings file can set it later
	if api, err := h.AWS(t.Context(), ""); err != nil || api.Region() != "eu-west-1" {
		t.Error(api.Region(), err)
	}
}
