package dockerapi

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if call := os.Getenv(childVariable); call != "" {
		beChild(call)
	}
	goleak.VerifyTestMain(m)
}

// socket returns a path that is short enough for a unix socket, regardless of TMPDIR.
func socket(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "muster")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "docker.sock")
}

// docker simulates an Engine of API 1.41 on a unix socket, with the responses of Docker 20.10.
type docker struct {
	mu       sync.Mutex
	requests []string
	status   int
	body     string
}

func (d *docker) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.requests = append(d.requests, r.Method+" "+r.URL.Path)
	w.Header().Set("Api-Version", "1.41")
	w.Header().Set("Ostype", "linux")
	w.Header().Set("Content-Type", "application/json")
	if r.URL.Path != "/_ping" {
		w.WriteHeader(d.status)
		io.WriteString(w, d.body)
	}
}

func serve(t *testing.T, handler http.Handler) *Client {
	t.Helper()
	path := socket(t)
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	server := &httptest.Server{Listener: l, Config: &http.Server{Handler: handler}}
	server.Start()
	t.Cleanup(server.Close)
	return connect(t, "unix://"+path, time.Minute)
}

func connect(t *testing.T, host string, timeout time.Duration) *Client {
	t.Helper()
	c, err := New(host, timeout)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// wantOnly checks that both calls fail with want and with no other error of this package, and that the error names the
// host.
func wantOnly(t *testing.T, c *Client, want error) {
	t.Helper()
	_, pingErr := c.Ping(t.Context())
	_, found, agentErr := c.AgentContainer(t.Context())
	for _, err := range []error{pingErr, agentErr} {
		if err == nil || found {
			t.Fatalf("got %v, found %v", err, found)
		}
		for _, each := range []error{ErrNotRunning, ErrHung, ErrDenied, ErrUnknown} {
			if errors.Is(err, each) != (each == want) {
				t.Errorf("error %v: errors.Is(%v) is %v", err, each, errors.Is(err, each))
			}
		}
		if !strings.Contains(err.Error(), c.host) {
			t.Errorf("error %q does not name %s", err, c.host)
		}
	}
}

func TestPing(t *testing.T) {
	d := &docker{}
	got, err := serve(t, d).Ping(t.Context())
	if err != nil || got != (Version{"1.41", "linux"}) {
		t.Errorf("got %+v, %v", got, err)
	}
	if diff := cmp.Diff([]string{"HEAD /_ping"}, d.requests); diff != "" {
		t.Error(diff)
	}
}

const inspected = `{"Id":"0123","Name":"/ecs-agent","RestartCount":2,
	"Config":{"Image":"amazon/amazon-ecs-agent:latest","Env":["ECS_CLUSTER=prod"]},
	"State":{"Status":"exited","Running":false,"OOMKilled":true,"ExitCode":5,
	"StartedAt":"2026-01-02T15:04:05.123456789Z","FinishedAt":"2026-01-02T15:04:06Z"}}`

func TestAgentContainerIsRead(t *testing.T) {
	d := &docker{status: 200, body: inspected}
	got, found, err := serve(t, d).AgentContainer(t.Context())
	if err != nil || !found {
		t.Fatalf("got %v, %v", found, err)
	}
	want := AgentContainer{
		ID:           "0123",
		Image:        "amazon/amazon-ecs-agent:latest",
		Status:       "exited",
		ExitCode:     5,
		OOMKilled:    true,
		RestartCount: 2,
		StartedAt: time.Date(
			2026,
			1,
			2,
			15,
			4,
			5,
			123456789,
			time.UTC,
		),
		FinishedAt: time.Date(2026, 1, 2, 15, 4, 6, 0, time.UTC),
		Env:        []string{"ECS_CLUSTER=prod"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"HEAD /_ping", "GET /v1.41/containers/ecs-agent/json"}, d.requests); diff != "" {
		t.Errorf("the version was not negotiated: %s", diff)
	}
}

func TestTimesThatAreNotYetAreZero(t *testing.T) {
	d := &docker{
		status: 200,
		body:   `{"Id":"0","Config":{},"State":{"Status":"created","StartedAt":"0001-01-01T00:00:00Z","FinishedAt":""}}`,
	}
	got, found, err := serve(t, d).AgentContainer(t.Context())
	if err != nil || !found || !got.StartedAt.IsZero() || !got.FinishedAt.IsZero() {
		t.Errorf("got %+v, %v, %v", got, found, err)
	}
}

func TestAbsentAgentContainerIsFalse(t *testing.T) {
	d := &docker{status: 404, body: `{"message":"No such container: ecs-agent"}`}
	if got, found, err := serve(t, d).AgentContainer(t.Context()); found || err != nil {
		t.Errorf("got %+v, %v, %v", got, found, err)
	}
}

func TestStrangeAnswersAreNotAnAbsentContainer(t *testing.T) {
	for name, d := range map[string]*docker{
		"another server's 404": {status: 404, body: "404 page not found"},
		"500":                  {status: 500, body: `{"message":"layer does not exist"}`},
		"not JSON":             {status: 200, body: "<html>"},
		"cut off":              {status: 200, body: inspected[:40]},
		"null":                 {status: 200, body: "null"},
		"without state":        {status: 200, body: `{"Id":"0","Config":{}}`},
		"without config":       {status: 200, body: `{"Id":"0","State":{}}`},
		"redirect":             {status: 301, body: ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got, found, err := serve(t, d).AgentContainer(t.Context()); found || err == nil {
				t.Errorf("got %+v, %v, %v", got, found, err)
			}
		})
	}
}

