package dockerapi

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// recorder is an Engine that records every received byte, one string per connection, and responds once on each
// connection.
type recorder struct {
	answer string

	mu  sync.Mutex
	got []string
}

const ok = "HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nContent-Length: 2\r\n\r\nOK"

func (r *recorder) serve(t testing.TB) (host string) {
	t.Helper()
	l := listen(t)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			r.take(conn)
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return "unix://" + l.Addr().String()
}

// take reads a request header, responds, and then reads what follows.
func (r *recorder) take(conn net.Conn) {
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	in, seen := bufio.NewReader(conn), ""
	for !strings.HasSuffix(seen, "\r\n\r\n") {
		line, err := in.ReadString('\n')
		seen += line
		if err != nil {
			break
		}
	}
	r.mu.Lock() // before the client can receive the response
	defer r.mu.Unlock()
	io.WriteString(conn, r.answer)
	_ = conn.(*net.UnixConn).CloseWrite()
	rest, _ := io.ReadAll(in)
	if seen += string(rest); seen != "" {
		r.got = append(r.got, seen)
	}
}

func (r *recorder) taken() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	got := r.got
	r.got = nil
	return got
}

func listen(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("unix", socket(t))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// through starts a Proxy for host and returns its socket.
func through(t testing.TB, host string, out io.Writer) string {
	t.Helper()
	p, err := NewProxy(host, slog.New(slog.NewTextHandler(out, nil)))
	if err != nil {
		t.Fatal(err)
	}
	l := listen(t)
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- p.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			t.Errorf("Serve ended with %v", err)
		}
	})
	return l.Addr().String()
}

// exchangeRaw writes bytes to a socket and returns the whole response. It closes its writing side early only if the
// server waits for that, because net/http treats a client that does so as disconnected.
func exchangeRaw(t testing.TB, path, request string) string {
	t.Helper()
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	_, _ = io.WriteString(conn, request) // a server that rejects the request may have closed the connection
	in := bufio.NewReader(conn)
	if strings.Contains(request, "\n\n") || strings.Contains(request, "\n\r\n") {
		_, _ = in.Peek(1)
	}
	_ = conn.(*net.UnixConn).CloseWrite()
	answer, _ := io.ReadAll(in)
	return string(answer)
}

// passed matches the only form of request that may reach the Engine.
var passed = regexp.MustCompile(`^(GET|HEAD) (/v\d+\.\d+)?/(_ping|version|info|events|containers/json|containers/` +
	`[a-zA-Z0-9][a-zA-Z0-9_.-]*/json)(\?[^\x00-\x20\x7f]*)? HTTP/1\.1\r\n` +
	`Host: docker\r\nUser-Agent: muster-docker-proxy\r\nConnection: close\r\n\r\n$`)

func TestTheProxyPassesWhatReads(t *testing.T) {
	engine := &recorder{answer: ok}
	path := through(t, engine.serve(t), io.Discard)
	for _, target := range reading() {
		for _, method := range []string{"GET", "HEAD"} {
			for _, header := range []string{"", "Connection: close\r\n", "Connection: keep-alive\r\n",
				"Accept: */*\r\nX-Registry-Auth: secret\r\nCookie: a=b\r\nX-Forwarded-For: 1.2.3.4\r\n", "Te: trailers\r\n"} {
				answer := exchangeRaw(t, path, method+" "+target+" HTTP/1.1\r\nHost: x\r\n"+header+"\r\n")
				if !strings.HasPrefix(answer, "HTTP/1.1 200 OK\r\n") || !strings.Contains(answer, "Api-Version: 1.41\r\n") ||
					strings.HasSuffix(answer, "OK") != (method == "GET") {
					t.Errorf("%s %s %q: %q", method, target, header, answer)
				}
				if got := engine.taken(); len(got) != 1 || !passed.MatchString(got[0]) || !strings.HasPrefix(got[0], method+" "+target+" ") {
					t.Errorf("%s %s %q: the Engine got %q", method, target, header, got)
				}
			}
		}
	}
}

func TestTheProxyRefusesEverythingElse(t *testing.T) {
	engine := &recorder{answer: ok}
	path := through(t, engine.serve(t), io.Discard)
	for _, line := range notReading() {
		method, target, _ := strings.Cut(line, " ")
		answer := exchangeRaw(t, path, method+" "+target+" HTTP/1.1\r\nHost: docker\r\n\r\n")
		// net/http itself responds to a request that is not HTTP, such as one whose target has no slash.
		if !strings.HasPrefix(answer, "HTTP/1.1 403 ") && !strings.HasPrefix(answer, "HTTP/1.1 400 ") {
			t.Errorf("%s: %q", line, answer)
		}
		if got := engine.taken(); len(got) > 0 {
			t.Errorf("%s: the Engine got %q", line, got)
		}
	}
}

