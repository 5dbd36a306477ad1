//go:build linux

package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"time"

	"muster/internal/sandbox"
)

const (
	peerID    = "i-0ccccccccccccccc1"
	metadata  = "/v1/metadata"
	arnPrefix = "arn:aws:ecs:eu-central-1:123456789012:container-instance/prod/"
)

// introspectionRows covers faults of the ECS agent's introspection API. A response counts only if it is about this
// instance. Without such a response, no registration is reported.
func introspectionRows() []row {
	const short = "verify --cluster prod --timeout 6s" + hookFlag + stackFlags
	return []row{
		{name: "introspection/away", command: "verify", inject: "nothing listens", takes: 8 * time.Second,
			must: "exit 10 within the time limit, with the cause; the stack receives FAILURE, and the hook no CONTINUE", with: inGroup,
			play: func(r *rig) {
				r.introspection.Shut()
				p := r.run(short)
				p.exits(10)
				p.within(30 * time.Second)
				r.hookIs("")
				r.stackIs("FAILURE")
			}},
		{
			name:    "introspection/late",
			command: "verify",
			inject:  "nothing listens for 6 s",
			takes:   8 * time.Second,
			must:    "exit 0, signals are sent",
			with:    inGroup,
			play: func(r *rig) {
				r.introspection.Shut()
				r.in(6*time.Second, r.introspection.Open)
				r.run(verify + hookFlag + stackFlags).exits(0)
				r.signaled()
			},
		},
		{
			name:    "introspection/peer-verify",
			command: "verify",
			inject:  "the response names the container instance of another EC2 instance",
			takes:   10 * time.Second,
			must:    "the response is not accepted: the instance counts as not registered, and no success is signaled",
			with:    inGroup,
			play: func(r *rig) {
				r.introspection.Use(r.peer())
				r.run(short).exits(10)
				r.hookIs("")
				r.want(!r.stackHas("SUCCESS"), "the stack got SUCCESS")
			},
		},
		{
			name:    "introspection/peer-agent",
			command: "agent",
			inject:  "after 3 s, the response names the container instance of another EC2 instance",
			takes:   100 * time.Second,
			must:    "after the next call to ECS, status exits 1 and Registered is 0; the instance is not replaced",
			with:    inGroup,
			play: func(r *rig) {
				a := r.agent(how{env: []string{"MUSTER_UNHEALTHY_AFTER=5m", "MUSTER_WATCH_PERIOD=2s"}})
				wait(3 * time.Second)
				r.introspection.Use(r.peer())
				r.status(100*time.Second, []int{1}, "another instance")
				a.stop()
				last := -1.0
				for _, d := range r.Sandbox().Metrics() {
					if d.Name == "Registered" {
						last = d.Value
					}
				}
				r.want(last == 0, "want Registered=0 at the end, got %v", last)
				r.want(r.Sandbox().CallCount(sandbox.AutoScaling, "SetInstanceHealth") == 0, "SetInstanceHealth was called")
			},
		},
		{
			name:    "introspection/other-account",
			command: "agent",
			inject:  "the response names a container instance of another account",
			takes:   20 * time.Second,
			must:    "status exits 1; Registered is not 1",
			play: func(r *rig) {
				r.introspection.Use(
					at(
						metadata,
						answers(200, "application/json", identityOf(strings.Replace(arnPrefix, "123456789012", "999999999999", 1)+"0bb2")),
					),
				)
				a := r.agent(how{})
				r.status(40*time.Second, []int{1}, "999999999999")
				a.stop()
				r.unregistered()
			},
		},
		{
			name:    "introspection/other-region",
			command: "verify",
			inject:  "the response names a container instance of another region",
			takes:   10 * time.Second,
			must:    "the response is not accepted: the instance counts as not registered, and no success is signaled",
			with:    inGroup,
			play: func(r *rig) {
				r.introspection.Use(
					at(
						metadata,
						answers(200, "application/json", identityOf(strings.Replace(arnPrefix, "eu-central-1", "us-east-1", 1)+"0bb2")),
					),
				)
				r.run(short).exits(10)
				r.hookIs("")
				r.want(!r.stackHas("SUCCESS"), "the stack got SUCCESS")
			},
		},
		{name: "introspection/redirect", command: "agent", inject: "every request is redirected to another server", takes: 10 * time.Second,
			must: "the redirect is not followed",
			play: func(r *rig) {
				t := r.trap()
				r.introspection.Use(redirect)
				a := r.agent(how{})
				wait(5 * time.Second)
				a.stop()
				r.want(t.hits.Load() == 0, "the redirect was followed")
				r.unregistered()
			}},
		{name: "introspection/garbage", command: "verify", inject: "a web server returns 200 with HTML", takes: 8 * time.Second,
			must: "exit 10 within the time limit; no success is signaled", with: inGroup,
			play: func(r *rig) {
				r.introspection.Use(answers(200, html, portal))
				r.run(short).exits(10)
				r.hookIs("")
				r.want(!r.stackHas("SUCCESS"), "the stack got SUCCESS")
			}},
		{
			name:    "introspection/slow",
			command: "verify",
			inject:  "each response takes 1.5 s",
			takes:   8 * time.Second,
			must:    "exit 0, signals are sent",
			with:    inGroup,
			play: func(r *rig) {
				r.introspection.Use(delays(1500 * time.Millisecond))
				r.run(verify + hookFlag + stackFlags).exits(0)
				r.signaled()
			},
		},
		{
			name:    "introspection/500",
			command: "verify",
			inject:  "HTTP 500 four times",
			takes:   8 * time.Second,
			must:    "exit 0, signals are sent",
			with:    inGroup,
			play: func(r *rig) {
				r.introspection.Use(first(4, answers(500, "text/plain", "")))
				r.run(verify + hookFlag + stackFlags).exits(0)
				r.signaled()
			},
		},
		{name: "introspection/hangs", command: "verify", inject: "connections are accepted, but there is no response", takes: 10 * time.Second,
			must: "exit 10 within the time limit", with: inGroup,
			play: func(r *rig) {
				r.introspection.Use(hangs)
				p := r.run(short)
				p.exits(10)
				p.within(30 * time.Second)
				r.hookIs("")
			}},
		{name: "introspection/endless", command: "verify", inject: "the response is endless, with one byte every 0.3 s", takes: 10 * time.Second,
			must: "exit 10 within the time limit", with: inGroup,
			play: func(r *rig) {
				r.introspection.Use(dribbles)
				p := r.run(short)
				p.exits(10)
				p.within(30 * time.Second)
			}},
		{
			name:    "introspection/dies",
			command: "agent",
			inject:  "the ECS agent stops 2 s after the start, and starts again after 8 s",
			takes:   30 * time.Second,
			must:    "the agent keeps running, and reports the registration again",
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
			},
		},
		{
			name:    "introspection/huge",
			command: "verify",
			inject:  "the response has 256 MB",
			takes:   12 * time.Second,
			must:    "exit 10 within the time limit and 128 MB; no success is signaled",
			with:    inGroup,
			play: func(r *rig) {
				r.introspection.Use(at(metadata, func(http.Handler) http.Handler {
					return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
						_, _ = io.WriteString(w, `{"Cluster":"prod","Version":"`)
						for range 256 {
							if _, err := io.WriteString(w, strings.Repeat("a", 1<<20)); err != nil {
								return
							}
						}
					})
				}))
				p := r.start("verify --cluster prod --timeout 6s"+hookFlag+stackFlags, how{})
				wait(4 * time.Second)
				p.fits()
				p.wait(commandLimit)
				p.exits(10)
				r.want(!r.stackHas("SUCCESS"), "the stack got SUCCESS")
			},
		},
		{
			name:    "introspection/injected",
			command: "verify",
			inject:  "the ARN and the version contain newlines and escape sequences",
			takes:   12 * time.Second,
			must:    "exit 10; each line of output stays one line, and no escape sequence is printed",
			with:    inGroup,
			play: func(r *rig) {
				r.introspection.Use(at(metadata, answers(
					200,
					"application/json",
					`{"Cluster":"prod","ContainerInstanceArn":"`+arnPrefix+`0b\nmuster: registered\u001b[2J\u202e","Version":"Amazon ECS Agent - v1\n\u001b]0;x\u0007"}`,
				)))
				p := r.run("verify --cluster prod --timeout 6s" + hookFlag + stackFlags)
				p.exits(10)
				out := p.stdout.String() + p.stderr.String()
				r.want(!strings.ContainsAny(out, "\x1b\u202e\x07"), "control characters: %q", out)
				r.want(!strings.Contains(out, "\nmuster: registered"), "a line was made up: %q", out)
			},
		},
		{
			name:    "introspection/flap",
			command: "verify",
			inject:  "the ECS agent resets every second connection",
			takes:   10 * time.Second,
			must:    "exit 0, signals are sent",
			with:    inGroup,
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
			},
		},
		{
			name:    "introspection/port-taken",
			command: "verify",
			inject:  "a local user listens on port 51678 and returns an ARN of this account and cluster that ECS does not know",
			takes:   12 * time.Second,
			must:    "it exits with an error; no success is signaled",
			with:    inGroup,
			play: func(r *rig) {
				r.introspection.Use(
					at(metadata, answers(200, "application/json", identityOf(arnPrefix+"00000000000000000000000000000bad"))),
				)
				p := r.run("verify --cluster prod --timeout 8s" + hookFlag + stackFlags)
				r.want(p.Code() != 0, "exit 0 for an ARN that ECS does not have")
				r.want(!r.stackHas("SUCCESS"), "the stack got SUCCESS")
			},
		},
		{
			name:    "introspection/other-cluster",
			command: "verify",
			inject:  "the ECS agent is registered, but reports the cluster default",
			takes:   12 * time.Second,
			must:    "it exits with an error; no success is signaled",
			with:    inGroup,
			play: func(r *rig) {
				r.introspection.Use(at(metadata, func(behind http.Handler) http.Handler {
					return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
						rec := httptest.NewRecorder()
						behind.ServeHTTP(rec, q)
						w.Header().Set("Content-Type", "application/json")
						_, _ = io.WriteString(w, strings.ReplaceAll(rec.Body.String(), `"prod"`, `"default"`))
					})
				}))
				p := r.run("verify --cluster prod --timeout 8s" + hookFlag + stackFlags)
				r.want(p.Code() != 0, "exit 0")
				r.want(!r.stackHas("SUCCESS"), "the stack got SUCCESS")
				r.want(r.Sandbox().Hook(hook).Result != "CONTINUE", "the hook got CONTINUE")
			},
		},
	}
}

func identityOf(arn string) string {
	return `{"Cluster":"prod","ContainerInstanceArn":"` + arn + `","Version":"Amazon ECS Agent - v1.105.1 (8dfceca6)"}`
}

// peer makes the introspection API return the container instance of an existing peer.
func (r *rig) peer() func(http.Handler) http.Handler {
	arn := r.Sandbox().
		AddContainerInstance("prod", sandbox.ContainerInstance{EC2InstanceID: peerID, Status: "ACTIVE", AgentConnected: true})
	return at(metadata, answers(200, "application/json", identityOf(arn)))
}

// unregistered records an error if CloudWatch received Registered = 1.
func (r *rig) unregistered() {
	for _, d := range r.Sandbox().Metrics() {
		r.want(d.Name != "Registered" || d.Value == 0, "Registered=%v was published", d.Value)
	}
}

func (r *rig) stackHas(status string) bool {
	for _, s := range r.Sandbox().Signals(stack) {
		if s.Status == status {
			return true
		}
	}
	return false
}
