//go:build linux

package main

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
)

// againRows were written by a second author who had not read muster's code.
func againRows() []row {
	var rows []row
	for _, f := range []func() []row{againLocal, againDocker, againAWS, againDisk, againOther, againUser} {
		rows = append(rows, f()...)
	}
	return rows
}

const inJSON = "application/json"

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

func againLocal() (rows []row) {
	for _, c := range []struct {
		name, what string
		spoil      func(http.Handler) http.Handler
	}{
		{"document-404", "the identity document returns 404 five times", answers(404, html, "404 - Not Found")},
		{"document-empty", "the identity document is empty five times", answers(200, "text/plain", "")},
		{"document-half", "the identity document is truncated five times, with a matching length",
			answers(200, "text/plain", `{"accountId" : "123456789012", "inst`)},
	} {
		rows = append(rows, row{name: "imds/" + c.name, command: "bootstrap", inject: c.what, takes: 15 * time.Second,
			must: "it retries and joins the cluster, exit 0", with: fresh,
			play: func(r *rig) {
				r.Metadata.Use(func(behind http.Handler) http.Handler { return at("/latest/dynamic", first(5, c.spoil))(behind) })
				r.run(bootstrap).exits(0)
				r.joins()
			}})
	}
	return append(rows, []row{
		{name: "imds/token-empty", command: "bootstrap", inject: "the token is empty three times", takes: 15 * time.Second,
			must: "it retries and joins the cluster, exit 0", with: fresh,
			play: func(r *rig) {
				r.Metadata.Use(at("/latest/api/token", first(3, answers(200, "text/plain", ""))))
				r.run(bootstrap).exits(0)
				r.joins()
			}},
		{name: "imds/early-hints", command: "bootstrap", inject: "endless interim responses (103)", takes: 10 * time.Second,
			must: "exit 3 within the time limit and 128 MB; nothing is written", with: fresh,
			play: func(r *rig) {
				r.Metadata.Use(earlyHints)
				p := r.start(bootstrap+" --imds-timeout 4s", how{})
				p.fitsFor(30 * time.Second)
				p.exits(3)
				r.untouched()
			}},
		{name: "imds/long-head", command: "bootstrap", inject: "the response has endless headers", takes: 10 * time.Second,
			must: "exit 3 within the time limit and 128 MB; nothing is written", with: fresh,
			play: func(r *rig) {
				r.Metadata.Use(longHead)
				p := r.start(bootstrap+" --imds-timeout 4s", how{})
				p.fitsFor(30 * time.Second)
				p.exits(3)
				r.untouched()
			}},
		{name: "imds/agent-document-404", command: "agent", inject: "the identity document returns 404 for 8 s", takes: 40 * time.Second,
			must: "status exits 1; then it publishes",
			play: func(r *rig) {
				r.Metadata.Use(at("/latest/dynamic", answers(404, html, "404 - Not Found")))
				a := r.agentEarly(how{})
				r.status(15*time.Second, []int{1})
				wait(8 * time.Second)
				r.Metadata.Use(nil)
				r.status(60*time.Second, []int{0})
				a.stop()
				r.publishes()
			}},
		{name: "imds/verify-document-404", command: "verify", inject: "the identity document returns 404 five times", takes: 20 * time.Second,
			must: "exit 0, signals are sent", with: inGroup,
			play: func(r *rig) {
				r.Metadata.Use(func(behind http.Handler) http.Handler {
					return at("/latest/dynamic", first(5, answers(404, html, "404 - Not Found")))(behind)
				})
				r.run(verify + hookFlag + stackFlags).exits(0)
				r.signaled()
			}},
		{name: "introspection/null", command: "verify",
			inject: "five times there is no ARN yet: null, an empty string, or an empty object", takes: 15 * time.Second,
			must: "exit 0, signals are sent", with: inGroup,
			play: func(r *rig) {
				var n atomic.Int64
				bodies := []string{`{"Cluster":"prod","ContainerInstanceArn":null,"Version":"x"}`,
					`{"Cluster":"prod","ContainerInstanceArn":""}`, `{}`, `null`, `[]`}
				r.introspection.Use(func(behind http.Handler) http.Handler {
					return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
						if i := n.Add(1); int(i) <= len(bodies) {
							answers(200, inJSON, bodies[i-1])(nil).ServeHTTP(w, q)
							return
						}
						behind.ServeHTTP(w, q)
					})
				})
				r.run(verify + hookFlag + stackFlags).exits(0)
				r.signaled()
			}},
		{name: "introspection/early-hints", command: "verify", inject: "endless interim responses (103)", takes: 15 * time.Second,
			must: "exit 10 within the time limit and 128 MB; no success is signaled", with: inGroup,
			play: func(r *rig) {
				r.introspection.Use(earlyHints)
				p := r.start("verify --cluster prod --timeout 6s"+hookFlag+stackFlags, how{})
				p.fitsFor(30 * time.Second)
				p.exits(10)
				r.want(!r.stackHas("SUCCESS"), "the stack got SUCCESS")
			}},
	}...)
}