func TestSomethingElseOnTheSocketIsNoEngine(t *testing.T) {
	c := serve(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	if got, err := c.Ping(t.Context()); err == nil {
		t.Errorf("got %+v", got)
	}
}

// An Engine puts its version on every response, including errors. The responses of a proxy or another server have no
// version.
func TestAnEngineThatCannotBeUsedIsNotSomethingElse(t *testing.T) {
	for name, test := range map[string]struct {
		api    string
		status int
		want   error
		text   string
	}{
		"Docker 18.09":               {"1.39", 200, ErrTooOld, "its newest API is 1.39, and muster needs 1.40 (Docker 19.03)"},
		"Docker 1.12":                {"1.24", 200, ErrTooOld, "its newest API is 1.24"},
		"a version of one digit":     {"1.9", 200, ErrTooOld, "its newest API is 1.9,"},
		"internal error":             {"1.41", 500, ErrRejected, "HTTP 500 Internal Server Error: Error response from daemon: no room"},
		"old, with an error":         {"1.24", 500, ErrRejected, "HTTP 500"},
		"an authorization plugin":    {"1.41", 403, ErrRejected, "HTTP 403 Forbidden"},
		"a proxy without its Engine": {"", 503, nil, "no room"},
		"an invalid version":         {"new", 200, nil, "must be formatted <major>.<minor>"},
	} {
		t.Run(name, func(t *testing.T) {
			c := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if test.api != "" {
					w.Header().Set("Api-Version", test.api)
				}
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(test.status)
				io.WriteString(w, `{"message":"no room"}`)
			}))
			_, err := c.Ping(t.Context())
			if err == nil || !strings.Contains(err.Error(), test.text) || !strings.Contains(err.Error(), c.host) {
				t.Errorf("got %v", err)
			}
			for _, each := range []error{ErrTooOld, ErrRejected, ErrNotRunning, ErrHung, ErrDenied} {
				if errors.Is(err, each) != (each == test.want) {
					t.Errorf("error %v: errors.Is(%v) is %v", err, each, errors.Is(err, each))
				}
			}
		})
	}
}

func TestMissingSocketIsNotRunning(t *testing.T) {
	wantOnly(t, connect(t, "unix://"+socket(t), time.Minute), ErrNotRunning)
}

func TestSocketWithoutListenerIsNotRunning(t *testing.T) {
	path := socket(t)
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	wantOnly(t, connect(t, "unix://"+path, time.Minute), ErrNotRunning)
}

func TestRefusedPortIsNotRunning(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	wantOnly(t, connect(t, "tcp://"+l.Addr().String(), time.Minute), ErrNotRunning)
}

func TestEngineThatNeverAnswersIsHung(t *testing.T) {
	path := socket(t)
	// The test never accepts, so the kernel keeps the connection in the backlog.
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	wantOnly(t, connect(t, "unix://"+path, 50*time.Millisecond), ErrHung)
}

func TestEngineThatStopsWithinItsAnswerIsHung(t *testing.T) {
	release := make(chan struct{})
	c := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Api-Version", "1.41")
		if r.URL.Path != "/_ping" {
			io.WriteString(w, inspected[:40])
			w.(http.Flusher).Flush()
			<-release
		}
	}))
	t.Cleanup(func() { close(release) })
	c.timeout = 200 * time.Millisecond
	if _, _, err := c.AgentContainer(t.Context()); !errors.Is(err, ErrHung) {
		t.Errorf("got %v", err)
	}
}

