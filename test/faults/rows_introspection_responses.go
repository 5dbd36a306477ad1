//go:build linux

package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"time"

	"muster/internal/sandbox"
)

// introspectionResponseRows covers responses of the introspection API. A response counts only if it is about this
// instance. Without such a response, no registration is reported.
var introspectionResponseRows = []row{
	{name: "introspection/peer-verify", command: "verify", takes: 10 * time.Second, with: inGroup,
		inject: "the response names the container instance of another EC2 instance",
		must:   "the response is not accepted: the instance counts as not registered, and no success is signaled",
		play: func(r *rig) {
			r.introspection.Use(r.peer())
			r.run(verifyShort).exits(10)
			r.hookIs("")
			r.want(!r.stackHas("SUCCESS"), "the stack got SUCCESS")
		}},
	{name: "introspection/peer-agent", command: "agent", takes: 100 * time.Second, with: inGroup,
		inject: "after 3 s, the response names the container instance of another EC2 instance",
		must:   "after the next call to ECS, status exits 1 and Registered is 0; the instance is not replaced",
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
		}},
	{name: "introspection/other-account", command: "agent", takes: 20 * time.Second,
		inject: "the response names a container instance of another account",
		must:   "status exits 1; Registered is not 1",
		play: func(r *rig) {
			r.introspection.Use(
				at(
					metadata,
					answers(200, inJSON, identityOf(strings.Replace(arnPrefix, "123456789012", "999999999999", 1)+"0bb2")),
				),
			)
			a := r.agent(how{})
			r.status(40*time.Second, []int{1}, "999999999999")
			a.stop()
			r.unregistered()
		}},
	{name: "introspection/other-region", command: "verify", takes: 10 * time.Second, with: inGroup,
		inject: "the response names a container instance of another region",
		must:   "the response is not accepted: the instance counts as not registered, and no success is signaled",
		play: func(r *rig) {
			r.introspection.Use(
				at(
					metadata,
					answers(200, inJSON, identityOf(strings.Replace(arnPrefix, "eu-central-1", "us-east-1", 1)+"0bb2")),
				),
			)
			r.run(verifyShort).exits(10)
			r.hookIs("")
			r.want(!r.stackHas("SUCCESS"), "the stack got SUCCESS")
		}},
	{name: "introspection/other-cluster", command: "verify", takes: 12 * time.Second, with: inGroup,
		inject: "the ECS agent is registered, but reports the cluster default",
		must:   "it exits with an error; no success is signaled",
		play: func(r *rig) {
			r.introspection.Use(at(metadata, func(behind http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
					rec := httptest.NewRecorder()
					behind.ServeHTTP(rec, q)
					w.Header().Set("Content-Type", inJSON)
					_, _ = io.WriteString(w, strings.ReplaceAll(rec.Body.String(), `"prod"`, `"default"`))
				})
			}))
			p := r.run("verify --cluster prod --timeout 8s" + hookFlag + stackFlags)
			r.want(p.Code() != 0, "exit 0")
			r.want(!r.stackHas("SUCCESS"), "the stack got SUCCESS")
			r.want(r.Sandbox().Hook(hook).Result != "CONTINUE", "the hook got CONTINUE")
		}},
	{name: "introspection/port-taken", command: "verify", takes: 12 * time.Second, with: inGroup,
		inject: "a local user listens on port 51678 and returns an ARN of this account and cluster that ECS does not know",
		must:   "it exits with an error; no success is signaled",
		play: func(r *rig) {
			r.introspection.Use(
				at(metadata, answers(200, inJSON, identityOf(arnPrefix+"00000000000000000000000000000bad"))),
			)
			p := r.run("verify --cluster prod --timeout 8s" + hookFlag + stackFlags)
			r.want(p.Code() != 0, "exit 0 for an ARN that ECS does not have")
			r.want(!r.stackHas("SUCCESS"), "the stack got SUCCESS")
		}},
	{name: "introspection/garbage", command: "verify", takes: 8 * time.Second, with: inGroup,
		inject: "a web server returns 200 with HTML",
		must:   "exit 10 within the time limit; no success is signaled",
		play: func(r *rig) {
			r.introspection.Use(answers(200, html, portal))
			r.run(verifyShort).exits(10)
			r.hookIs("")
			r.want(!r.stackHas("SUCCESS"), "the stack got SUCCESS")
		}},
	{name: "introspection/null", command: "verify", takes: 15 * time.Second, with: inGroup,
		inject: "five times there is no ARN yet: null, an empty string, or an empty object",
		must:   "exit 0, signals are sent",
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
	{name: "introspection/injected", command: "verify", takes: 12 * time.Second, with: inGroup,
		inject: "the ARN and the version contain newlines and escape sequences",
		must:   "exit 10; each line of output stays one line, and no escape sequence is printed",
		play: func(r *rig) {
			r.introspection.Use(at(metadata, answers(
				200,
				"application/json",
				`{"Cluster":"prod","ContainerInstanceArn":"`+arnPrefix+`0b\nmuster: registered\u001b[2J\u202e",`+
					`"Version":"Amazon ECS Agent - v1\n\u001b]0;x\u0007"}`,
			)))
			p := r.run(verifyShort)
			p.exits(10)
			out := p.stdout.String() + p.stderr.String()
			r.want(!strings.ContainsAny(out, "\x1b\u202e\x07"), "control characters: %q", out)
			r.want(!strings.Contains(out, "\nmuster: registered"), "a line was made up: %q", out)
		}},
	{name: "introspection/endless", command: "verify", takes: 10 * time.Second, with: inGroup,
		inject: "the response is endless, with one byte every 0.3 s",
		must:   "exit 10 within the time limit",
		play: func(r *rig) {
			r.introspection.Use(dribbles)
			p := r.run(verifyShort)
			p.exits(10)
			p.within(30 * time.Second)
		}},
	{name: "introspection/early-hints", command: "verify", takes: 15 * time.Second, with: inGroup,
		inject: "endless interim responses (103)",
		must:   "exit 10 within the time limit and 128 MB; no success is signaled",
		play: func(r *rig) {
			r.introspection.Use(earlyHints)
			p := r.start(verifyShort, how{})
			p.fitsFor(30 * time.Second)
			p.exits(10)
			r.want(!r.stackHas("SUCCESS"), "the stack got SUCCESS")
		}},
	{name: "introspection/huge", command: "verify", takes: 12 * time.Second, with: inGroup,
		inject: "the response has 256 MB",
		must:   "exit 10 within the time limit and 128 MB; no success is signaled",
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
			p := r.start(verifyShort, how{})
			wait(4 * time.Second)
			p.fits()
			p.wait(commandLimit)
			p.exits(10)
			r.want(!r.stackHas("SUCCESS"), "the stack got SUCCESS")
		}},
	{name: "introspection/gzip", command: "verify", takes: 20 * time.Second, with: inGroup,
		inject: "the response is a gzip bomb",
		must:   "exit 10 within the time limit and 128 MB",
		play: func(r *rig) {
			r.introspection.Use(gzipBomb)
			p := r.start(verifyShort, how{})
			p.fitsFor(40 * time.Second)
			p.exits(10)
		}},
	{name: "introspection/odd-tasks", command: "agent",
		inject: "the task list is null, an array, or has tasks without an ARN, without containers, or with a container twice",
		takes:  70 * time.Second,
		must:   "the container is counted; no crash is reported; debug exits 0, 1 or 3",
		play: func(r *rig) {
			id := r.container()
			const task = `{"Tasks":[{"Arn":"","Containers":null},{"Arn":"x","Containers":[null,{}]},{"Arn":%q,"KnownStatus":null,` +
				`"Containers":[{"DockerId":%[2]q,"Name":"web"},{"DockerId":%[2]q,"Name":"web"}]}]}`
			for _, body := range []string{`{"Tasks":null}`, `null`, `[]`, `{"Tasks":[null,{}]}`,
				fmt.Sprintf(task, "arn:aws:ecs:eu-central-1:123456789012:task/prod/web", id)} {
				r.introspection.Use(at("/v1/tasks", answers(200, inJSON, body)))
				a := r.agent(how{env: []string{"MUSTER_WATCH_PERIOD=2s"}})
				r.status(20*time.Second, []int{0, 1}, "1 running")
				r.run("debug").exits(0, 1, 3)
				a.stop()
			}
			r.want(r.crashes() == 0, "%v crashes were counted", r.crashes())
		}},
}

func identityOf(arn string) string {
	return `{"Cluster":"prod","ContainerInstanceArn":"` + arn + `","Version":"Amazon ECS Agent - v1.105.1 (8dfceca6)"}`
}

// peer makes the introspection API return the container instance of an existing peer.
func (r *rig) peer() func(http.Handler) http.Handler {
	arn := r.Sandbox().AddContainerInstance("prod", sandbox.ContainerInstance{EC2InstanceID: peerID, Status: "ACTIVE", AgentConnected: true})
	return at(metadata, answers(200, inJSON, identityOf(arn)))
}
