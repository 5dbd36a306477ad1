//go:build linux

package main

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// late is how long something is missing in the rows that are called late.
const late = 8 * time.Second

// imdsRows covers an instance metadata service that comes late, comes never, or rejects requests.
var imdsRows = []row{
	{name: "imds/late-bootstrap", command: "bootstrap", takes: late, with: fresh,
		inject: "nothing listens for 8 s",
		must:   "it waits, then joins the cluster, exit 0",
		play: func(r *rig) {
			r.Metadata.Shut()
			r.in(late, r.Metadata.Open)
			r.run(bootstrap).exits(0)
			r.joins()
		}},
	{name: "imds/late-verify", command: "verify", takes: late, with: inGroup,
		inject: "nothing listens for 8 s",
		must:   "it waits; the stack receives SUCCESS and the launch hook CONTINUE",
		play: func(r *rig) {
			r.Metadata.Shut()
			r.in(late, r.Metadata.Open)
			r.run(verify + hookFlag + stackFlags).exits(0)
			r.signaled()
		}},
	{name: "imds/late-agent", command: "agent", takes: 3 * late,
		inject: "nothing listens for 8 s after the agent's start",
		must:   "status exits 1 and names what is missing; then it publishes",
		play: func(r *rig) {
			r.Metadata.Shut()
			a := r.agent(how{})
			r.status(5*time.Second, []int{1}, "instance metadata")
			r.in(late, r.Metadata.Open)
			a.says(40*time.Second, "instance metadata answered")
			r.status(10*time.Second, []int{0})
			a.stop()
			r.publishes()
		}},
	{name: "imds/never-bootstrap", command: "bootstrap", takes: 5 * time.Second, with: both(fresh, booting),
		inject: "nothing listens",
		must:   "exit 3 within the time limit; ecs.config is not written, and the ECS agent cannot start",
		play: func(r *rig) {
			r.Metadata.Shut()
			p := r.run(bootstrap + " --imds-timeout 3s")
			p.exits(3)
			p.within(15 * time.Second)
			p.says(0, "169.254.169.254")
			r.untouched()
			calls := r.SystemdCalls()
			r.want(slices.Contains(calls, "mask ecs.service"), "the ECS agent is not held back, and would join the cluster default: %v", calls)
		}},
	{name: "imds/never-verify", command: "verify", takes: 5 * time.Second, with: inGroup,
		inject: "nothing listens",
		must:   "exit 3; no signal is sent, because the result is unknown",
		play: func(r *rig) {
			r.Metadata.Shut()
			r.run(verify + hookFlag + stackFlags + " --imds-timeout 3s --on-failure abandon").exits(3)
			r.unsignaled()
		}},
	{name: "imds/never-agent", command: "agent", takes: 10 * time.Second,
		inject: "nothing listens",
		must:   "it watches containers; status exits 1; nothing is published under a wrong name; it exits after SIGTERM",
		play: func(r *rig) {
			r.Metadata.Shut()
			r.container()
			a := r.agent(how{})
			r.status(10*time.Second, []int{1}, "instance metadata", "1 running")
			a.stop()
			r.want(len(r.Sandbox().Metrics()) == 0, "data were published without an identity")
		}},
	{name: "imds/half-open", command: "bootstrap", takes: 6 * time.Second, with: fresh,
		inject: "connections are accepted, but there is no response (hop limit)",
		must:   "exit 3 within the time limit, and the message names the hop limit",
		play: func(r *rig) {
			r.Metadata.Use(hangs)
			p := r.run(bootstrap + " --imds-timeout 4s")
			p.exits(3)
			p.within(20 * time.Second)
			p.says(0, "hop limit")
			r.untouched()
		}},
	{name: "imds/dies", command: "agent", takes: 8 * time.Second,
		inject: "1 s after the start, IMDS stops responding",
		must:   "it publishes with its cached credentials, and logs the failure once",
		play: func(r *rig) {
			a := r.agent(how{})
			wait(time.Second)
			r.Metadata.Shut()
			wait(5 * time.Second)
			a.stop()
			r.publishes()
			r.want(strings.Count(a.stderr.String(), "169.254.169.254") < 4, "it logs the same again and again: %s", a.stderr.String())
		}},
	{name: "imds/503-first", command: "bootstrap", with: fresh,
		inject: "HTTP 503 five times",
		must:   "it retries and joins the cluster, exit 0",
		play: func(r *rig) {
			r.Metadata.Use(first(5, answers(503, html, "")))
			r.run(bootstrap).exits(0)
			r.joins()
		}},
	{name: "imds/429", command: "verify", takes: 8 * time.Second, with: inGroup,
		inject: "IMDS throttles: six 429 responses",
		must:   "exit 0, signals are sent",
		play: func(r *rig) {
			r.Metadata.Use(first(6, answers(429, html, "")))
			r.run(verify + hookFlag + stackFlags).exits(0)
			r.signaled()
		}},
	{name: "imds/cut", command: "bootstrap", with: fresh,
		inject: "the connection is closed during the response, four times",
		must:   "it retries and joins the cluster, exit 0",
		play: func(r *rig) {
			r.Metadata.Use(first(4, cuts(`{"instanceId": "i-01`)))
			r.run(bootstrap).exits(0)
			r.joins()
		}},
	{name: "imds/slow-body", command: "bootstrap", takes: 10 * time.Second, with: fresh,
		inject: "the response is endless, with one byte every 0.3 s",
		must:   "exit 3 within the time limit; nothing is written",
		play: func(r *rig) {
			r.Metadata.Use(dribbles)
			p := r.run(bootstrap + " --imds-timeout 4s")
			p.exits(3)
			p.within(20 * time.Second)
			r.untouched()
		}},
	{name: "imds/token-403", command: "bootstrap", with: fresh,
		inject: "the endpoint is disabled: the token request gets 403",
		must:   "exit 3 immediately, with the command that enables the endpoint",
		play: func(r *rig) {
			r.Metadata.Use(at("/api/token", answers(403, "text/plain", "")))
			p := r.run(bootstrap)
			p.exits(3)
			p.within(10 * time.Second)
			p.says(0, "--http-endpoint enabled")
			r.untouched()
		}},
	{name: "imds/token-401", command: "bootstrap", takes: 5 * time.Second, with: fresh,
		inject: "IMDS restarts: the token is rejected with 401, three times",
		must:   "it requests a new token and joins the cluster, exit 0",
		play: func(r *rig) {
			bad := first(3, answers(401, html, ""))
			r.Metadata.Use(func(behind http.Handler) http.Handler {
				spoilt := bad(behind)
				return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
					if q.Method == http.MethodPut {
						behind.ServeHTTP(w, q)
						return
					}
					spoilt.ServeHTTP(w, q)
				})
			})
			r.run(bootstrap).exits(0)
			r.joins()
		}},
	{name: "imds/v1-only", command: "bootstrap", takes: 5 * time.Second, with: fresh,
		inject: "token requests fail (405), and metadata needs no token",
		must:   "it does not fall back to IMDSv1; exit 3",
		play: func(r *rig) {
			var without atomic.Int64
			r.Metadata.Use(func(http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
					if q.Method == http.MethodPut {
						w.WriteHeader(http.StatusMethodNotAllowed)
						return
					}
					without.Add(1)
					_, _ = fmt.Fprint(w, r.Sandbox().IdentityDocument())
				})
			})
			r.run(bootstrap + " --imds-timeout 3s").exits(3)
			r.want(without.Load() == 0, "it asked %d times without a token", without.Load())
			r.untouched()
		}},
	{name: "imds/document-changes", command: "agent",
		inject: "while the agent runs, the identity document names another instance; then SIGHUP", takes: 30 * time.Second,
		must: "status exits 0 or 1; the agent publishes",
		play: func(r *rig) {
			r.container()
			a := r.agent(how{})
			r.status(20*time.Second, []int{0}, "1 running")
			r.Metadata.Use(at("/latest/dynamic", answers(200, "text/plain",
				`{"accountId":"123456789012","instanceId":"`+peerID+`","region":"eu-central-1"}`)))
			wait(6 * time.Second)
			_ = a.Signal(syscall.SIGHUP)
			wait(4 * time.Second)
			r.status(20*time.Second, []int{0, 1})
			a.stop()
			r.publishes()
		}},
}
