package dockerapi

import (
	"bufio"
	"io"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"strings"
	"testing"
)

// wire counts the requests that pass the guard.
type wire struct{ sent []string }

func (w *wire) RoundTrip(req *http.Request) (*http.Response, error) {
	w.sent = append(w.sent, req.Method+" "+req.URL.String())
	return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader("ok")), Request: req}, nil
}

const id = "0123456789ab"

// reading returns the paths that are allowed with GET and HEAD.
func reading() []string {
	return []string{
		"/_ping",
		"/version",
		"/info",
		"/events",
		"/containers/json",
		"/containers/" + id + "/json",
		"/containers/ecs-agent/json",
		"/v1.41/_ping",
		"/v1.41/version",
		"/v1.41/info",
		"/v1.52/events?since=1&filters=%7B%7D",
		"/v1.41/containers/json?all=1",
		"/v1.40/containers/a_b.c-d/json?size=0",
	}
}

func TestReadingPasses(t *testing.T) {
	for _, path := range reading() {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			w := new(wire)
			req, err := http.NewRequestWithContext(t.Context(), method, "http://docker"+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := readOnly{w}.RoundTrip(req)
			if err != nil || len(w.sent) != 1 {
				t.Errorf("%s %s: %v, sent %q", method, path, err, w.sent)
				continue
			}
			resp.Body.Close()
		}
	}
}

// notReading returns request lines that must not reach an Engine.
func notReading() []string {
	return []string{
		"POST /containers/create",
		"POST /containers/" + id + "/start",
		"POST /containers/" + id + "/stop",
		"POST /containers/" + id + "/kill",
		"POST /containers/" + id + "/exec",
		"POST /exec/" + id + "/start",
		"POST /containers/" + id + "/attach",
		"GET /containers/" + id + "/attach/ws",
		"POST /containers/" + id + "/update",
		"DELETE /containers/" + id,
		"POST /containers/prune",
		"POST /containers/" + id + "/rename",
		"GET /containers/" + id + "/archive?path=/etc/shadow",
		"HEAD /containers/" + id + "/archive",
		"PUT /containers/" + id + "/archive",
		"GET /containers/" + id + "/export",
		"GET /containers/" + id + "/logs?stdout=1",
		"GET /containers/" + id + "/top",
		"GET /containers/" + id + "/stats",
		"GET /containers/" + id + "/changes",
		"GET /images/json",
		"GET /images/get",
		"POST /images/create?fromImage=x",
		"POST /build",
		"POST /commit",
		"DELETE /images/x",
		"GET /images/json/json",
		"GET /secrets",
		"GET /configs",
		"GET /swarm/unlockkey",
		"GET /volumes",
		"GET /networks",
		"GET /plugins",
		"GET /system/df",
		"POST /auth",
		"POST /session",
		"POST /grpc",
		"POST /_ping",
		"POST /info",
		"DELETE /version",
		"PUT /containers/json",
		"PATCH /events",
		"OPTIONS /info",
		"CONNECT /info",
		"TRACE /info",
		"get /info",
		"GET /",
		"GET ",
		"GET /v1.41",
		"GET /v1.41/",
		"GET /info/",
		"GET //info",
		"GET /x/info",
		"GET /v1.41/v1.41/info",
		"GET /v/info",
		"GET /v1/info",
		"GET /v1.x/info",
		"GET /1.41/info",
		"GET /containers",
		"GET /containers//json",
		"GET /containers/json/json/json",
		"GET /containers/" + id + "/json/",
		"GET /containers/a/b/json",
		"GET /containers/./json",
		"GET /containers/../json",
		"GET /containers/../images/json",
		"GET /containers/" + id + "/../../images/json",
		"GET /v1.41/../images/json",
		"GET /containers/%2e%2e/json",
		"GET /containers/..%2fimages/json",
		"GET /containers/" + id + "%2farchive/json",
		"GET /containers%2fjson",
		"GET /%69nfo",
		"GET /info%00",
		"GET /info%20",
		"GET /info%3f",
		"GET /containers/-a/json",
		"GET /containers/a b/json",
		"GET /containers/a;b/json",
		"GET /containers/é/json",
		"GET /containers/a\\b/json",
		"GET /INFO",
		"GET /containers/json?size=1",
		"GET /containers/a/json?size=0&size=true",
		"HEAD /v1.41/containers/json?all=1&size=True",
	}
}

func TestEverythingElseIsRefusedBeforeAByteGoesOut(t *testing.T) {
	for _, line := range notReading() {
		method, target, _ := strings.Cut(line, " ")
		u, err := url.Parse("http://docker" + target)
		if err != nil {
			t.Fatal(err)
		}
		wantRefused(t, &http.Request{Method: method, URL: u, Header: http.Header{}})
	}
}