// The moby client negotiates under a lock (moby/client ping.go). With a hung Engine, the first call holds that lock
// until its own timeout.
func TestACallDoesNotOutliveItsContextBehindAHungOne(t *testing.T) {
	asked, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	c := serve(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		once.Do(func() { close(asked) })
		<-release
	}))
	c.timeout = time.Minute
	pinged := make(chan error, 1)
	go func() { _, err := c.Ping(context.WithoutCancel(t.Context())); pinged <- err }()
	t.Cleanup(func() { close(release); <-pinged })
	<-asked
	ctx, stop := context.WithTimeout(t.Context(), time.Millisecond)
	defer stop()
	second := make(chan error, 1)
	go func() { _, _, err := c.AgentContainer(ctx); second <- err }()
	select {
	case err := <-second:
		if !errors.Is(err, ErrHung) {
			t.Errorf("got %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Error("the second call waits for the first")
	}
}

func TestFullBacklogIsHung(t *testing.T) {
	wantOnly(t, failing(t, &net.OpError{Op: "dial", Net: "unix", Err: os.NewSyscallError("connect", syscall.EAGAIN)}), ErrHung)
}

// Root always has permission, so the test simulates the kernel's error. A dial that fails for lack of a descriptor does
// not mean that the Engine is down. muster reported "the Docker Engine is not running" when strace injected EMFILE into
// socket(2).
func TestOurOwnLimitIsUnknown(t *testing.T) {
	for _, errno := range []syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM} {
		c, err := newClient(DefaultHost, time.Minute, roundTripper(func(*http.Request) (*http.Response, error) {
			return nil, &net.OpError{Op: "dial", Net: "unix", Err: os.NewSyscallError("socket", errno)}
		}))
		if err != nil {
			t.Fatal(err)
		}
		wantOnly(t, c, ErrUnknown)
		if _, err := c.Events(t.Context(), time.Time{}); !errors.Is(err, ErrUnknown) || errors.Is(err, ErrNotRunning) {
			t.Errorf("%s: the events: %v", errno, err)
		}
	}
}

func TestPermissionIsDenied(t *testing.T) {
	wantOnly(t, failing(t, &net.OpError{Op: "dial", Net: "unix", Err: os.NewSyscallError("connect", syscall.EACCES)}), ErrDenied)
}

func failing(t *testing.T, err error) *Client {
	t.Helper()
	c, newErr := newClient(DefaultHost, time.Minute, roundTripper(func(*http.Request) (*http.Response, error) { return nil, err }))
	if newErr != nil {
		t.Fatal(newErr)
	}
	return c
}

func TestCancellationByTheCallerSaysNothingOfTheEngine(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c := serve(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { cancel(); <-r.Context().Done() }))
	_, err := c.Ping(ctx)
	if !errors.Is(err, context.Canceled) || errors.Is(err, ErrHung) || errors.Is(err, ErrNotRunning) {
		t.Errorf("got %v", err)
	}
}

func TestCallsMayRunConcurrently(t *testing.T) {
	c := serve(t, &docker{status: 200, body: inspected})
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			if _, found, err := c.AgentContainer(t.Context()); err != nil || !found {
				t.Errorf("got %v, %v", found, err)
			}
		})
	}
	wait.Wait()
}

func TestHostForms(t *testing.T) {
	for host, want := range map[string]string{
		"": DefaultHost, "unix:///run/docker.sock": "unix:///run/docker.sock", "tcp://127.0.0.1:2375": "tcp://127.0.0.1:2375",
		"unix://": "", "unix://relative": "", "tcp://": "", "tcp://h:2375/base": "", "ssh://h": "", "http://h": "", "/run/docker.sock": "",
		"unix:///" + strings.Repeat("x", 200): "",
	} {
		c, err := New(host, time.Second)
		if (err == nil) != (want != "") {
			t.Errorf("%q: got %v", host, err)
		}
		if err == nil && c.host != want {
			t.Errorf("%q: got %q", host, c.host)
		}
	}
}

func TestEnvironmentIsNotAsked(t *testing.T) {
	for _, name := range []string{"HTTP_PROXY", "http_proxy", "DOCKER_HOST"} {
		t.Setenv(name, "http://127.0.0.1:1")
	}
	t.Setenv("DOCKER_API_VERSION", "1.20")
	if got, err := serve(t, &docker{}).Ping(t.Context()); err != nil {
		t.Errorf("got %+v, %v", got, err)
	}
}

func FuzzInspect(f *testing.F) {
	f.Add(200, []byte(inspected))
	f.Add(404, []byte(`{"message":"No such container: ecs-agent"}`))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		c, err := newClient(DefaultHost, time.Minute, roundTripper(func(r *http.Request) (*http.Response, error) {
			header := http.Header{"Api-Version": {"1.41"}, "Content-Type": {"application/json"}}
			return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(bytes.NewReader(body)), Request: r}, nil
		}))
		if err != nil {
			t.Fatal(err)
		}
		if got, found, err := c.AgentContainer(t.Context()); found && err != nil || !found && !cmp.Equal(got, AgentContainer{}) {
			t.Error(fmt.Sprint(got, found, err))
		}
	})
}
