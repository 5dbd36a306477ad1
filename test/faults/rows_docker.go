//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"muster/internal/sandbox/dockerd"
)

// dockerRows covers faults of Docker. The agent must report that Docker does not respond, publish no gauge whose value
// is unknown, and recover without a restart.
func dockerRows() []row {
	return []row{
		{name: "docker/away", command: "agent", inject: "the socket does not exist", takes: 5 * time.Second,
			must: "status exits 1; DockerReachable is 0, and no container count is published, because it is unknown",
			play: func(r *rig) {
				r.Docker.Shut()
				a := r.agent(how{})
				r.status(10*time.Second, []int{1}, "Docker does not respond")
				a.stop()
				r.reachable(0)
				r.want(r.sends("RunningContainers") == 0, "RunningContainers was published")
			}},
		{name: "docker/late", command: "agent", inject: "the socket appears after 6 s", takes: 20 * time.Second, must: "then status exits 0 and the containers are counted",
			play: func(r *rig) {
				r.container()
				r.Docker.Shut()
				a := r.agent(how{})
				r.status(10*time.Second, []int{1})
				r.in(6*time.Second, r.Docker.Open)
				r.status(40*time.Second, []int{0}, "1 running")
				a.stop()
				r.reachable(1)
			}},
		{name: "docker/500", command: "agent", inject: "HTTP 500 for every request, for 6 s", takes: 20 * time.Second,
			must: "status quotes the Engine's error and names no other program as the cause; then the containers are counted",
			play: func(r *rig) {
				r.container()
				r.Docker.Use(answers(500, "application/json", `{"message":"layer store is broken"}`))
				a := r.agent(how{})
				if r.status(10*time.Second, []int{1}, "layer store is broken") {
					p := r.run("status")
					r.want(!p.printed("something else than a Docker Engine"), "status blames another program: %s", p.stdout.String())
				}
				wait(6 * time.Second)
				r.Docker.Use(nil)
				r.status(40*time.Second, []int{0}, "1 running")
				a.stop()
			}},
		{name: "docker/old", command: "agent", inject: "the Engine's newest API version is 1.30", takes: 5 * time.Second,
			must: "status exits 1 and names the version",
			play: func(r *rig) {
				r.Engine().Vanish()
				r.broken(r.Engine().Return(dockerd.Options{API: "1.30"}))
				a := r.agent(how{})
				r.status(15*time.Second, []int{1}, "1.30")
				a.stop()
			}},
		{name: "docker/garbage-events", command: "agent", inject: "the event stream always contains garbage, but lists work; a container exits with code 3", takes: 60 * time.Second,
			must: "status names the event stream, and the lists reveal the crash",
			play: func(r *rig) {
				id := r.container()
				r.Docker.Use(at("/events", answers(200, "application/json", "%%% not JSON %%%\n")))
				a := r.agent(how{})
				r.status(30*time.Second, []int{1}, "event stream")
				r.Engine().Die(id, 3)
				a.says(60*time.Second, "code 3")
				a.stop()
				r.want(r.crashes() >= 1, "the crash was not counted")
			}},
		{name: "docker/endless-event", command: "agent", inject: "the event stream sends a single endless event", takes: 20 * time.Second,
			must: "the agent stays below its unit's memory limit and keeps running",
			play: func(r *rig) {
				r.Docker.Use(at("/events", func(http.Handler) http.Handler {
					return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
						_, _ = io.WriteString(w, `{"Type":"container","Action":"`)
						chunk := strings.Repeat("a", 1<<20)
						for sent := 0; sent < 1<<30 && q.Context().Err() == nil; sent += len(chunk) {
							if _, err := io.WriteString(w, chunk); err != nil {
								return
							}
						}
					})
				}))
				a := r.agent(how{})
				wait(10 * time.Second)
				a.fits()
				r.status(20*time.Second, []int{1}, "event stream")
				a.stop()
			}},
		{name: "docker/29-mb-list", command: "agent", inject: "the container list has 29 MB", takes: 20 * time.Second,
			must: "the agent stays below its unit's memory limit and keeps running",
			play: func(r *rig) {
				r.Docker.Use(bigList)
				a := r.agent(how{})
				wait(8 * time.Second)
				a.fits()
				a.stop()
				r.want(r.sends("DockerReachable") > 0, "it publishes nothing")
			}},
		{name: "docker/hangs", command: "agent", inject: "connections are accepted, but there is no response for 10 s", takes: 40 * time.Second,
			must: "the watchdog is always notified in time; status exits 1, then 0",
			play: func(r *rig) {
				r.container()
				r.Engine().Hang()
				before := r.systemd.count("WATCHDOG=1")
				a := r.agent(how{env: []string{"WATCHDOG_USEC=4000000"}})
				r.status(30*time.Second, []int{1}, "Docker does not respond")
				wait(10 * time.Second)
				r.want(r.systemd.count("WATCHDOG=1") >= before+4, "the watchdog was served %d times in 10 s, of 4 s each", r.systemd.count("WATCHDOG=1")-before)
				r.Engine().Resume()
				r.status(60*time.Second, []int{0}, "1 running")
				a.stop()
			}},
		{name: "docker/cut-list", command: "agent", inject: "the container list is truncated three times", takes: 20 * time.Second,
			must: "no container is reported as removed; then the containers are counted",
			play: func(r *rig) {
				r.container()
				r.Docker.Use(at("/containers/json", first(3, cuts(`[{"Id": "aaaa", "Names": ["/x"`))))
				a := r.agent(how{})
				r.status(40*time.Second, []int{0}, "1 running")
				a.stop()
				r.reachable(1)
			}},
		{name: "docker/restart", command: "agent", inject: "Docker restarts while the containers keep running", takes: 20 * time.Second,
			must: "no crash is counted, and the agent subscribes to events again",
			play: func(r *rig) {
				id := r.container()
				a := r.agent(how{})
				r.status(10*time.Second, []int{0}, "1 running")
				r.Docker.Shut()
				wait(3 * time.Second)
				r.broken(r.Docker.Open())
				r.status(40*time.Second, []int{0}, "1 running")
				r.Engine().Die(id, 9)
				a.says(30*time.Second, "code 9")
				a.stop()
				r.want(r.crashes() == 1, "want 1 crash, got %v", r.crashes())
			}},
		{name: "docker/dies-while-away", command: "agent", inject: "a container exits with code 7 while Docker does not run for 4 s", takes: 20 * time.Second,
			must: "the container is not counted as running; no crash is counted, because a restarting Docker Engine stops containers itself",
			play: func(r *rig) {
				id := r.container()
				a := r.agent(how{})
				r.status(10*time.Second, []int{0}, "1 running")
				r.Docker.Shut()
				wait(2 * time.Second)
				r.Engine().Die(id, 7)
				wait(2 * time.Second)
				r.broken(r.Docker.Open())
				r.status(40*time.Second, []int{0}, "0 running")
				a.stop()
				r.want(r.crashes() == 0, "want no crash, got %v", r.crashes())
			}},
		{name: "docker/permission", command: "agent", inject: "the agent's user has no permission to open the socket", takes: 8 * time.Second,
			must: "the agent keeps running, status names the permission, and the other metrics are published",
			play: func(r *rig) {
				h := r.asUser(how{})
				r.broken(os.Chown(r.path("var/run/docker.sock"), 0, 0))
				r.broken(os.Chmod(r.path("var/run/docker.sock"), 0o600))
				a := r.agent(h)
				r.status(10*time.Second, []int{1}, "permission")
				a.stop()
				r.publishes()
			}},
		{name: "docker/not-docker", command: "agent", inject: "a web server listens on Docker's socket", takes: 8 * time.Second,
			must: "status exits 1; no containers are counted",
			play: func(r *rig) {
				r.Docker.Use(answers(200, html, portal))
				a := r.agent(how{})
				r.status(15*time.Second, []int{1}, "Docker")
				a.stop()
				r.want(r.sends("RunningContainers") == 0, "RunningContainers was published")
			}},
		{name: "docker/plain-file", command: "agent", inject: "the socket is a regular file", takes: 8 * time.Second,
			must: "status exits 1; the agent keeps running",
			play: func(r *rig) {
				r.Docker.Shut()
				r.broken(r.Write("var/run/docker.sock", []byte("x")))
				a := r.agent(how{})
				r.status(10*time.Second, []int{1}, "Docker")
				a.stop()
				r.reachable(0)
			}},
		{name: "docker/debug-hangs", command: "debug", inject: "Docker accepts connections and never responds", takes: 20 * time.Second,
			must: "it exits within 30 s and does not report the instance as healthy",
			play: func(r *rig) {
				r.Engine().Hang()
				p := r.run("debug")
				p.exits(1, 3)
				p.within(30 * time.Second)
				p.says(0, "Docker")
			}},
		{name: "docker/bundle-hangs", command: "bundle", inject: "Docker and the ECS agent accept connections and never respond", takes: 30 * time.Second,
			must: "the bundle is written within 45 s and lists what could not be collected",
			play: func(r *rig) {
				r.Engine().Hang()
				r.introspection.Use(hangs)
				p := r.run("debug --bundle /tmp/b.tgz")
				p.exits(1, 3)
				p.within(45 * time.Second)
				r.wholeBundle()
			}},
		{name: "docker/null-list", command: "agent", inject: "the container list is null, then {}, then a string", takes: 20 * time.Second, must: "RunningContainers is not published while it is unknown, status exits 1; then the containers are counted",
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
		{name: "docker/eof-events", command: "agent", inject: "the event stream repeatedly ends immediately", takes: 30 * time.Second, must: "no busy loop: at most 40 requests in 12 s; status exits 1 and names the event stream, or the lists reveal a crash",
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
		{name: "docker/odd-events", command: "agent", inject: "events without a container, or with invalid exit codes, times and types", takes: 15 * time.Second, must: "the agent keeps running; no false crash is counted; later valid events are counted",
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
		{name: "docker/fifo", command: "agent", inject: "Docker's socket is a FIFO, then a dangling link", takes: 20 * time.Second, must: "status exits 1; the watchdog is notified in time; then the containers are counted",
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
		{name: "docker/proxy-hangs", command: "agent", inject: "the Docker proxy accepts connections and never responds", takes: 60 * time.Second,
			must: "the watchdog is notified in time; status exits 1 and names the proxy; DockerReachable is not published, but other metrics are",
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
		{name: "docker/duplicates", command: "agent", inject: "Docker lists the same container ten times", takes: 15 * time.Second, must: "it is counted once",
			play: func(r *rig) {
				r.container()
				r.Docker.Use(at("/containers/json", func(behind http.Handler) http.Handler {
					return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
						rec := httptest.NewRecorder()
						behind.ServeHTTP(rec, q)
						one := strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(rec.Body.String()), "["), "]")
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
		{name: "docker/dribbles", command: "agent", inject: "for 15 s, every response of Docker is endless, with one byte every 0.3 s", takes: 60 * time.Second,
			must: "the watchdog is notified in time; status exits 1; then the containers are counted",
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
	}
}

// reachable records an error unless the last published DockerReachable equals want.
func (r *rig) reachable(want float64) {
	got := -1.0
	for _, d := range r.Sandbox().Metrics() {
		if d.Name == "DockerReachable" {
			got = d.Value
		}
	}
	r.want(got == want, "want DockerReachable=%v, got %v", want, got)
}

// crashes returns the published sum of the cluster's crashes.
func (r *rig) crashes() (sum float64) {
	for _, d := range r.Sandbox().Metrics() {
		if d.Name == "Crashes" && len(d.Dimensions) == 1 {
			sum += d.Value
		}
	}
	return sum
}

// bigList replaces the container list with one of 10,000 containers of 2.9 kB each.
func bigList(behind http.Handler) http.Handler {
	return at("/containers/json", func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			long := strings.Repeat("x", 2600)
			_, _ = io.WriteString(w, "[")
			for i := range 10_000 {
				if i > 0 {
					_, _ = io.WriteString(w, ",")
				}
				_ = json.NewEncoder(w).Encode(map[string]any{
					"Id": fmt.Sprintf("%064x", i), "Names": []string{fmt.Sprintf("/c%d", i)}, "Image": "subject", "State": "running", "Status": "Up 2 hours",
					"Created": time.Now().Unix(), "Labels": map[string]string{"com.amazonaws.ecs.cluster": "prod", "noise": long},
				})
			}
			_, _ = io.WriteString(w, "]")
		})
	})(behind)
}