func wantRefused(t *testing.T, req *http.Request) {
	t.Helper()
	w := new(wire)
	_, err := readOnly{w}.RoundTrip(req)
	if err == nil || len(w.sent) > 0 {
		t.Errorf("%s %s: passed, sent %q", req.Method, req.URL, w.sent)
		return
	}
	if !strings.Contains(err.Error(), req.Method+" "+req.URL.String()) {
		t.Errorf("error %q names not %s %s", err, req.Method, req.URL)
	}
}

type closing struct {
	io.Reader
	closed bool
}

func (c *closing) Close() error { c.closed = true; return nil }

func TestPlainPathDoesNotExcuseTheRest(t *testing.T) {
	body := &closing{Reader: strings.NewReader("{}")}
	for name, change := range map[string]func(*http.Request){
		"body":              func(r *http.Request) { r.Body = body },
		"length":            func(r *http.Request) { r.ContentLength = 2 },
		"unknown length":    func(r *http.Request) { r.ContentLength = -1 },
		"chunked":           func(r *http.Request) { r.TransferEncoding = []string{"chunked"} },
		"upgrade":           func(r *http.Request) { r.Header.Set("Upgrade", "tcp") },
		"connection":        func(r *http.Request) { r.Header.Set("Connection", "Upgrade") },
		"upgrade, odd case": func(r *http.Request) { r.Header["upGrade"] = []string{"tcp"} },
		"smuggled length":   func(r *http.Request) { r.Header["content-length"] = []string{"9"} },
		"opaque":            func(r *http.Request) { r.URL.Opaque = "//docker/containers/create" },
		"raw path":          func(r *http.Request) { r.URL.RawPath = "/%69nfo" },
		"method left empty": func(r *http.Request) { r.Method = "" },
		"path with newline": func(r *http.Request) { r.URL.Path = "/info\r\nX: y" },
		"path with query":   func(r *http.Request) { r.URL.Path = "/info?x" },
	} {
		t.Run(name, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://docker/info", nil)
			if err != nil {
				t.Fatal(err)
			}
			change(req)
			wantRefused(t, req)
		})
	}
	if !body.closed {
		t.Error("the body of a refused request was left open")
	}
}

// A list or an event stream can have any length. A Client keeps only the parts that it needs, and a Proxy keeps
// nothing.
func TestAnswersAreBoundedButListsAndEventsAreNot(t *testing.T) {
	for target, bounded := range map[string]bool{"/info": true, "/v1.41/containers/0123/json": true, "/v1.41/containers/json": false,
		"/v1.41/events": false} {
		endless := roundTripper(func(req *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 200, Body: io.NopCloser(bufio.NewReader(lines{}))}, nil
		})
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://docker"+target, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := readOnly{endless}.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		n, err := io.CopyN(io.Discard, resp.Body, maxObject+1)
		resp.Body.Close()
		if (n <= maxObject) != bounded || bounded != (err != nil && strings.Contains(err.Error(), "the response has more than 4 MiB")) {
			t.Errorf("%s: read %d bytes, %v", target, n, err)
		}
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// lines is an endless stream of empty lines.
type lines struct{}

func (lines) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = '\n'
	}
	return len(p), nil
}

// FuzzTransport compares the guard with a second implementation of the rule, applied to the path as the Engine parses
// it.
func FuzzTransport(f *testing.F) {
	for _, target := range []string{"/info", "/v1.41/containers/json?all=1", "/containers/a/json", "/containers/..%2f/json",
		"/v1.41/containers/a/archive?path=/"} {
		f.Add("GET", target, "")
	}
	f.Add("POST", "/containers/create", "Upgrade")
	allowed := regexp.MustCompile(`^(/v\d+\.\d+)?/(_ping|version|info|events|containers/json|containers/[a-zA-Z0-9][a-zA-Z0-9_.-]*/json)$`)
	f.Fuzz(func(t *testing.T, method, target, header string) {
		u, err := url.Parse("http://docker" + target)
		if err != nil {
			return
		}
		w := new(wire)
		resp, err := readOnly{w}.RoundTrip(&http.Request{Method: method, URL: u, Header: http.Header{header: {"x"}}})
		if (err == nil) != (len(w.sent) == 1) {
			t.Fatalf("error %v, sent %q", err, w.sent)
		}
		if err != nil {
			return
		}
		resp.Body.Close()
		onTheWire, _, _ := strings.Cut(u.RequestURI(), "?")
		unescaped, err := url.PathUnescape(onTheWire)
		if err != nil || unescaped != onTheWire || path.Clean(onTheWire) != onTheWire || !allowed.MatchString(onTheWire) ||
			method != "GET" && method != "HEAD" || strings.EqualFold(header, "upgrade") || strings.EqualFold(header, "connection") {
			t.Errorf("passed: %q %q %q", method, target, header)
		}
	})
}
