//go:build linux

package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"muster/internal/sandbox"
	"muster/test/faults/inject"
)

// moreRows are faults that somebody thought of who had not read the code.
func moreRows() []row {
	const abandon = " --on-failure abandon"
	return []row{
		{name: "more/imds-token-401", command: "bootstrap", inject: "IMDS restarts: the first token is refused with 401, three times", takes: 5 * time.Second, must: "it asks for another token and joins, exit 0", with: fresh,
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
		{name: "more/imds-429", command: "verify", inject: "IMDS throttles: 429 six times", takes: 8 * time.Second, must: "exit 0, signals are sent", with: inGroup,
			play: func(r *rig) {
				r.Metadata.Use(first(6, answers(429, html, "")))
				r.run(verify + hookFlag + stackFlags).exits(0)
				r.signaled()
			}},
		{name: "more/imds-token-long", command: "bootstrap", inject: "a token of 64 MB with line ends", takes: 8 * time.Second, must: "exit 3 in time, within 64 MB, nothing is written", with: fresh,
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
		{name: "more/imds-role-failed", command: "agent", inject: "200 for the role, and in it Code: AssumeRoleUnauthorizedAccess, for 8 s", takes: 30 * time.Second, must: "status exits 1 and names the role; then it publishes",
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
		{name: "more/docker-null-list", command: "agent", inject: "the list of containers is null, {}, or a string, in turn", takes: 20 * time.Second, must: "unknown is not zero: no RunningContainers while it lasts, status exits 1; then it counts",
			play: func(r *rig) {
				r.container()
				var n atomic.Int64
				r.Docker.Use(at("/containers/json", func(http.Handler) http.Handler {
					return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
						w.Header().Set("Content-Type", "application/json")
						_, _ = io.WriteString(w, []string{"{}", `"x"`, "17", "[1]", `[{"Id":7}]`}[n.Add(1)%5])
					})
				}))
				a := r.agent(how{})
				r.status(30*time.Second, []int{1}, "Docker")
				a.stop()
				r.want(r.sends("RunningContainers") == 0, "RunningContainers was published")
				r.Docker.Use(nil)
				a = r.agent(how{})
				r.status(30*time.Second, []int{0}, "1 running")
				a.stop()
			}},
		{name: "more/docker-eof-events", command: "agent", inject: "the event stream ends at once, again and again", takes: 30 * time.Second, must: "no busy loop: at most 40 requests in 12 s; status exits 1 and names the stream, or a crash is counted from the lists",
			play: func(r *rig) {
				id := r.container()
				var asked atomic.Int64
				r.Docker.Use(at("/events", func(http.Handler) http.Handler {
					return http.HandlerFunc(func(_ http.ResponseWriter, _ *http.Request) { asked.Add(1) })
				}))
				a := r.agent(how{})
				wait(12 * time.Second)
				r.want(asked.Load() <= 40, "%d requests in 12 s", asked.Load())
				r.Engine().Die(id, 3)
				a.says(60*time.Second, "code 3")
				a.stop()
			}},
		{name: "more/docker-odd-events", command: "agent", inject: "events of no container, with impossible exit codes, times and types", takes: 15 * time.Second, must: "the agent runs on; no crash is made up; later events count",
			play: func(r *rig) {
				id := r.container()
				odd := []string{
					`{"Type":"container","Action":"die","Actor":{"ID":"../../../etc","Attributes":{"exitCode":"-1"}},"time":-9223372036854775808}`,
					`{"Type":"container","Action":"die","Actor":{"ID":"","Attributes":null},"timeNano":9223372036854775807}`,
					`{"Type":"container","Action":"start","Actor":null}`, `{"Type":null}`, `{}`, `null`, `[]`, "\ufeff{}",
					`{"Type":"container","Action":"health_status: \u001b[31m\n\u202e","Actor":{"ID":"` + id + `"}}`,
				}
				var n atomic.Int64
				r.Docker.Use(at("/events", func(behind http.Handler) http.Handler {
					return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
						if i := n.Add(1); int(i) <= len(odd) {
							w.Header().Set("Content-Type", "application/json")
							_, _ = io.WriteString(w, odd[i-1]+"\n")
							return
						}
						behind.ServeHTTP(w, q)
					})
				}))
				a := r.agent(how{})
				wait(12 * time.Second)
				r.status(10*time.Second, []int{0, 1}, "1 running")
				r.want(r.crashes() == 0 && !a.printed("exited unexpectedly with code 9223") && !a.printed(`container=""`), "a crash was made up: %s", a.stderr.String())
				r.want(!strings.ContainsAny(a.stderr.String(), "\x1b\u202e"), "control characters are in the journal")
				a.stop()
			}},
		{name: "more/docker-fifo", command: "agent", inject: "a FIFO in place of Docker's socket, then a link to nowhere", takes: 20 * time.Second, must: "status exits 1; the watchdog is served; then it counts",
			play: func(r *rig) {
				r.container()
				r.Docker.Shut()
				r.broken(syscall.Mkfifo(r.path("var/run/docker.sock"), 0o666))
				before := r.systemd.count("WATCHDOG=1")
				a := r.agent(how{env: []string{"WATCHDOG_USEC=4000000"}})
				r.status(10*time.Second, []int{1}, "Docker")
				wait(6 * time.Second)
				r.want(r.systemd.count("WATCHDOG=1") > before+2, "the watchdog is not served")
				r.broken(os.Remove(r.path("var/run/docker.sock")))
				r.broken(os.Symlink("/nowhere/x.sock", r.path("var/run/docker.sock")))
				r.status(10*time.Second, []int{1}, "Docker")
				r.broken(os.Remove(r.path("var/run/docker.sock")))
				r.broken(r.Docker.Open())
				r.status(60*time.Second, []int{0}, "1 running")
				a.stop()
			}},
		{name: "more/introspection-huge", command: "verify", inject: "an answer of 256 MB", takes: 12 * time.Second, must: "exit 10 in time within 128 MB, no success is signaled", with: inGroup,
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
			}},
		{name: "more/introspection-injected", command: "verify", inject: "an ARN and a version with line ends and escapes", takes: 12 * time.Second, must: "exit 10; one line of output stays one line, and nothing is obeyed", with: inGroup,
			play: func(r *rig) {
				r.introspection.Use(at(metadata, answers(200, "application/json",
					`{"Cluster":"prod","ContainerInstanceArn":"`+arnPrefix+`0b\nmuster: registered\u001b[2J\u202e","Version":"Amazon ECS Agent - v1\n\u001b]0;x\u0007"}`)))
				p := r.run("verify --cluster prod --timeout 6s" + hookFlag + stackFlags)
				p.exits(10)
				out := p.stdout.String() + p.stderr.String()
				r.want(!strings.ContainsAny(out, "\x1b\u202e\x07"), "control characters: %q", out)
				r.want(!strings.Contains(out, "\nmuster: registered"), "a line was made up: %q", out)
			}},
		{name: "more/introspection-flap", command: "verify", inject: "every second answer of the ECS agent is a reset connection", takes: 10 * time.Second, must: "exit 0, signals are sent", with: inGroup,
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
		{name: "more/ecs-empty", command: "verify", inject: "ECS answers DescribeContainerInstances with neither instance nor failure, three times", takes: 100 * time.Second, must: "unknown is no success at once and no failure: exit 0 in the end, signals are sent", with: inGroup,
			play: func(r *rig) {
				r.Sandbox().Inject(sandbox.Fault{Service: sandbox.ECS, Action: "DescribeContainerInstances", Body: "{}", Times: 3})
				p := r.start("verify --cluster prod --timeout 3m"+hookFlag+stackFlags, how{})
				p.wait(150 * time.Second)
				p.exits(0)
				r.signaled()
			}},
		{name: "more/ecs-missing", command: "verify", inject: "ECS does not know the new instance yet: MISSING three times", takes: 100 * time.Second, must: "exit 0 in the end, signals are sent: ECS is eventually consistent", with: inGroup,
			play: func(r *rig) {
				r.Sandbox().Inject(sandbox.Fault{Service: sandbox.ECS, Action: "DescribeContainerInstances", Times: 3,
					Body: `{"containerInstances":[],"failures":[{"arn":"` + arnPrefix + `0bb2","reason":"MISSING"}]}`})
				p := r.start("verify --cluster prod --timeout 3m"+hookFlag+stackFlags, how{})
				p.wait(150 * time.Second)
				p.exits(0)
				r.signaled()
			}},
		{name: "more/heartbeat-500", command: "verify", inject: "every heartbeat is answered with 500; the ECS agent registers after 6 s", takes: 12 * time.Second, must: "exit 0, signals are sent", with: inGroup,
			play: func(r *rig) {
				r.Sandbox().Inject(sandbox.Fault{Service: sandbox.AutoScaling, Action: "RecordLifecycleActionHeartbeat", Kind: sandbox.KindServer})
				r.introspection.Shut()
				r.in(6*time.Second, r.introspection.Open)
				r.run(verify + hookFlag + stackFlags).exits(0)
				r.signaled()
			}},
		{name: "more/poison-minute", command: "agent", inject: "CloudWatch refuses the first request for good: 400 InvalidParameterValue", takes: 40 * time.Second, must: "the others arrive; what was refused is counted as dropped, once",
			play: func(r *rig) {
				r.Sandbox().Inject(sandbox.Fault{Service: sandbox.CloudWatch, Action: "PutMetricData", Status: 400, Code: "InvalidParameterValue", Message: "The value NaN is invalid", Times: 1})
				r.queue(3)
				a := r.agent(sending("MUSTER_WATCH_PERIOD=2s"))
				r.settled(a, 60*time.Second)
				r.want(r.arrived() >= queued, "want at least %d data, got %d", queued, r.arrived())
				a.stop()
			}},
		{name: "more/cloudwatch-keys-invalid", command: "agent", inject: "400 UnrecognizedClientException twice (a role that was just made)", takes: 40 * time.Second, must: "all queued minutes arrive, once",
			play: func(r *rig) {
				r.Sandbox().Inject(sandbox.Fault{Service: sandbox.CloudWatch, Action: "PutMetricData", Status: 403, Code: "InvalidClientTokenId", Message: "The security token included in the request is invalid.", Times: 2})
				r.queue(3)
				a := r.agent(sending("MUSTER_WATCH_PERIOD=2s"))
				r.settled(a, 90*time.Second)
				r.want(r.arrived() == queuedAll, "want all %d queued data, got %d", queuedAll, r.arrived())
				a.stop()
			}},
		{name: "more/hook-done-stack-hangs", command: "verify", inject: "SIGTERM while the stack's signal hangs and the hook is done; then once more", takes: 30 * time.Second, must: "130; the next run delivers to the stack and does not complete the hook twice", with: inGroup,
			play: func(r *rig) {
				r.Sandbox().Inject(sandbox.Fault{Service: sandbox.CloudFormation, Hang: true})
				p := r.start(verify+hookFlag+stackFlags, how{})
				r.await(p, 20*time.Second, "the hook is completed", func() bool { return r.Sandbox().Hook(hook).Result != "" })
				wait(time.Second)
				_ = p.Signal(syscall.SIGTERM)
				p.wait(20 * time.Second)
				p.exits(130, 11)
				r.Sandbox().ClearFaults()
				r.run(verify + hookFlag + stackFlags).exits(0)
				r.signaled()
			}},
		{name: "more/stopped-bootstrap", command: "bootstrap", inject: "another bootstrap was stopped (SIGSTOP) while it holds the lock", takes: 150 * time.Second, must: "it does not hold the boot for longer than its unit's 5 min allow: it ends with an error that names the other, and writes nothing by halves", with: fresh,
			play: func(r *rig) {
				var held atomic.Bool
				first := r.start(bootstrap, how{spec: inject.Spec{Calls: []string{"rename"}}, decide: func(c inject.Call) inject.Verdict {
					if strings.Contains(c.Path, "ecs.config") && held.CompareAndSwap(false, true) {
						wait(150 * time.Second)
					}
					return inject.Go
				}})
				r.await(first, 20*time.Second, "the first is at its rename", held.Load)
				p := r.start(bootstrap, how{})
				p.wait(140 * time.Second)
				r.want(p.Code() != 0, "exit 0, beside another bootstrap that is half done")
				p.says(0, "lock")
			}},
		{name: "more/files-verify", command: "verify", inject: "9 file descriptors, then enough", takes: 30 * time.Second, must: "its own limit is no failure of the instance: neither FAILURE nor ABANDON; the next run signals", with: inGroup,
			play: func(r *rig) {
				r.expectCrash = true // the runtime of Go needs some to start
				for _, n := range []uint64{5, 7, 9, 11} {
					p := r.runHow("verify --cluster prod --timeout 4s"+hookFlag+stackFlags+abandon, limited(unix.RLIMIT_NOFILE, n))
					if p.Code() == 0 {
						continue
					}
					r.want(!r.stackHas("FAILURE"), "%d descriptors: the stack got FAILURE", n)
					r.want(r.Sandbox().Hook(hook).Result != "ABANDON", "%d descriptors: the hook got ABANDON", n)
				}
				r.run(verify + hookFlag + stackFlags).exits(0)
				r.signaled()
			}},
		{name: "more/file-size-verify", command: "verify", inject: "no file may grow (RLIMIT_FSIZE 0)", takes: 10 * time.Second, must: "the signals are delivered all the same", with: inGroup,
			play: func(r *rig) {
				r.runHow(verify+hookFlag+stackFlags, limited(unix.RLIMIT_FSIZE, 0))
				r.signaled()
			}},
		{name: "more/file-size-agent", command: "agent", inject: "no file may grow (RLIMIT_FSIZE 0)", takes: 10 * time.Second, must: "metrics are published from memory",
			play: func(r *rig) {
				a := r.agent(limited(unix.RLIMIT_FSIZE, 0))
				wait(2 * time.Second)
				a.stop()
				r.publishes()
			}},
		{name: "more/full-stdout", command: "status", inject: "standard output is /dev/full", takes: 10 * time.Second, must: "status, debug and the bundle on standard output are no success",
			play: func(r *rig) {
				a := r.agent(how{})
				for _, command := range []string{"status", "debug --bundle -", "status --output json", "debug --output json"} {
					f, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
					r.broken(err)
					p := r.start(command, how{stdout: f})
					p.wait(40 * time.Second)
					r.want(p.Code() != 0, "muster %s: exit 0, although nothing could be written", command)
				}
				a.stop()
			}},
		{name: "more/settings-fifo", command: "agent", inject: "a FIFO in place of muster.env", takes: 8 * time.Second, must: "it does not hang: exit 78 names the file",
			play: func(r *rig) {
				_ = os.MkdirAll(r.path("etc/muster"), 0o755)
				_ = os.Remove(r.path("etc/muster/muster.env"))
				r.broken(syscall.Mkfifo(r.path("etc/muster/muster.env"), 0o644))
				a := r.agentEarly(how{})
				a.wait(20 * time.Second)
				a.exits(78)
				a.says(0, "muster.env")
				r.broken(os.Remove(r.path("etc/muster/muster.env")))
			}},
		{name: "more/aws-config-fifo", command: "debug", inject: "a FIFO in place of ~/.aws/config, of the home that sudo kept", takes: 30 * time.Second, must: "the answer comes within 60 s",
			play: func(r *rig) {
				_ = os.MkdirAll(r.path("home/joe/.aws"), 0o755)
				r.broken(syscall.Mkfifo(r.path("home/joe/.aws/config"), 0o644))
				p := r.start("debug", how{env: []string{"HOME=/home/joe"}})
				p.wait(60 * time.Second)
				p.exits(0, 1, 3)
				p.says(0, "checks:")
			}},
		{name: "more/aws-process", command: "debug", inject: "~/.aws/config of another user, in the home that sudo kept, names a program for credentials", takes: 30 * time.Second, must: "root does not run it",
			play: func(r *rig) {
				_ = os.MkdirAll(r.path("home/joe/.aws"), 0o755)
				r.broken(r.Write("home/joe/.aws/config", []byte("[default]\ncredential_process = /usr/local/bin/muster --version-of-joe\nregion = eu-central-1\n")))
				r.broken(os.Chown(r.path("home/joe/.aws/config"), 1000, 1000))
				r.broken(os.Chown(r.path("home/joe/.aws"), 1000, 1000))
				r.broken(os.Chown(r.path("home/joe"), 1000, 1000))
				p := r.start("debug", how{env: []string{"HOME=/home/joe"}})
				p.wait(60 * time.Second)
				r.want(!p.printed("credential_process"), "it was tried: %s", p.stdout.String())
				p.says(0, "checks:")
			}},
		{name: "more/spool-junk", command: "agent", inject: "directories, hard links and odd names in the spool", takes: 30 * time.Second, must: "the queued minutes arrive; nothing else is followed or removed",
			play: func(r *rig) {
				r.queue(3)
				r.broken(r.Write("etc/other", []byte("keep\n")))
				r.broken(os.Link(r.path("etc/other"), r.path(spoolDir+"/1700000000-3.minute")))
				for _, d := range []string{"1800000000-3.minute", "99999999999999999999-3.minute", "-1-3.minute"} {
					r.broken(os.MkdirAll(r.path(filepath.Join(spoolDir, d, "x")), 0o755))
				}
				for i := range 3000 {
					r.broken(r.Write(fmt.Sprintf("%s/junk%d", spoolDir, i), []byte("x")))
				}
				a := r.agent(sending("MUSTER_WATCH_PERIOD=2s"))
				r.settled(a, 90*time.Second)
				r.want(r.arrived() == queuedAll, "want all %d queued data, got %d", queuedAll, r.arrived())
				r.want(r.read("etc/other") == "keep\n", "a file that is linked was written")
				a.stop()
			}},
		{name: "more/clock-flaps", command: "agent", inject: "the clock jumps two hours ahead and back, every 2 s for 24 s", takes: 60 * time.Second, must: "nothing twice; afterwards data of the right time are published",
			play: func(r *rig) {
				a := r.agent(wrong(0))
				for range 6 {
					a.SetClock(2 * time.Hour)
					wait(2 * time.Second)
					a.SetClock(0)
					wait(2 * time.Second)
				}
				r.status(20*time.Second, []int{0, 1})
				a.stop()
				r.fresh()
			}},
		{name: "more/clock-kill", command: "agent", inject: "killed with a clock one day ahead while minutes are sent; then the right clock", takes: 40 * time.Second, must: "the next agent publishes, nothing twice",
			play: func(r *rig) {
				h := sending()
				h.spec.Offset += 24 * time.Hour
				r.queue(2)
				a := r.agent(h)
				wait(lead + 2*time.Second)
				a.kill()
				a = r.agent(how{})
				a.stop()
				r.publishes()
				r.fresh()
			}},
		{name: "more/config-loop", command: "bootstrap", inject: "ecs.config is a link to itself", takes: 3 * time.Second, must: "it does not hang; exit 1 names the file, or it is replaced",
			play: func(r *rig) {
				r.broken(r.Remove(ecsConfig))
				r.broken(os.Symlink("ecs.config", r.path(ecsConfig)))
				p := r.run(bootstrap)
				r.notRegular(p)
				r.broken(os.Remove(r.path(ecsConfig)))
			}},
		{name: "more/config-eperm", command: "bootstrap", inject: "ecs.config is immutable: EPERM at the rename", takes: 3 * time.Second, must: "exit 1 names the file; ecs.config is the old one, and no file is left behind", with: notStarted,
			play: func(r *rig) {
				p := r.runHow(toDefault, failing(syscall.EPERM, 0, "/etc/ecs/", "rename"))
				p.exits(1)
				p.says(0, "ecs.config")
				r.keeps()
			}},
		{name: "more/bundle-target", command: "bundle", inject: "a FIFO, a directory, a link in place of the bundle", takes: 30 * time.Second, must: "it does not hang and follows no link",
			play: func(r *rig) {
				r.broken(r.Write(secretFile, []byte(secret)))
				r.broken(syscall.Mkfifo(r.path("tmp/fifo"), 0o666))
				r.broken(os.Mkdir(r.path("tmp/dir"), 0o755))
				r.broken(os.Symlink("/"+secretFile, r.path("tmp/link")))
				for _, name := range []string{"fifo", "dir", "link"} {
					p := r.run("debug --bundle /tmp/" + name)
					p.within(45 * time.Second)
					if name != "fifo" {
						r.want(p.Code() == 1 || p.Code() == 64, "%s: want exit 1, got %s", name, p.Status())
					}
				}
				r.want(r.read(secretFile) == secret, "the link was followed")
			}},
		{name: "more/quit-agent", command: "agent", inject: "SIGUSR1, SIGALRM and SIGPIPE (a log rotation, a stray kill)", takes: 12 * time.Second, must: "nothing queued is lost or sent twice, also if it ends",
			play: func(r *rig) {
				r.queue(3)
				for _, s := range []syscall.Signal{syscall.SIGPIPE, syscall.SIGURG, syscall.SIGUSR1, syscall.SIGALRM} {
					a := r.agent(sending())
					_ = a.Signal(s)
					wait(300 * time.Millisecond)
					if a.running() {
						a.kill()
					}
				}
				a := r.agent(sending("MUSTER_WATCH_PERIOD=2s"))
				r.settled(a, 60*time.Second)
				r.want(r.arrived() == queuedAll, "want all %d queued data, got %d", queuedAll, r.arrived())
				a.stop()
			}},
		{name: "more/term-hup-agent", command: "agent", inject: "SIGHUP and SIGTERM at once, then SIGTERM twice", takes: 10 * time.Second, must: "exit 0 within 15 s; it publishes",
			play: func(r *rig) {
				a := r.agent(how{})
				_ = a.Signal(syscall.SIGHUP)
				_ = a.Signal(syscall.SIGTERM)
				a.wait(endLimit)
				a.exits(0)
				a = r.agent(how{})
				_ = a.Signal(syscall.SIGTERM)
				_ = a.Signal(syscall.SIGTERM)
				a.wait(endLimit)
				a.exits(0, 130)
				r.publishes()
			}},
		{name: "more/port-taken", command: "verify", inject: "a local user holds port 51678 and answers with an ARN of this account and cluster that ECS does not have", takes: 12 * time.Second, must: "exit is not 0, no success is signaled", with: inGroup,
			play: func(r *rig) {
				r.introspection.Use(at(metadata, answers(200, "application/json", identityOf(arnPrefix+"00000000000000000000000000000bad"))))
				p := r.run("verify --cluster prod --timeout 8s" + hookFlag + stackFlags)
				r.want(p.Code() != 0, "exit 0 for an ARN that ECS does not have")
				r.want(!r.stackHas("SUCCESS"), "the stack got SUCCESS")
			}},
		{name: "more/proxy-hangs", command: "agent", inject: "the Docker proxy takes connections and answers none", takes: 60 * time.Second,
			must: "the watchdog is served, status exits 1 and names the proxy; DockerReachable is absent, the rest is published",
			play: func(r *rig) {
				const sock = "/run/muster-docker.sock"
				l, err := net.Listen("unix", r.path(sock))
				r.broken(err)
				defer l.Close()
				before := r.systemd.count("WATCHDOG=1")
				a := r.agent(how{env: []string{"MUSTER_DOCKER_PROXY=" + sock, "WATCHDOG_USEC=4000000"}})
				r.status(40*time.Second, []int{1}, "proxy")
				wait(4 * time.Second)
				r.want(r.systemd.count("WATCHDOG=1") > before+2, "the watchdog is not served")
				a.stop()
				r.publishes()
				r.want(r.sends("DockerReachable") == 0, "DockerReachable was published, though Docker was not asked")
			}},
	}
}