func TestTheProxyRefusesRequestsInDisguise(t *testing.T) {
	const post = "POST /containers/create HTTP/1.1\r\nHost: docker\r\nContent-Length: 2\r\n\r\n{}"
	for name, c := range map[string]struct {
		request string
		status  string
		passes  int // number of requests that reach the Engine; only the first can
	}{
		"body":                  {"GET /info HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}", "403", 0},
		"no body, but a length": {"GET /info HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", "403", 0},
		"chunked body":          {"GET /info HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", "403", 0},
		"empty chunked body":    {"GET /info HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "403", 0},
		"chunks and a length": {"GET /info HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" +
			post, "403", 0},
		"request in a body":        {fmt.Sprintf("GET /info HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", len(post), post), "403", 0},
		"two lengths":              {"GET /info HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nContent-Length: 9\r\n\r\n" + post, "400", 0},
		"unknown encoding":         {"GET /info HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n" + post, "501", 0},
		"request behind a request": {"GET /info HTTP/1.1\r\nHost: x\r\n\r\n" + post, "200", 1},
		"request behind a kept-alive": {"GET /info HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\n\r\nGET /images/get HTTP/1.1\r\nHost: " +
			"x\r\n\r\n", "200", 1},
		"upgrade":                     {"GET /info HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n", "403", 0},
		"upgrade hidden behind close": {"GET /info HTTP/1.1\r\nHost: x\r\nConnection: close, Upgrade\r\nUpgrade: tcp\r\n\r\n", "403", 0},
		"upgrade without connection":  {"GET /events HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\n\r\n", "403", 0},
		"hop-by-hop header":           {"GET /info HTTP/1.1\r\nHost: x\r\nConnection: Host\r\n\r\n", "403", 0},
		"HTTP/2 with prior knowledge": {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "403", 0},
		"asterisk":                    {"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", "403", 0},
		"tunnel":                      {"CONNECT docker:80 HTTP/1.1\r\nHost: docker:80\r\n\r\n", "403", 0},
		"absolute form of a write":    {"POST http://docker/containers/create HTTP/1.1\r\nHost: x\r\n\r\n", "403", 0},
		"absolute form elsewhere":     {"GET http://169.254.169.254/info HTTP/1.1\r\nHost: 169.254.169.254\r\n\r\n", "200", 1},
		"encoded path":                {"GET /%69nfo HTTP/1.1\r\nHost: x\r\n\r\n", "403", 0},
		"encoded slash":               {"GET /containers/a%2f..%2fcreate/json HTTP/1.1\r\nHost: x\r\n\r\n", "403", 0},
		"encoded line in the path":    {"GET /info%20HTTP/1.1%0d%0aX:%20y HTTP/1.1\r\nHost: x\r\n\r\n", "403", 0},
		"path with dots":              {"GET /v1.41/../containers/create HTTP/1.1\r\nHost: x\r\n\r\n", "403", 0},
		"line folded":                 {"GET /info HTTP/1.1\r\nHost: x\r\nX: a\r\n Connection: Upgrade\r\n\r\n", "200", 1},
		"blank before a colon":        {"GET /info HTTP/1.1\r\nHost: x\r\nUpgrade : tcp\r\n\r\n", "400", 0},
		"bare newlines":               {"GET /info HTTP/1.1\nHost: x\nUpgrade: tcp\n\n", "403", 0},
		"no host":                     {"GET /info HTTP/1.1\r\n\r\n", "400", 0},
		"HTTP/1.0":                    {"GET /info HTTP/1.0\r\n\r\n", "200", 1},
		"HTTP/0.9":                    {"GET /info\r\n\r\n", "400", 0},
		"header that never ends":      {"GET /info HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("a", 1<<20), "431", 0},
		"line that never ends":        {"GET /info?" + strings.Repeat("a", 1<<20), "431", 0},
		"many headers":                {"GET /info HTTP/1.1\r\nHost: x\r\n" + strings.Repeat("X: y\r\n", 1<<14) + "\r\n", "431", 0},
		"expectation":                 {"GET /info HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n{}", "403", 0},
		"trailer": {"GET /info HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTrailer: " +
			"Upgrade\r\n\r\n0\r\nUpgrade: tcp\r\n\r\n", "403", 0},
		"method with a letter too few": {"GE /info HTTP/1.1\r\nHost: x\r\n\r\n", "403", 0},
		"nothing":                      {"", "", 0},
		"TLS":                          {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "400", 0},
	} {
		t.Run(name, func(t *testing.T) {
			engine := &recorder{answer: ok}
			answer := exchangeRaw(t, through(t, engine.serve(t), io.Discard), c.request)
			if status, _ := strings.CutPrefix(answer, "HTTP/1.1 "); !strings.HasPrefix(strings.TrimPrefix(status, "HTTP/1.0 "), c.status) {
				t.Errorf("answered %.200q, want %s", answer, c.status)
			}
			if len(regexp.MustCompile(`HTTP/1\.[01] \d{3} `).FindAllString(answer, -1)) > 1 {
				t.Errorf("more than one answer: %.400q", answer)
			}
			got := engine.taken()
			if len(got) != c.passes {
				t.Errorf("the Engine got %q", got)
			}
			for _, request := range got {
				if !passed.MatchString(request) {
					t.Errorf("the Engine got %q", request)
				}
			}
		})
	}
}

// A refusal has the format of Docker's errors. Logging it must not flood the journal or forge a line in it.
func TestTheProxyReportsRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		p := newProxy(DefaultHost, new(wire), slog.New(slog.NewTextHandler(&out, nil)))
		l := newPipes(t, p)
		request := func(line string) string {
			conn := l.dial()
			defer conn.Close()
			go io.WriteString(conn, line+" HTTP/1.1\r\nHost: x\r\n\r\n")
			answer, _ := io.ReadAll(conn)
			_, body, _ := strings.Cut(string(answer), "\r\n\r\n")
			return body
		}
		body := request("POST /containers/create?name=secret")
		var e struct{ Message string }
		if err := json.Unmarshal([]byte(body), &e); err != nil ||
			e.Message != `muster docker-proxy refused "POST" "/containers/create": only GET and HEAD pass` {
			t.Errorf("%v: %q", err, body)
		}
		for range 100 {
			request("DELETE /containers/a")
		}
		if n := strings.Count(out.String(), "\n"); n != 1 || !strings.Contains(out.String(), `POST`) || strings.Contains(out.String(), "secret") {
			t.Errorf("logged %d lines: %s", n, &out)
		}
		<-time.After(refusalPause)
		out.Reset()
		request("GET /" + strings.Repeat("x", 4000))
		if n := strings.Count(out.String(), "\n"); n != 1 || !strings.Contains(out.String(), "refused_before=100") || out.Len() > 600 {
			t.Errorf("logged %d lines: %s", n, &out)
		}
	})
}

