package dockerapi_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"muster/internal/host/dockerapi"
	"muster/internal/sandbox/dockerd"
	"muster/test/observe"
)

// behindProxy returns a Client that reaches host through a Proxy, and a function that stops the Proxy.
func behindProxy(t *testing.T, host string, timeout time.Duration) (c *dockerapi.Client, stop func()) {
	t.Helper()
	p, err := dockerapi.NewProxy(host, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("/tmp", "muster") // short enough for a socket path
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "docker.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- p.Serve(ctx, l); close(served) }()
	stop = func() {
		cancel()
		if err := <-served; err != nil {
			t.Errorf("Serve ended with %v", err)
		}
	}
	t.Cleanup(func() { stop(); os.RemoveAll(dir) })
	if c, err = dockerapi.NewBehindProxy(path, timeout); err != nil {
		t.Fatal(err)
	}
	return c, stop
}

// An entry of the list takes 3 KiB on an ECS instance.
func TestTheProxyPassesALongListWhole(t *testing.T) {
	const containers = 3000
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Api-Version", "1.41")
		if !strings.HasSuffix(r.URL.Path, "/containers/json") {
			return
		}
		_, _ = io.WriteString(w, "[")
		for i := range containers {
			_, _ = fmt.Fprintf(
				w,
				`%s{"Id":"%064d","Names":["/web"],"Command":%q,"State":"running"}`,
				strings.Repeat(",", min(i, 1)),
				i,
				strings.Repeat("x", 3<<10),
			)
		}
		_, _ = io.WriteString(w, "]")
	}))
	t.Cleanup(server.Close)
	c, _ := behindProxy(t, strings.Replace(server.URL, "http://", "tcp://", 1), time.Minute)
	if list, err := c.List(t.Context(), true); err != nil || len(list) != containers {
		t.Errorf("%d containers, %v", len(list), err)
	}
}

func TestAClientBehindTheProxySeesWhatTheEngineSays(t *testing.T) {
	e, _ := engine(t, dockerd.Options{})
	c, _ := behindProxy(t, e.Host(), time.Minute)
	id := e.Run(dockerd.Spec{Name: "web", Labels: ecsLabels})
	if v, err := c.Ping(t.Context()); err != nil || v != (dockerapi.Version{API: "1.41", OS: "linux"}) {
		t.Errorf("ping: %+v, %v", v, err)
	}
	if list, err := c.List(t.Context(), true); err != nil || len(list) != 1 || list[0].ID != id || list[0].Name != "web" {
		t.Errorf("list: %+v, %v", list, err)
	}
	if got, found, err := c.Inspect(t.Context(), id); err != nil || !found || !got.Running {
		t.Errorf("inspect: %+v, %v, %v", got, found, err)
	}
	if _, found, err := c.Inspect(t.Context(), strings.Repeat("f", 64)); err != nil || found {
		t.Errorf("inspecting a container that is gone: %v, %v", found, err)
	}
}

