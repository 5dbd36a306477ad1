package dockerapi

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
)

// maxObject limits the size in bytes of an object from the Engine: an event, a list entry, an inspection. Most have a
// few KiB. The largest part can be the environment, which execve(2) limits to 2 MiB, a quarter of the usual stack. A
// list or an event stream can have any length, because it is never kept as a whole.
const maxObject = 4 << 20

// readOnly rejects every request except GET and HEAD for ping, version, info, events, the list of containers and the
// inspection of a container. It rejects a request before it dials.
type readOnly struct {
	next http.RoundTripper
}

var errTakenOver = errors.New("the Docker Engine wants to take over the connection")

// exchange holds the result of a call's last request, as recorded by the transport.
type exchange struct {
	status int // 0 if there was no response
	err    error
}

type exchangeKey struct{}

// RoundTrip implements http.RoundTripper.
func (t readOnly) RoundTrip(req *http.Request) (*http.Response, error) {
	if why := refusal(req); why != "" {
		if req.Body != nil {
			req.Body.Close()
		}
		return nil, fmt.Errorf("refused to send %s %s to the Docker Engine: %s", req.Method, req.URL, why)
	}
	late := req.Context().Err() != nil
	resp, err := t.next.RoundTrip(req)
	seen, _ := req.Context().Value(exchangeKey{}).(*exchange)
	if seen == nil {
		seen = new(exchange)
	}
	if !late || seen.err == nil { // a retry after the deadline adds no information
		*seen = exchange{err: err}
	}
	if err != nil {
		return nil, err
	}
	if resp.StatusCode == http.StatusSwitchingProtocols {
		resp.Body.Close()
		*seen = exchange{err: errTakenOver}
		return nil, errTakenOver
	}
	seen.status = resp.StatusCode
	resp.Body = struct {
		io.Reader
		io.Closer
	}{bound(req, resp), resp.Body}
	return resp, nil
}

// bound wraps the body of a response so that reading it needs little memory.
func bound(req *http.Request, resp *http.Response) io.Reader {
	keep, keeps := req.Context().Value(keepKey{}).(func(Summary) error)
	switch {
	case resp.StatusCode >= http.StatusBadRequest: // the moby client reads the body as a message
	case strings.HasSuffix(req.URL.Path, "/events"):
		return withoutExecs(resp.Body)
	case strings.HasSuffix(req.URL.Path, "/containers/json") && keeps:
		return &itemized{body: resp.Body, keep: keep}
	case strings.HasSuffix(req.URL.Path, "/containers/json"): // a Proxy passes the list on without keeping it
		return resp.Body
	}
	return &bounded{in: resp.Body, what: "the response", left: maxObject}
}

// bounded returns an error at the first byte beyond left. io.LimitReader would end there, and the response would look
// complete.
type bounded struct {
	in   io.Reader
	what string
	left int
}

// Read implements io.Reader.
func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.in.Read(p[:min(len(p), b.left+1)])
	if b.left -= n; b.left < 0 {
		return 0, fmt.Errorf("%s has more than %d MiB, the most that muster reads", b.what, maxObject>>20)
	}
	return n, err
}

// refusal returns why a request is rejected, or "" if it is allowed.
func refusal(req *http.Request) string {
	switch {
	case req.Method != http.MethodGet && req.Method != http.MethodHead:
		return "only GET and HEAD pass"
	case req.Body != nil && req.Body != http.NoBody, req.ContentLength != 0, len(req.TransferEncoding) > 0:
		return "a reading request has no body"
	case hijacks(req.Header):
		return "the connection must not be taken over"
	case req.URL.Opaque != "", req.URL.EscapedPath() != req.URL.Path:
		return "the path is not plain"
	case !readable(req.URL.Path):
		return "only ping, version, info, events, list and inspect pass"
	case slices.ContainsFunc(req.URL.Query()["size"], isTrue):
		return "the Engine would walk the disks for the sizes of containers"
	}
	return ""
}

// isTrue parses a boolean as the Engine does (moby, BoolValue).
func isTrue(s string) bool {
	return !slices.Contains([]string{"", "0", "no", "false", "none"}, strings.ToLower(strings.TrimSpace(s)))
}

// hijacks ignores case, because net/http canonicalizes only keys that are set with Header's methods. Connection is
// allowed with the values close and keep-alive, which ordinary clients send.
func hijacks(header http.Header) bool {
	for key, values := range header {
		switch strings.ToLower(key) {
		case "connection":
			if slices.ContainsFunc(values, func(v string) bool { return !strings.EqualFold(v, "close") && !strings.EqualFold(v, "keep-alive") }) {
				return true
			}
		case "upgrade", "transfer-encoding", "content-length":
			return true
		}
	}
	return false
}

// readable matches the read-only paths of the Engine API, with or without a version.
func readable(path string) bool {
	path, ok := strings.CutPrefix(path, "/")
	if !ok {
		return false
	}
	if version, rest, ok := strings.Cut(path, "/"); ok && isVersion(version) {
		path = rest
	}
	switch path {
	case "_ping", "version", "info", "events", "containers/json":
		return true
	}
	name, ok := strings.CutPrefix(path, "containers/")
	name, inspect := strings.CutSuffix(name, "/json")
	return ok && inspect && isName(name)
}

// isVersion matches versions such as v1.41.
func isVersion(s string) bool {
	s, v := strings.CutPrefix(s, "v")
	major, minor, dot := strings.Cut(s, ".")
	const digits = "0123456789"
	return v && dot && major != "" && minor != "" && strings.Trim(major, digits) == "" && strings.Trim(minor, digits) == ""
}

// isName matches the names and ids of containers ([a-zA-Z0-9][a-zA-Z0-9_.-]*,
// moby daemon/names), which excludes "." and "..".
func isName(s string) bool {
	for n, r := range s {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
		if !letter && (n == 0 || !strings.ContainsRune("_.-", r)) {
			return false
		}
	}
	return s != ""
}
