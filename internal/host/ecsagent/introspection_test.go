package ecsagent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const registeredARN = "arn:aws:ecs:eu-west-1:123456789012:container-instance/prod/0123456789abcdef0123456789abcdef"

// serve responds to every request on a loopback listener with status and body.
func serve(t *testing.T, status int, body string) *Introspection {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		io.WriteString(w, body)
	}))
	t.Cleanup(server.Close)
	return NewIntrospection(server.URL, LocalClient(time.Minute))
}

// listen passes each connection to handle after its first request, then closes it.
func listen(t *testing.T, handle func(net.Conn)) *Introspection {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			conn.Read(make([]byte, 4096))
			handle(conn)
			conn.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return NewIntrospection("http://"+l.Addr().String(), LocalClient(time.Minute))
}

// hang reads until the client disconnects.
func hang(conn net.Conn) { io.Copy(io.Discard, conn) }

func TestMetadata(t *testing.T) {
	const version = "Amazon ECS Agent - v1.105.1 (8dfceca6)"
	for name, c := range map[string]struct {
		body string
		want Metadata
	}{
		"registered": {fmt.Sprintf(`{"Cluster":"prod","ContainerInstanceArn":%q,"Version":%q}`, registeredARN, version),
			Metadata{"prod", registeredARN, version}},
		"null ARN":     {`{"Cluster":"prod","ContainerInstanceArn":null,"Version":"v"}`, Metadata{Cluster: "prod", Version: "v"}},
		"empty ARN":    {`{"Cluster":"prod","ContainerInstanceArn":"","Version":"v"}`, Metadata{Cluster: "prod", Version: "v"}},
		"ARN left out": {`{"Cluster":"prod"}`, Metadata{Cluster: "prod"}},
		"cluster as ARN": {`{"Cluster":"arn:aws:ecs:eu-west-1:123456789012:cluster/prod"}`,
			Metadata{Cluster: "arn:aws:ecs:eu-west-1:123456789012:cluster/prod"}},
		"empty cluster":  {`{"Cluster":"","ContainerInstanceArn":null,"Version":""}`, Metadata{}},
		"unknown fields": {`{"Cluster":"prod","Later":{"a":[1]}}`, Metadata{Cluster: "prod"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := serve(t, 200, c.body).Metadata(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestResponseOfAnotherServerIsGarbled(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		body   string
	}{
		"not JSON":         {200, "<html>captive portal</html>"},
		"empty":            {200, ""},
		"null":             {200, "null"},
		"another server":   {200, `{"status":"ok"}`},
		"a list":           {200, `[]`},
		"wrong type":       {200, `{"Cluster":7}`},
		"cut off":          {200, `{"Cluster":"prod","Container`},
		"two documents":    {200, `{"Cluster":"a"}{"Cluster":"b"}`},
		"over the limit":   {200, `{"Cluster":"` + strings.Repeat("x", maxAnswer) + `"}`},
		"500 with default": {500, `{"Cluster":"","ContainerInstanceArn":null,"Version":""}`},
		"404":              {404, "404 page not found"},
	} {
		t.Run(name, func(t *testing.T) {
			i := serve(t, c.status, c.body)
			_, err := i.Metadata(t.Context())
			wantOnly(t, err, ErrGarbled, i.base+"/v1/metadata")
			_, err = i.Tasks(t.Context())
			wantOnly(t, err, ErrGarbled, i.base+"/v1/tasks")
		})
	}
}

// wantOnly checks that err is want, is neither of the other two errors, and contains url.
func wantOnly(t *testing.T, err, want error, url string) {
	t.Helper()
	for _, each := range []error{ErrRefused, ErrSilent, ErrGarbled} {
		if errors.Is(err, each) != (each == want) {
			t.Errorf("error %v: errors.Is(%v) is %v", err, each, errors.Is(err, each))
		}
	}
	if err != nil && !strings.Contains(err.Error(), url) {
		t.Errorf("error %q does not name %s", err, url)
	}
}

func TestClosedPortIsRefused(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	i := NewIntrospection("http://"+l.Addr().String()+"/", nil)
	_, err = i.Metadata(t.Context())
	wantOnly(t, err, ErrRefused, i.base)
}

func TestTimeoutIsSilent(t *testing.T) {
	for name, handle := range map[string]func(net.Conn){
		"accepted and hung": hang,
		"hung within the header": func(c net.Conn) {
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-")
			hang(c)
		},
		"hung within the body": func(c net.Conn) {
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"Cluster\":")
			hang(c)
		},
	} {
		t.Run(name, func(t *testing.T) {
			i := listen(t, handle)
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			_, err := i.Metadata(ctx)
			wantOnly(t, err, ErrSilent, i.base)
			i.hc.Timeout = 50 * time.Millisecond
			_, err = i.Tasks(t.Context())
			wantOnly(t, err, ErrSilent, i.base)
		})
	}
}

func TestPartialResponseIsGarbled(t *testing.T) {
	for name, half := range map[string]string{
		"nothing":     "",
		"not HTTP":    "SSH-2.0-OpenSSH_9.2\r\n",
		"half header": "HTTP/1.1 200 OK\r\nContent-",
		"half body":   "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"Cluster\":",
	} {
		t.Run(name, func(t *testing.T) {
			i := listen(t, func(c net.Conn) { io.WriteString(c, half) })
			_, err := i.Metadata(t.Context())
			wantOnly(t, err, ErrGarbled, i.base)
		})
	}
}

func TestCancellationByTheCallerIsNotTheAgentsError(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	i := listen(t, func(c net.Conn) { cancel(); hang(c) })
	_, err := i.Metadata(ctx)
	wantOnly(t, err, nil, i.base)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestRedirectIsNotFollowed(t *testing.T) {
	followed := false
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		followed = followed || r.URL.Path == "/elsewhere"
		http.Redirect(w, r, "/elsewhere", http.StatusFound)
	}))
	t.Cleanup(server.Close)
	i := NewIntrospection(server.URL, LocalClient(time.Minute))
	_, err := i.Metadata(t.Context())
	wantOnly(t, err, ErrGarbled, "302")
	if followed {
		t.Error("the redirect was followed")
	}
}

func TestLocalClientUsesNoProxy(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	if transport := LocalClient(time.Second).Transport.(*http.Transport); transport.Proxy != nil {
		t.Error("LocalClient has a proxy function")
	}
}

func TestTasks(t *testing.T) {
	two := 2
	created := time.Date(2026, 1, 2, 15, 4, 5, 0, time.UTC)
	for name, c := range map[string]struct {
		body string
		want []Task
	}{
		"none":           {`{"Tasks":[]}`, []Task{}},
		"null":           {`{"Tasks":null}`, nil},
		"null entry":     {`{"Tasks":[null]}`, []Task{}},
		"without detail": {`{"Tasks":[{"Arn":"a","KnownStatus":"PENDING","Containers":null}]}`, []Task{{ARN: "a", KnownStatus: "PENDING"}}},
		"everything": {`{"Tasks":[{"Arn":"a","DesiredStatus":"RUNNING","KnownStatus":"RUNNING","Family":"web","Version":"7","Containers":[
			{"DockerId":"d","DockerName":"ecs-web-7","Name":"web","Image":"img:1","ImageID":"sha256:1","CreatedAt":"2026-01-02T15:04:05Z",
			 "Ports":[{"ContainerPort":8080,"Protocol":"tcp","HostPort":32768,"HostIp":"0.0.0.0"}],
			 "Networks":[{"NetworkMode":"bridge","IPv4Addresses":["172.17.0.2"]}],
			 "Volumes":[{"DockerName":"v","Source":"/s","Destination":"/d"}],"RestartCount":2}]}]}`,
			[]Task{{ARN: "a", DesiredStatus: "RUNNING", KnownStatus: "RUNNING", Family: "web", Version: "7", Containers: []Container{{
				DockerID: "d", DockerName: "ecs-web-7", Name: "web", Image: "img:1", ImageID: "sha256:1", CreatedAt: created,
				Ports:    []Port{{8080, "tcp", 32768, "0.0.0.0"}},
				Networks: []Network{{Mode: "bridge", IPv4Addresses: []string{"172.17.0.2"}}},
				Volumes:  []Volume{{"v", "/s", "/d"}}, RestartCount: &two}}}}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := serve(t, 200, c.body).Tasks(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func FuzzMetadata(f *testing.F) {
	f.Add([]byte(`{"Cluster":"prod","ContainerInstanceArn":null,"Version":"v"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if m, err := decodeMetadata(body); err != nil && m != (Metadata{}) {
			t.Errorf("error %v, but also %v", err, m)
		}
	})
}

func FuzzTasks(f *testing.F) {
	f.Add([]byte(`{"Tasks":[{"Arn":"a","Containers":[{"CreatedAt":"2026-01-02T15:04:05Z","Ports":[{"HostPort":1}]}]},null]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		tasks, _ := decodeTasks(body)
		for _, task := range tasks {
			if task.ARN == "" {
				t.Error("a task without ARN")
			}
		}
	})
}