// Each event must arrive before the next one happens. The Engine's stream must end when the client disconnects.
func TestEventsPassTheProxyOneByOne(t *testing.T) {
	e, _ := engine(t, dockerd.Options{})
	c, _ := behindProxy(t, e.Host(), time.Minute)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	events, err := c.Events(ctx, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	var seen []string
	id := e.Run(dockerd.Spec{})
	for event, err := range events {
		if err != nil {
			if !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
			break
		}
		seen = append(seen, event.Action)
		switch event.Action {
		case dockerapi.ActionStart:
			e.Storm(id, 3, true) // exec events, which are dropped
			e.OOM(id)
		case dockerapi.ActionOOM:
			e.Die(id, 137)
		case dockerapi.ActionDie:
			cancel()
		}
	}
	if strings.Join(seen, " ") != "create start oom die" {
		t.Errorf("saw %q", seen)
	}
	if !observe.Within(time.Minute, 10*time.Millisecond, func() bool { return e.Subscribers() == 0 }) {
		t.Error("the Engine still sends events to a client that left")
	}
}

func TestAClientBehindTheProxyLearnsWhyTheEngineDoesNotAnswer(t *testing.T) {
	absent := filepath.Join(t.TempDir(), "docker.sock")
	away, _ := engine(t, dockerd.Options{})
	away.Vanish()
	hung, _ := engine(t, dockerd.Options{})
	hung.Hang()
	t.Cleanup(hung.Resume)
	for name, c := range map[string]struct {
		host string
		want error
		says string
	}{
		"no socket": {"unix://" + absent, dockerapi.ErrNotRunning, "the Docker Engine is not running: dial unix " + absent +
			": connect: no such file or directory"},
		"nothing listens": {away.Host(), dockerapi.ErrNotRunning, "the Docker Engine is not running: dial unix " +
			strings.TrimPrefix(away.Host(), "unix://") + ": connect: "},
		"it answers never": {hung.Host(), dockerapi.ErrHung, "the Docker Engine does not respond"},
	} {
		t.Run(name, func(t *testing.T) {
			patience := time.Minute
			if errors.Is(c.want, dockerapi.ErrHung) {
				patience = 50 * time.Millisecond
			}
			client, _ := behindProxy(t, c.host, patience)
			_, pinged := client.Ping(t.Context())
			_, listed := client.List(t.Context(), true)
			_, subscribed := client.Events(t.Context(), time.Time{})
			for _, err := range []error{pinged, listed, subscribed} {
				if !errors.Is(err, c.want) || errors.Is(err, dockerapi.ErrProxy) || dockerapi.NotAsked(err) != "" {
					t.Errorf("%v is not %v", err, c.want)
				} else if !strings.Contains(err.Error(), c.says) {
					t.Errorf("%q does not contain %q", err, c.says)
				}
			}
		})
	}
}

func TestADockerThatRestartsIsFollowedThroughTheProxy(t *testing.T) {
	e, _ := engine(t, dockerd.Options{})
	c, _ := behindProxy(t, e.Host(), time.Minute)
	if _, err := c.List(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	events, err := c.Events(t.Context(), time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	e.Vanish()
	for _, err := range events {
		if err == nil || errors.Is(err, dockerapi.ErrProxy) {
			t.Errorf("the stream of an Engine that left: %v", err)
		}
	}
	if _, err := c.List(t.Context(), true); !errors.Is(err, dockerapi.ErrNotRunning) {
		t.Errorf("while it is away: %v", err)
	}
	if err := e.Return(dockerd.Options{}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.List(t.Context(), true); err != nil {
		t.Errorf("once it is back: %v", err)
	}
}

// A Proxy that is not running says nothing about Docker.
func TestAProxyThatIsNotThereIsNotADockerThatIsAway(t *testing.T) {
	e, _ := engine(t, dockerd.Options{})
	c, stop := behindProxy(t, e.Host(), time.Minute)
	never, err := dockerapi.NewBehindProxy(filepath.Join(t.TempDir(), "docker.sock"), time.Second)
	if err != nil {
		t.Fatal(err)
	}
	hung := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", hung) // the kernel accepts connections into the backlog
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	hangs, err := dockerapi.NewBehindProxy(hung, 50*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	stop()
	for name, c := range map[string]*dockerapi.Client{"stopped": c, "never there": never, "hung": hangs} {
		if _, err := c.Ping(t.Context()); !errors.Is(err, dockerapi.ErrProxy) || errors.Is(err, dockerapi.ErrHung) {
			t.Errorf("%s: ping: %v", name, err)
		}
		_, err := c.List(t.Context(), true)
		if !errors.Is(err, dockerapi.ErrProxy) || errors.Is(err, dockerapi.ErrNotRunning) ||
			dockerapi.NotAsked(err) != dockerapi.ErrProxy.Error() {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := c.Events(t.Context(), time.Time{}); !errors.Is(err, dockerapi.ErrProxy) {
			t.Errorf("%s: events: %v", name, err)
		}
	}
}