// pipes is a listener in memory, so that the test controls the time.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipes(t *testing.T, p *Proxy) *pipes {
	t.Helper()
	l := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- p.Serve(ctx, l) }()
	t.Cleanup(func() { cancel(); <-served })
	return l
}

func (l *pipes) dial() net.Conn {
	client, server := net.Pipe()
	l.conns <- server
	return client
}

func (l *pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-l.conns:
		return conn, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipes) Close() error   { l.once.Do(func() { close(l.closed) }); return nil }
func (l *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipes", Net: "unix"} }

func TestTheProxyGivesUpOnSlowClients(t *testing.T) {
	for name, c := range map[string]struct {
		request string
		within  time.Duration
	}{
		"that send no header":        {"", headerTimeout},
		"that send half of a header": {"GET /info HTTP/1.1\r\nHos", headerTimeout},
		"that hold back a body":      {"POST /build HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{", 2 * time.Second},
		"that hold back a chunk":     {"POST /build HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n", 2 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newPipes(t, newProxy(DefaultHost, new(wire), slog.New(slog.DiscardHandler)))
				conn := l.dial()
				io.WriteString(conn, c.request)
				began := time.Now()
				io.Copy(io.Discard, conn)
				if took := time.Since(began); took > c.within {
					t.Errorf("the connection was open for %v, want at most %v", took, c.within)
				}
			})
		})
	}
	t.Run("that do not take the answer", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			client, server := net.Pipe()
			defer client.Close()
			began := time.Now()
			_, err := (&limitedConn{Conn: server}).Write([]byte("event\n"))
			if took := time.Since(began); !errors.Is(err, os.ErrDeadlineExceeded) || took != writeTimeout {
				t.Errorf("after %v: %v", took, err)
			}
		})
	})
}

func TestTheProxyHoldsNoMoreConnectionsThanItsBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var open atomic.Int32
		p := newProxy(DefaultHost, roundTripper(func(req *http.Request) (*http.Response, error) {
			open.Add(1)
			defer open.Add(-1)
			<-req.Context().Done()
			return nil, req.Context().Err()
		}), slog.New(slog.DiscardHandler))
		l := newPipes(t, p)
		conns := make(chan net.Conn, 2*maxConns)
		for range 2 * maxConns {
			go func() {
				conn := l.dial()
				conns <- conn
				io.WriteString(conn, "GET /events HTTP/1.1\r\nHost: x\r\n\r\n")
			}()
		}
		synctest.Wait()
		if n := open.Load(); n != maxConns {
			t.Errorf("%d at once, want %d", n, maxConns)
		}
		for range maxConns { // each closed connection makes room for a waiting one
			(<-conns).Close()
		}
		synctest.Wait()
		if n := open.Load(); n != maxConns {
			t.Errorf("%d at once after as many left, want %d", n, maxConns)
		}
		// The end of the test stops a Proxy whose connections are all in use.
	})
}

func TestTheProxyBoundsAnAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newPipes(t, newProxy(DefaultHost, roundTripper(func(req *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 200, Header: http.Header{}, ContentLength: -1, Body: io.NopCloser(lines{}), Request: req}, nil
		}), slog.New(slog.DiscardHandler)))
		conn := l.dial()
		go io.WriteString(conn, "GET /info HTTP/1.0\r\n\r\n")
		answer, _ := io.ReadAll(conn)
		if _, body, _ := bytes.Cut(answer, []byte("\r\n\r\n")); len(body) == 0 || len(body) > maxObject {
			t.Errorf("%d bytes, want no more than %d", len(body), maxObject)
		}
	})
}

func TestTheProxyDoesNotLetTheEngineTakeOverAConnection(t *testing.T) {
	engine := &recorder{answer: "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\nraw"}
	answer := exchangeRaw(t, through(t, engine.serve(t), io.Discard), "GET /info HTTP/1.1\r\nHost: x\r\n\r\n")
	if !strings.HasPrefix(answer, "HTTP/1.1 502 ") || strings.Contains(answer, "raw") {
		t.Errorf("%q", answer)
	}
}

// FuzzProxy writes arbitrary bytes to the Proxy's socket. On each connection the Engine must receive either nothing or,
// byte for byte, one read request.
func FuzzProxy(f *testing.F) {
	for _, seed := range []string{
		"GET /info HTTP/1.1\r\nHost: x\r\n\r\n",
		"HEAD /v1.41/_ping HTTP/1.0\r\n\r\n",
		"GET /v1.41/containers/a/json?size=0&x=%0d%0a HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\n\r\nPOST /containers/create " +
			"HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}",
		"GET /events?filters=%7B%7D;a HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n",
		"GET /info HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\nPOST /build HTTP/1.1\r\n\r\n",
		"GET http://u:p@docker/info?a=b#c HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET /containers/..%2fimages/json HTTP/1.1\nHost: x\n\n",
	} {
		f.Add([]byte(seed))
	}
	engine := &recorder{answer: ok}
	path := through(f, engine.serve(f), io.Discard)
	f.Fuzz(func(t *testing.T, request []byte) {
		exchangeRaw(t, path, string(request))
		for _, request := range engine.taken() {
			if !passed.MatchString(request) {
				t.Errorf("the Engine got %q", request)
			}
		}
	})
}

// A resource that the Proxy lacks says nothing about the Engine. The errors are those that net.Dial returns for
// failures of connect(2) and socket(2).
func TestWhatTheProxyLacksIsNotTheEngines(t *testing.T) {
	for errno, c := range map[syscall.Errno]struct {
		is   []error
		says string
	}{
		syscall.EACCES: {[]error{ErrProxy, ErrDenied},
			"no permission to query the Docker Engine: dial unix /var/run/docker.sock: connect: permission denied"},
		syscall.EMFILE: {[]error{ErrProxy, ErrUnknown},
			"unknown: this process is out of file descriptors: dial unix /var/run/docker.sock: connect: too many open files"},
		syscall.EAGAIN: {[]error{ErrHung}, "the Docker Engine does not respond: dial unix /var/run/docker.sock: connect: resource temporarily " +
			"unavailable"},
	} {
		dial := &net.OpError{Op: "dial", Net: "unix", Addr: &net.UnixAddr{Name: "/var/run/docker.sock", Net: "unix"},
			Err: os.NewSyscallError("connect", errno)}
		p := newProxy(DefaultHost, roundTripper(func(*http.Request) (*http.Response, error) { return nil, dial }), slog.New(slog.DiscardHandler))
		client, err := newClient(DefaultHost, time.Minute, behindProxy{roundTripper(func(r *http.Request) (*http.Response, error) {
			w := httptest.NewRecorder()
			r.RequestURI = r.URL.Path
			r.Header.Del(aliveHeader) // the recorder would take the 102 for the final response
			p.ServeHTTP(w, r)
			return w.Result(), nil
		})})
		if err != nil {
			t.Fatal(err)
		}
		_, err = client.List(t.Context(), true)
		for _, each := range []error{ErrProxy, ErrNotRunning, ErrHung, ErrDenied, ErrUnknown} {
			if errors.Is(err, each) != slices.Contains(c.is, each) {
				t.Errorf("%v: errors.Is(%v, %v) is %v", errno, err, each, errors.Is(err, each))
			}
		}
		if err == nil || !strings.HasSuffix(err.Error(), c.says) {
			t.Errorf("%v: %v, want %q", errno, err, c.says)
		}
	}
}
