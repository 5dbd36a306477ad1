//go:build linux

package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
)

// trap is a server that must receive no request. It counts the requests.
type trap struct{ hits atomic.Int64 }

// trapHost is the address that redirect points to.
const trapHost = "127.0.0.9"

func (r *rig) trap() *trap {
	t := &trap{}
	l, err := net.Listen("tcp", trapHost+":80")
	r.broken(err)
	go func() {
		count := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.hits.Add(1) })
		_ = (&http.Server{ReadHeaderTimeout: time.Minute, Handler: count}).Serve(l)
	}()
	return t
}

// The functions below are middlewares for Front.Use.

func redirect(http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", "http://"+trapHost+r.URL.Path)
		w.WriteHeader(http.StatusFound)
	})
}

// answers sends the same response to every request.
func answers(status int, kind, body string) func(http.Handler) http.Handler {
	return func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		})
	}
}

const (
	html   = "text/html"
	portal = "<!DOCTYPE html><html><head><title>Guest Wi-Fi</title></head><body>Please log in</body></html>"
)

// first applies the fault spoil to the first n requests.
func first(n int64, spoil func(http.Handler) http.Handler) func(http.Handler) http.Handler {
	var seen atomic.Int64
	return func(behind http.Handler) http.Handler {
		bad := spoil(behind)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if seen.Add(1) <= n {
				bad.ServeHTTP(w, r)
				return
			}
			behind.ServeHTTP(w, r)
		})
	}
}

// at applies the fault spoil to the requests whose path contains text.
func at(text string, spoil func(http.Handler) http.Handler) func(http.Handler) http.Handler {
	return func(behind http.Handler) http.Handler {
		bad := spoil(behind)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.Contains(r.URL.Path, text) {
				bad.ServeHTTP(w, r)
				return
			}
			behind.ServeHTTP(w, r)
		})
	}
}

// hangs accepts requests and never sends a response.
func hangs(http.Handler) http.Handler {
	return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
}

// dribbles sends an endless response, one byte at a time.
func dribbles(http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := http.NewResponseController(w)
		for r.Context().Err() == nil {
			if _, err := io.WriteString(w, " "); err != nil || c.Flush() != nil {
				return
			}
			wait(300 * time.Millisecond)
		}
	})
}

// cuts sends the header and the first part of the body, then closes the connection.
func cuts(begins string) func(http.Handler) http.Handler {
	return func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				return
			}
			defer conn.Close()
			_, _ = fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n%s", begins)
		})
	}
}

// delays sends the response after d.
func delays(d time.Duration) func(http.Handler) http.Handler {
	return func(behind http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			select {
			case <-time.After(d):
				behind.ServeHTTP(w, r)
			case <-r.Context().Done():
			}
		})
	}
}

// byHost applies the fault spoil to requests whose host begins with prefix.
func byHost(prefix string, spoil func(http.Handler) http.Handler) func(http.Handler) http.Handler {
	return func(behind http.Handler) http.Handler {
		bad := spoil(behind)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.Host, prefix) {
				bad.ServeHTTP(w, r)
				return
			}
			behind.ServeHTTP(w, r)
		})
	}
}

// byAction applies the fault spoil to query-protocol requests for an action.
func byAction(action string, spoil func(http.Handler) http.Handler) func(http.Handler) http.Handler {
	return func(behind http.Handler) http.Handler {
		bad := spoil(behind)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				return
			}
			r.Body = io.NopCloser(bytes.NewReader(body))
			if strings.Contains(string(body)+r.URL.RawQuery, "Action="+action) {
				bad.ServeHTTP(w, r)
				return
			}
			behind.ServeHTTP(w, r)
		})
	}
}

// gzipBomb compresses 4 GB of blanks to 4 MB.
func gzipBomb(http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		w.Header().Set("Content-Type", inJSON)
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		for range 4096 {
			if _, err := z.Write([]byte(strings.Repeat(" ", 1<<20))); err != nil || q.Context().Err() != nil {
				return
			}
		}
	})
}

// earlyHints sends an endless series of interim responses.
func earlyHints(http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer conn.Close()
		for {
			if _, err := io.WriteString(conn, "HTTP/1.1 103 Early Hints\r\nX-A: b\r\n\r\n"); err != nil {
				return
			}
		}
	})
}

// longHead sends endless headers.
func longHead(http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\n")
		for {
			if _, err := fmt.Fprintf(conn, "X-A: %s\r\n", strings.Repeat("a", 1000)); err != nil {
				return
			}
		}
	})
}

const inJSON = "application/json"

// bigList replaces the container list with one of 10,000 containers of 2.9 kB each.
func bigList(behind http.Handler) http.Handler {
	return at("/containers/json", func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", inJSON)
			long := strings.Repeat("x", 2600)
			_, _ = io.WriteString(w, "[")
			for i := range 10_000 {
				if i > 0 {
					_, _ = io.WriteString(w, ",")
				}
				_ = json.NewEncoder(w).Encode(map[string]any{
					"Id": fmt.Sprintf("%064x", i), "Names": []string{fmt.Sprintf("/c%d", i)}, "Image": "subject",
					"State": "running", "Status": "Up 2 hours",
					"Created": time.Now().Unix(), "Labels": map[string]string{"com.amazonaws.ecs.cluster": "prod", "noise": long},
				})
			}
			_, _ = io.WriteString(w, "]")
		})
	})(behind)
}
