//go:build linux

package main

import (
	"net/http"
	"sync/atomic"
	"time"
)

// introspectionRows covers an introspection API of the ECS agent that cannot be reached or does not respond.
var introspectionRows = []row{
	{name: "introspection/away", command: "verify", takes: 8 * time.Second, with: inGroup,
		inject: "nothing listens",
		must:   "exit 10 within the time limit, with the cause; the stack receives FAILURE, and the hook no CONTINUE",
		play: func(r *rig) {
			r.introspection.Shut()
			p := r.run(verifyShort)
			p.exits(10)
			p.within(30 * time.Second)
			r.hookIs("")
			r.stackIs("FAILURE")
		}},
	{name: "introspection/late", command: "verify", takes: 8 * time.Second, with: inGroup,
		inject: "nothing listens for 6 s",
		must:   "exit 0, signals are sent",
		play: func(r *rig) {
			r.introspection.Shut()
			r.in(6*time.Second, r.introspection.Open)
			r.run(verify + hookFlag + stackFlags).exits(0)
			r.signaled()
		}},
	{name: "introspection/slow", command: "verify", takes: 8 * time.Second, with: inGroup,
		inject: "each response takes 1.5 s",
		must:   "exit 0, signals are sent",
		play: func(r *rig) {
			r.introspection.Use(delays(1500 * time.Millisecond))
			r.run(verify + hookFlag + stackFlags).exits(0)
			r.signaled()
		}},
	{name: "introspection/500", command: "verify", takes: 8 * time.Second, with: inGroup,
		inject: "HTTP 500 four times",
		must:   "exit 0, signals are sent",
		play: func(r *rig) {
			r.introspection.Use(first(4, answers(500, "text/plain", "")))
			r.run(verify + hookFlag + stackFlags).exits(0)
			r.signaled()
		}},
	{name: "introspection/hangs", command: "verify", takes: 10 * time.Second, with: inGroup,
		inject: "connections are accepted, but there is no response",
		must:   "exit 10 within the time limit",
		play: func(r *rig) {
			r.introspection.Use(hangs)
			p := r.run(verifyShort)
			p.exits(10)
			p.within(30 * time.Second)
			r.hookIs("")
		}},
	{name: "introspection/flap", command: "verify", takes: 10 * time.Second, with: inGroup,
		inject: "the ECS agent resets every second connection",
		must:   "exit 0, signals are sent",
		play: func(r *rig) {
			var n atomic.Int64
			r.introspection.Use(func(behind http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
					if n.Add(1)%2 == 1 {
						panic(http.ErrAbortHandler)
					}
					behind.ServeHTTP(w, q)
				})
			})
			r.run(verify + hookFlag + stackFlags).exits(0)
			r.signaled()
		}},
	{name: "introspection/dies", command: "agent", takes: 30 * time.Second,
		inject: "the ECS agent stops 2 s after the start, and starts again after 8 s",
		must:   "the agent keeps running, and reports the registration again",
		play: func(r *rig) {
			a := r.agent(how{env: []string{"MUSTER_WATCH_PERIOD=2s"}})
			wait(2 * time.Second)
			r.introspection.Shut()
			r.status(20*time.Second, []int{0, 1}, "has not responded for")
			wait(4 * time.Second)
			r.broken(r.introspection.Open())
			r.await(a, 30*time.Second, "status shows the registration alone", func() bool {
				p := r.run("status")
				return p.Code() == 0 && p.printed("registered   yes") && !p.printed("has not responded")
			})
			a.stop()
			r.publishes()
		}},
	{name: "introspection/redirect", command: "agent", takes: 10 * time.Second,
		inject: "every request is redirected to another server",
		must:   "the redirect is not followed",
		play: func(r *rig) {
			t := r.trap()
			r.introspection.Use(redirect)
			a := r.agent(how{})
			wait(5 * time.Second)
			a.stop()
			r.want(t.hits.Load() == 0, "the redirect was followed")
			r.unregistered()
		}},
}
