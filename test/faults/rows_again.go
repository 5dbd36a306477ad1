//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"muster/internal/sandbox"
	"muster/test/field/fieldcase"
)

// againRows are the faults of the second attempt by a newcomer to the code.
func againRows() []row {
	return []row{
		{name: "more/region-host", command: "bootstrap", inject: "an identity document whose region is a host and a path", takes: 8 * time.Second,
			must: "no request leaves for that host; exit 3, nothing is written", with: fresh,
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
		{name: "more/tag-line", command: "bootstrap", inject: "the group's tag that names the cluster holds a line end and a setting", takes: 10 * time.Second,
			must: "no line is added to ecs.config; it is no success",
			with: both(tagged, func(c *fieldcase.Case) {
				c.Instance.Group.Tags["muster:cluster"] = "prod\nECS_ENABLE_TASK_IAM_ROLE=false"
			}),
			play: func(r *rig) {
				p := r.run("bootstrap")
				r.want(p.Code() != 0, "exit 0")
				r.want(!strings.Contains(r.read(ecsConfig), "TASK_IAM_ROLE"), "a setting was added: %q", r.read(ecsConfig))
			}},
		{name: "more/config-no-end", command: "bootstrap", inject: "ecs.config has CRLF line ends, none after the last line, and no cluster yet", takes: 3 * time.Second,
			must: "it joins, and keeps every other setting on a line of its own",
			with: both(notStarted, func(c *fieldcase.Case) {
				c.Files = append(c.Files, fieldcase.File{Name: ecsConfig, Data: []byte("ECS_LOGLEVEL=debug\r\nECS_RESERVED_MEMORY=64"), Mode: 0o644})
			}),
			play: func(r *rig) {
				r.run(bootstrap).exits(0)
				text := strings.ReplaceAll(r.read(ecsConfig), "\r\n", "\n")
				for _, line := range []string{"ECS_LOGLEVEL=debug\n", "ECS_CLUSTER=prod\n", "ECS_RESERVED_MEMORY=64\n"} {
					r.want(strings.Count("\n"+text, "\n"+line) == 1, "want %q once: %q", line, text)
				}
			}},
		{name: "more/config-huge", command: "bootstrap", inject: "ecs.config of 300 MB of zeros", takes: 10 * time.Second,
			must: "it ends in time within 128 MB: exit 1 names the file, or it joins", with: notStarted,
			play: func(r *rig) {
				r.broken(os.Truncate(r.path(ecsConfig), 300<<20))
				p := r.start(bootstrap, how{})
				for p.running() && time.Since(p.began) < 20*time.Second {
					if p.peak() > memoryMax {
						p.fits()
						break
					}
					wait(tick / 10)
				}
				p.wait(20 * time.Second)
				p.exits(0, 1)
				if p.Code() == 1 {
					p.says(0, "ecs.config")
				} else {
					r.joins()
				}
				r.broken(r.Write(ecsConfig, []byte("ECS_CLUSTER=prod\n")))
			}},
		{name: "more/docker-duplicates", command: "agent", inject: "Docker lists the same container ten times", takes: 15 * time.Second, must: "it counts as one",
			play: func(r *rig) {
				r.container()
				r.Docker.Use(at("/containers/json", func(behind http.Handler) http.Handler {
					return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
						rec := &capture{header: http.Header{}}
						behind.ServeHTTP(rec, q)
						one := strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(rec.body.String()), "["), "]")
						w.Header().Set("Content-Type", "application/json")
						if one == "" {
							_, _ = io.WriteString(w, "[]")
							return
						}
						_, _ = io.WriteString(w, "["+strings.Repeat(one+",", 9)+one+"]")
					})
				}))
				a := r.agent(how{})
				r.status(30*time.Second, []int{0}, "1 running")
				a.stop()
			}},
		{name: "more/docker-dribbles", command: "agent", inject: "every answer of Docker is an endless trickle, a byte every 0.3 s, for 15 s", takes: 60 * time.Second,
			must: "the watchdog is served, status exits 1; then it counts",
			play: func(r *rig) {
				r.container()
				r.Docker.Use(dribbles)
				before := r.systemd.count("WATCHDOG=1")
				a := r.agent(how{env: []string{"WATCHDOG_USEC=4000000"}})
				r.status(30*time.Second, []int{1}, "Docker")
				wait(8 * time.Second)
				r.want(r.systemd.count("WATCHDOG=1") > before+2, "the watchdog is not served")
				r.Docker.Use(nil)
				r.status(60*time.Second, []int{0}, "1 running")
				a.stop()
			}},
		{name: "more/cloudwatch-signature", command: "agent", inject: "PutMetricData: 403 SignatureDoesNotMatch twice", takes: 40 * time.Second, must: "all queued minutes arrive, once",
			play: func(r *rig) {
				r.Sandbox().Inject(sandbox.Fault{Service: sandbox.CloudWatch, Action: "PutMetricData", Status: 403, Code: "SignatureDoesNotMatch", Times: 2})
				r.queue(3)
				a := r.agent(sending("MUSTER_WATCH_PERIOD=2s"))
				r.settled(a, 60*time.Second)
				r.want(r.arrived() == queuedAll, "want all %d queued data, got %d", queuedAll, r.arrived())
				a.stop()
			}},
		{name: "more/hook-gone", command: "verify", inject: "the launch hook has timed out: No active Lifecycle Action found", takes: 30 * time.Second,
			must: "it does not retry what AWS decided: it ends within 30 s and says so; the stack gets its signal", with: inGroup,
			play: func(r *rig) {
				r.Sandbox().Inject(sandbox.Fault{Service: sandbox.AutoScaling, Action: "CompleteLifecycleAction", Status: 400, Code: "ValidationError",
					Message: "No active Lifecycle Action found with instance ID " + instanceID})
				p := r.run(verify + hookFlag + stackFlags)
				p.within(30 * time.Second)
				p.says(0, "no longer waiting")
				r.stackIs("SUCCESS")
			}},
		{name: "more/stack-complete", command: "verify", inject: "the stack is complete: it cannot be signaled any more", takes: 30 * time.Second,
			must: "it does not retry what AWS decided: it ends within 30 s; the hook gets CONTINUE", with: inGroup,
			play: func(r *rig) {
				r.Sandbox().Inject(sandbox.Fault{Service: sandbox.CloudFormation, Status: 400, Code: "ValidationError",
					Message: "Stack arn:aws:cloudformation:eu-central-1:123456789012:stack/fleet/x is in UPDATE_COMPLETE state and can not be signaled"})
				p := r.run(verify + hookFlag + stackFlags)
				p.within(30 * time.Second)
				r.hookIs("CONTINUE")
			}},
		{name: "more/other-cluster", command: "verify", inject: "the ECS agent is registered, but says that its cluster is default", takes: 12 * time.Second,
			must: "exit is not 0, no success is signaled", with: inGroup,
			play: func(r *rig) {
				r.introspection.Use(at(metadata, func(behind http.Handler) http.Handler {
					return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
						rec := &capture{header: http.Header{}}
						behind.ServeHTTP(rec, q)
						w.Header().Set("Content-Type", "application/json")
						_, _ = io.WriteString(w, strings.ReplaceAll(rec.body.String(), `"prod"`, `"default"`))
					})
				}))
				p := r.run("verify --cluster prod --timeout 8s" + hookFlag + stackFlags)
				r.want(p.Code() != 0, "exit 0")
				r.want(!r.stackHas("SUCCESS"), "the stack got SUCCESS")
				r.want(r.Sandbox().Hook(hook).Result != "CONTINUE", "the hook got CONTINUE")
			}},
		{name: "more/stopped-agent", command: "agent", inject: "an agent is stopped (SIGSTOP) while minutes wait, a second one starts, the first is killed", takes: 60 * time.Second,
			must: "all queued minutes arrive, once, from the second",
			play: func(r *rig) {
				r.queue(3)
				a := r.agent(how{})
				_ = a.Signal(syscall.SIGSTOP)
				b := r.agent(sending("MUSTER_AGENT_STATE=/run/muster-agent/second.json", "MUSTER_WATCH_PERIOD=2s"))
				b.says(10*time.Second, "is locked by")
				a.kill()
				r.settled(b, 90*time.Second)
				r.want(r.arrived() == queuedAll, "want all %d queued data, got %d", queuedAll, r.arrived())
				b.stop()
			}},
		{name: "more/term-agent-early", command: "agent", inject: "SIGTERM 0, 10, 30, 100 and 300 ms after its start, while minutes wait", takes: 30 * time.Second,
			must: "it ends within 15 s; the next agent sends all queued minutes, once",
			play: func(r *rig) {
				r.queue(3)
				for _, ms := range []time.Duration{0, 10, 30, 100, 300} {
					a := r.agentEarly(sending())
					wait(ms * time.Millisecond)
					_ = a.Signal(syscall.SIGTERM)
					a.wait(endLimit)
				}
				a := r.agent(sending("MUSTER_WATCH_PERIOD=2s"))
				r.settled(a, 60*time.Second)
				r.want(r.arrived() == queuedAll, "want all %d queued data, got %d", queuedAll, r.arrived())
				a.stop()
			}},
		{name: "more/dead-proxy", command: "bootstrap", inject: "HTTP_PROXY and HTTPS_PROXY name a proxy that is not there, without NO_PROXY", takes: 45 * time.Second,
			must: "metadata and Docker are asked directly; could not check is no no: it joins within 45 s, exit 0", with: fresh,
			play: func(r *rig) {
				p := r.runHow(bootstrap, how{env: []string{"HTTP_PROXY=http://127.0.0.1:9", "HTTPS_PROXY=http://127.0.0.1:9", "http_proxy=http://127.0.0.1:9", "NO_PROXY=", "no_proxy="}})
				p.exits(0)
				p.within(45 * time.Second)
				r.joins()
			}},
		{name: "more/umask", command: "bootstrap", inject: "a umask of 0 in bootstrap, verify and the agent", takes: 20 * time.Second,
			must: "no file that they write may be written by others", with: both(fresh, inGroup),
			play: func(r *rig) {
				syscall.Umask(0)
				r.run(bootstrap).exits(0)
				r.run("verify --cluster prod --timeout 3s" + hookFlag)
				r.queue(1)
				a := r.agent(how{})
				r.run("debug --bundle /" + bundleFile)
				a.stop()
				syscall.Umask(0o022)
				for _, dir := range []string{"etc/ecs", "var/lib/muster", spoolDir, "run/muster-agent", bundleFile} {
					_ = filepath.Walk(r.path(dir), func(path string, info os.FileInfo, err error) error {
						if err == nil && info.Mode().Perm()&0o022 != 0 && info.Mode()&os.ModeSymlink == 0 {
							r.wrong("%s has mode %o", strings.TrimPrefix(path, r.Dir()), info.Mode().Perm())
						}
						return nil
					})
				}
			}},
		{name: "more/back-verify", command: "verify", inject: "the clock jumps one hour back while it waits for an agent that never registers", takes: 20 * time.Second,
			must: "the timeout is not extended: exit 10 within 25 s; the stack gets FAILURE", with: inGroup,
			play: func(r *rig) {
				r.introspection.Shut()
				p := r.start("verify --cluster prod --timeout 8s"+hookFlag+stackFlags, wrong(0))
				wait(2 * time.Second)
				p.SetClock(-time.Hour)
				p.wait(commandLimit)
				p.exits(10)
				p.within(25 * time.Second)
				r.stackIs("FAILURE")
			}},
		{name: "more/credentials-odd", command: "agent", inject: "the role's credentials expire at no time that can be read", takes: 40 * time.Second,
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
		{name: "more/credentials-1970", command: "agent", inject: "the role's credentials expired in 1970, and CloudWatch refuses them", takes: 60 * time.Second,
			must: "status shows that sending fails; then all queued minutes arrive, once",
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
		{name: "more/dns-silent", command: "bootstrap", inject: "the name server answers no question about ECS", takes: 45 * time.Second,
			must: "could not check is no no: it joins within 45 s, exit 0",
			with: both(fresh, func(c *fieldcase.Case) { c.DNS = map[string]string{"ecs.": "silence"} }),
			play: func(r *rig) {
				p := r.run(bootstrap)
				p.exits(0)
				p.within(45 * time.Second)
				r.joins()
			}},
		{name: "more/log-huge", command: "debug", inject: "the ECS agent's log is a sparse file of 200 GB, and a line without an end", takes: 30 * time.Second,
			must: "the bundle is written within 60 s and within 128 MB",
			play: func(r *rig) {
				log := "var/log/ecs/ecs-agent.log"
				r.broken(r.Write(log, []byte(strings.Repeat("x", 4<<20))))
				r.broken(os.Truncate(r.path(log), 200<<30))
				p := r.start("debug --bundle /"+bundleFile, how{})
				var most int64
				for p.running() && time.Since(p.began) < 60*time.Second {
					most = max(most, p.peak())
					wait(tick)
				}
				p.wait(time.Second)
				p.exits(0, 1, 3)
				r.want(most < memoryMax, "it took %d MB", most>>20)
				r.wholeBundle()
			}},
	}
}

// expiring answers with credentials of a role that expire then.
func expiring(at string) func(http.Handler) http.Handler {
	return answers(200, "application/json", fmt.Sprintf(
		`{"Code":"Success","Type":"AWS-HMAC","AccessKeyId":"ASIAODD","SecretAccessKey":"odd","Token":"odd","Expiration":%q}`, at))
}

// capture is an answer that is kept.
type capture struct {
	header http.Header
	body   strings.Builder
}

func (c *capture) Header() http.Header         { return c.header }
func (c *capture) WriteHeader(int)             {}
func (c *capture) Write(p []byte) (int, error) { return c.body.Write(p) }
