//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"muster/internal/sandbox"
	"muster/test/field/fieldcase"
)

const (
	bootstrap = "bootstrap --cluster prod"
	verify    = "verify --cluster prod --timeout 40s"
	late      = 8 * time.Second
)

// role is the metadata path of the role's credentials.
const role = "iam/security-credentials/muster-sandbox"

func imdsRows() []row {
	return []row{
		{name: "imds/late-bootstrap", command: "bootstrap", inject: "nothing listens for 8 s", takes: late,
			must: "it waits, then joins the cluster, exit 0", with: fresh,
			play: func(r *rig) {
				r.Metadata.Shut()
				r.in(late, r.Metadata.Open)
				r.run(bootstrap).exits(0)
				r.joins()
			}},
		{name: "imds/late-verify", command: "verify", inject: "nothing listens for 8 s", takes: late,
			must: "it waits; the stack receives SUCCESS and the launch hook CONTINUE", with: inGroup,
			play: func(r *rig) {
				r.Metadata.Shut()
				r.in(late, r.Metadata.Open)
				r.run(verify + hookFlag + stackFlags).exits(0)
				r.signaled()
			}},
		{name: "imds/late-agent", command: "agent", inject: "nothing listens for 8 s after the agent's start", takes: 3 * late,
			must: "status exits 1 and names what is missing; then it publishes",
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
		{name: "imds/never-bootstrap", command: "bootstrap", inject: "nothing listens", takes: 5 * time.Second,
			must: "exit 3 within the time limit; ecs.config is not written, and the ECS agent cannot start", with: both(fresh, booting),
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
		{name: "imds/never-agent", command: "agent", inject: "nothing listens", takes: 10 * time.Second,
			must: "it watches containers; status exits 1; nothing is published under a wrong name; it exits after SIGTERM",
			play: func(r *rig) {
				r.Metadata.Shut()
				r.container()
				a := r.agent(how{})
				r.status(10*time.Second, []int{1}, "instance metadata", "1 running")
				a.stop()
				r.want(len(r.Sandbox().Metrics()) == 0, "data were published without an identity")
			}},
		{name: "imds/503-first", command: "bootstrap", inject: "HTTP 503 five times", must: "it retries and joins the cluster, exit 0", with: fresh,
			play: func(r *rig) {
				r.Metadata.Use(first(5, answers(503, html, "")))
				r.run(bootstrap).exits(0)
				r.joins()
			}},
		{name: "imds/cut", command: "bootstrap", inject: "the connection is closed during the response, four times", must: "it retries and joins the cluster, exit 0", with: fresh,
			play: func(r *rig) {
				r.Metadata.Use(first(4, cuts(`{"instanceId": "i-01`)))
				r.run(bootstrap).exits(0)
				r.joins()
			}},
		{name: "imds/redirect", command: "bootstrap", inject: "every request is redirected to another server", takes: 5 * time.Second,
			must: "the redirect is not followed, no token is forwarded; exit 3 reports a redirect", with: fresh,
			play: func(r *rig) {
				t := r.trap()
				r.Metadata.Use(redirect)
				p := r.run(bootstrap + " --imds-timeout 3s")
				p.exits(3)
				p.says(0, "redirect")
				r.want(t.hits.Load() == 0, "the redirect was followed")
				r.untouched()
			}},
		{name: "imds/redirect-document", command: "agent", inject: "token requests succeed, but all others are redirected to another server", takes: 8 * time.Second,
			must: "the token is not forwarded; status exits 1",
			play: func(r *rig) {
				t := r.trap()
				r.Metadata.Use(at("/latest/dynamic", redirect))
				a := r.agent(how{})
				r.status(10*time.Second, []int{1}, "instance metadata")
				a.stop()
				r.want(t.hits.Load() == 0, "the redirect was followed")
			}},
		{name: "imds/slow-body", command: "bootstrap", inject: "the response is endless, with one byte every 0.3 s", takes: 10 * time.Second,
			must: "exit 3 within the time limit; nothing is written", with: fresh,
			play: func(r *rig) {
				r.Metadata.Use(dribbles)
				p := r.run(bootstrap + " --imds-timeout 4s")
				p.exits(3)
				p.within(20 * time.Second)
				r.untouched()
			}},
		{name: "imds/garbage", command: "bootstrap", inject: "a captive portal returns 200 with HTML for every request", takes: 5 * time.Second,
			must: "exit 3; nothing is written", with: fresh,
			play: func(r *rig) {
				r.Metadata.Use(answers(200, html, portal))
				r.run(bootstrap + " --imds-timeout 3s").exits(3)
				r.untouched()
			}},
		{name: "imds/v1-only", command: "bootstrap", inject: "token requests fail (405), and metadata needs no token", takes: 5 * time.Second,
			must: "it does not fall back to IMDSv1; exit 3", with: fresh,
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
		{name: "imds/no-region", command: "bootstrap", inject: "the identity document has no region", takes: 5 * time.Second,
			must: "exit 3; nothing is written", with: fresh,
			play: func(r *rig) {
				r.Metadata.Use(at("/document", answers(200, "text/plain", `{"instanceId": "`+instanceID+`"}`)))
				r.run(bootstrap + " --imds-timeout 3s").exits(3)
				r.untouched()
			}},
		{name: "imds/another-instance", command: "agent", inject: "the disk was copied from an instance on which bootstrap ran (a baked image)", takes: 8 * time.Second,
			must: "the copied record is not used: nothing is published for its cluster, and status names the record",
			play: func(r *rig) {
				r.run(bootstrap).exits(0)
				var document map[string]any
				r.broken(json.Unmarshal([]byte(r.Sandbox().IdentityDocument()), &document))
				document["instanceId"] = "i-0bbbbbbbbbbbbbbbb"
				text, _ := json.Marshal(document)
				r.Metadata.Use(at("/document", answers(200, "text/plain", string(text))))
				r.introspection.Shut()
				a := r.start("agent", how{env: []string{"NOTIFY_SOCKET=" + notifySocket}})
				r.status(15*time.Second, []int{1}, "record of bootstrap", "i-0bbbbbbbbbbbbbbbb")
				a.stop()
				r.want(r.sends("Registered")+r.sends("DockerReachable") == 0, "it published for the cluster of another instance")
			}},
		{name: "imds/token-403", command: "bootstrap", inject: "the endpoint is disabled: the token request gets 403",
			must: "exit 3 immediately, with the command that enables the endpoint", with: fresh,
			play: func(r *rig) {
				r.Metadata.Use(at("/api/token", answers(403, "text/plain", "")))
				p := r.run(bootstrap)
				p.exits(3)
				p.within(10 * time.Second)
				p.says(0, "--http-endpoint enabled")
				r.untouched()
			}},
		{name: "imds/half-open", command: "bootstrap", inject: "connections are accepted, but there is no response (hop limit)", takes: 6 * time.Second,
			must: "exit 3 within the time limit, and the message names the hop limit", with: fresh,
			play: func(r *rig) {
				r.Metadata.Use(hangs)
				p := r.run(bootstrap + " --imds-timeout 4s")
				p.exits(3)
				p.within(20 * time.Second)
				p.says(0, "hop limit")
				r.untouched()
			}},
		{name: "imds/credentials-late", command: "agent", inject: "the role has no credentials for 8 s", takes: 3 * late,
			must: "status exits 1 and names the role; then it publishes",
			play: func(r *rig) {
				r.Metadata.Use(at(role, answers(404, "text/plain", "")))
				a := r.agent(how{})
				r.status(10*time.Second, []int{1}, "role credentials")
				wait(late)
				r.Metadata.Use(nil)
				r.status(40*time.Second, []int{0})
				a.stop()
				r.publishes()
			}},
		{name: "imds/credentials-expired", command: "agent", inject: "AWS rejects expired credentials; after 3 requests there are new ones", takes: 40 * time.Second,
			must: "the minutes are kept and then sent once",
			play: func(r *rig) {
				old := time.Now().UTC().Add(-time.Minute).Format(time.RFC3339)
				text, _ := json.Marshal(map[string]string{"Code": "Success", "Type": "AWS-HMAC", "LastUpdated": old, "AccessKeyId": "ASIAEXPIRED000000000",
					"SecretAccessKey": "x", "Token": "x", "Expiration": old})
				r.Metadata.Use(at(role, first(3, answers(200, "application/json", string(text)))))
				r.Sandbox().Inject(sandbox.Fault{Service: sandbox.CloudWatch, Times: 2, Kind: sandbox.KindExpiredToken})
				r.queue(3)
				a := r.agent(sending())
				r.await(a, 60*time.Second, "the queued minutes are sent", func() bool { return r.arrived() == queuedAll })
				a.stop()
			}},
		{name: "imds/dies", command: "agent", inject: "1 s after the start, IMDS stops responding", takes: 8 * time.Second,
			must: "it publishes with its cached credentials, and logs the failure once",
			play: func(r *rig) {
				a := r.agent(how{})
				wait(time.Second)
				r.Metadata.Shut()
				wait(5 * time.Second)
				a.stop()
				r.publishes()
				r.want(strings.Count(a.stderr.String(), "169.254.169.254") < 4, "it logs the same again and again: %s", a.stderr.String())
			}},
		{name: "imds/never-verify", command: "verify", inject: "nothing listens", takes: 5 * time.Second,
			must: "exit 3; no signal is sent, because the result is unknown", with: inGroup,
			play: func(r *rig) {
				r.Metadata.Shut()
				r.run(verify + hookFlag + stackFlags + " --imds-timeout 3s --on-failure abandon").exits(3)
				r.unsignaled()
			}},
		{name: "imds/token-401", command: "bootstrap", inject: "IMDS restarts: the token is rejected with 401, three times", takes: 5 * time.Second, must: "it requests a new token and joins the cluster, exit 0", with: fresh,
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
		{name: "imds/429", command: "verify", inject: "IMDS throttles: six 429 responses", takes: 8 * time.Second, must: "exit 0, signals are sent", with: inGroup,
			play: func(r *rig) {
				r.Metadata.Use(first(6, answers(429, html, "")))
				r.run(verify + hookFlag + stackFlags).exits(0)
				r.signaled()
			}},
		{name: "imds/token-long", command: "bootstrap", inject: "the token has 64 MB and contains newlines", takes: 8 * time.Second, must: "exit 3 within the time limit and 64 MB; nothing is written", with: fresh,
			play: func(r *rig) {
				r.Metadata.Use(at("/api/token", answers(200, "text/plain", strings.Repeat("x\r\n", 64<<20/3))))
				p := r.start(bootstrap+" --imds-timeout 4s", how{})
				wait(2 * time.Second)
				if p.running() {
					p.fits()
				}
				p.wait(commandLimit)
				p.exits(3)
				p.within(20 * time.Second)
				r.untouched()
			}},
		{name: "imds/role-failed", command: "agent", inject: "for 8 s, the role's document has the Code AssumeRoleUnauthorizedAccess, with status 200", takes: 30 * time.Second, must: "status exits 1 and names the role; then it publishes",
			play: func(r *rig) {
				r.Metadata.Use(at(role, answers(200, "application/json", `{"Code":"AssumeRoleUnauthorizedAccess","Message":"EC2 cannot assume the role muster-sandbox","LastUpdated":"2026-01-01T00:00:00Z"}`)))
				a := r.agent(how{})
				r.status(15*time.Second, []int{1}, "role")
				wait(late)
				r.Metadata.Use(nil)
				r.status(60*time.Second, []int{0})
				a.stop()
				r.publishes()
			}},
		{name: "imds/region-host", command: "bootstrap", inject: "the region in the identity document is a host and a path", takes: 8 * time.Second,
			must: "no request is sent to that host; exit 3; nothing is written", with: fresh,
			play: func(r *rig) {
				t := r.trap()
				var document map[string]any
				r.broken(json.Unmarshal([]byte(r.Sandbox().IdentityDocument()), &document))
				document["region"] = trapHost + "/x?"
				text, _ := json.Marshal(document)
				r.Metadata.Use(at("/document", answers(200, "text/plain", string(text))))
				r.run(bootstrap + " --imds-timeout 4s").exits(3)
				r.untouched()
				r.want(t.hits.Load() == 0, "a request went to the host")
			}},
		{name: "imds/tag-line", command: "bootstrap", inject: "the group's tag that names the cluster contains a newline and a setting", takes: 10 * time.Second,
			must: "no line is added to ecs.config; it exits with an error",
			with: both(tagged, func(c *fieldcase.Case) {
				c.Instance.Group.Tags["muster:cluster"] = "prod\nECS_ENABLE_TASK_IAM_ROLE=false"
			}),
			play: func(r *rig) {
				p := r.run("bootstrap")
				r.want(p.Code() != 0, "exit 0")
				r.want(!strings.Contains(r.read(ecsConfig), "TASK_IAM_ROLE"), "a setting was added: %q", r.read(ecsConfig))
			}},
		{name: "imds/credentials-odd", command: "agent", inject: "the expiration of the role's credentials cannot be parsed", takes: 40 * time.Second,
			must: "status exits 1 and names the credentials; then it publishes",
			play: func(r *rig) {
				r.Metadata.Use(at(role, expiring("soon")))
				a := r.agent(how{})
				r.status(20*time.Second, []int{1}, "credentials")
				r.Metadata.Use(nil)
				r.status(60*time.Second, []int{0})
				a.stop()
				r.publishes()
			}},
		{name: "imds/credentials-1970", command: "agent", inject: "the role's credentials expired in 1970, and CloudWatch rejects them", takes: 60 * time.Second,
			must: "status shows that sending fails; then all queued minutes arrive exactly once",
			play: func(r *rig) {
				r.Metadata.Use(at(role, expiring("1970-01-01T00:00:00Z")))
				r.Sandbox().Inject(sandbox.ExpiredToken(sandbox.CloudWatch, "PutMetricData"))
				r.queue(3)
				a := r.agent(sending("MUSTER_WATCH_PERIOD=2s"))
				r.status(lead+20*time.Second, []int{0, 1}, "FAILING")
				r.Metadata.Use(nil)
				r.Sandbox().ClearFaults()
				r.settled(a, 90*time.Second)
				r.want(r.arrived() == queuedAll, "want all %d queued data, got %d", queuedAll, r.arrived())
				a.stop()
			}},
	}
}

// within records an error if the program ran longer than d.
func (p *prog) within(d time.Duration) {
	took := time.Since(p.began)
	p.r.want(took <= d, "muster %s took %s, want at most %s", p.command, took.Round(time.Second), d)
}

// publishes records an error unless CloudWatch received Registered = 1.
func (r *rig) publishes() {
	for _, d := range r.Sandbox().Metrics() {
		if d.Name == "Registered" && d.Value == 1 && d.Dimensions["ClusterName"] == "prod" {
			return
		}
	}
	r.wrong("CloudWatch got no Registered=1 for cluster prod")
}

// signaled records an error unless the launch hook and the stack each received exactly one signal.
func (r *rig) signaled() {
	r.hookIs("CONTINUE")
	r.stackIs("SUCCESS")
}

func (r *rig) hookIs(want string) {
	got := r.Sandbox().Hook(hook)
	r.want(got.Result == want, "launch hook: want %q, got %q", want, got.Result)
	done := 0
	for _, c := range r.Sandbox().Calls() {
		if c.Action == "CompleteLifecycleAction" && c.Status == 200 {
			done++
		}
	}
	r.want(done <= 1, "the launch hook was completed %d times", done)
}

func (r *rig) stackIs(want string) {
	signals := r.Sandbox().Signals(stack)
	if r.want(len(signals) > 0, "stack: want the signal %s, got none", want) {
		for _, s := range signals {
			r.want(s.Status == want, "stack: want the signal %s, got %s", want, s.Status)
		}
	}
}

func (r *rig) unsignaled() {
	r.hookIs("")
	r.want(len(r.Sandbox().Signals(stack)) == 0, "the stack got a signal")
}

// expiring returns role credentials that expire at the given time.
func expiring(at string) func(http.Handler) http.Handler {
	return answers(200, "application/json", fmt.Sprintf(
		`{"Code":"Success","Type":"AWS-HMAC","AccessKeyId":"ASIAODD","SecretAccessKey":"odd","Token":"odd","Expiration":%q}`, at))
}
