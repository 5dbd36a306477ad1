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

	"muster/internal/sandbox/dockerd"
)

// dockerListRows covers the container list and inspections.
var dockerListRows = []row{
	{name: "docker/cut-list", command: "agent", takes: 20 * time.Second,
		inject: "the container list is truncated three times",
		must:   "no container is reported as removed; then the containers are counted",
		play: func(r *rig) {
			r.container()
			r.Docker.Use(at("/containers/json", first(3, cuts(`[{"Id": "aaaa", "Names": ["/x"`))))
			a := r.agent(how{})
			r.status(40*time.Second, []int{0}, "1 running")
			a.stop()
			r.reachable(1)
		}},
	{name: "docker/null-list", command: "agent", takes: 20 * time.Second,
		inject: "the container list is null, then {}, then a string",
		must:   "RunningContainers is not published while it is unknown, status exits 1; then the containers are counted",
		play: func(r *rig) {
			r.container()
			var n atomic.Int64
			r.Docker.Use(at("/containers/json", func(http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("Content-Type", inJSON)
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
	{name: "docker/nulls", command: "agent", takes: 30 * time.Second,
		inject: "in the list, the names, labels, state and status of a container are null, and another container is null",
		must:   "the agent keeps running; status exits 0 or 1; then the containers are counted",
		play: func(r *rig) {
			r.container()
			r.Docker.Use(at("/containers/json", answers(200, inJSON,
				`[null,{},{"Id":null,"Names":null,"Labels":null,"State":null},`+"\n"+
					`{"Id":"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef","Names":[],`+"\n"+
					`"Labels":null,"State":"running","Status":null,"HostConfig":null}]`)))
			a := r.agent(how{})
			r.status(20*time.Second, []int{0, 1})
			r.Docker.Use(nil)
			r.status(90*time.Second, []int{0}, "1 running")
			a.stop()
		}},
	{name: "docker/29-mb-list", command: "agent", takes: 20 * time.Second,
		inject: "the container list has 29 MB",
		must:   "the agent stays below its unit's memory limit and keeps running",
		play: func(r *rig) {
			r.Docker.Use(bigList)
			a := r.agent(how{})
			wait(8 * time.Second)
			a.fits()
			a.stop()
			r.want(r.sends("DockerReachable") > 0, "it publishes nothing")
		}},
	{name: "docker/duplicates", command: "agent", takes: 15 * time.Second,
		inject: "Docker lists the same container ten times",
		must:   "it is counted once",
		play: func(r *rig) {
			r.container()
			r.Docker.Use(at("/containers/json", func(behind http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
					rec := httptest.NewRecorder()
					behind.ServeHTTP(rec, q)
					one := strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(rec.Body.String()), "["), "]")
					w.Header().Set("Content-Type", inJSON)
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
	{name: "docker/injected", command: "agent", takes: 40 * time.Second,
		inject: "the names and labels of a container contain C0, C1 and bidi characters; it exits with code 7",
		must:   "none of them appears unescaped in the journal, status, debug, JSON, JUnit or the bundle",
		play: func(r *rig) {
			const raw = "\x1b[2J\u009b31m\u202e\nmuster: forged"
			id := r.Engine().Run(dockerd.Spec{Name: "web" + raw, Check: true, Labels: map[string]string{
				"com.amazonaws.ecs.cluster":                "prod",
				"com.amazonaws.ecs.task-arn":               "arn:aws:ecs:eu-central-1:123456789012:task/prod/web",
				"com.amazonaws.ecs.container-name":         "web" + raw,
				"com.amazonaws.ecs.task-definition-family": "web" + raw,
			}})
			a := r.agent(how{})
			r.status(20*time.Second, []int{0, 1}, "1 running")
			r.Engine().Die(id, 7)
			a.says(20*time.Second, "code 7")
			r.allInert()
			a.stop()
			r.inert(a)
		}},
	{name: "docker/inspect-500", command: "agent", takes: 60 * time.Second,
		inject: "every inspection of a container fails with 500; the container exits with code 3",
		must:   "the crash is counted, based on the event or the list",
		play: func(r *rig) {
			id := r.container()
			r.Docker.Use(func(behind http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
					if strings.Contains(q.URL.Path, id) {
						answers(500, inJSON, `{"message":"layer store is broken"}`)(nil).ServeHTTP(w, q)
						return
					}
					behind.ServeHTTP(w, q)
				})
			})
			a := r.agent(how{env: []string{"MUSTER_WATCH_PERIOD=2s"}})
			r.status(20*time.Second, []int{0, 1}, "1 running")
			r.Engine().Die(id, 3)
			a.says(60*time.Second, "code 3")
			r.status(20*time.Second, []int{0, 1}, "code 3")
			r.status(20*time.Second, []int{0, 1}, "0 running")
			a.stop()
			r.want(r.crashes() >= 1, "the crash was not counted")
		}},
	{name: "docker/inspect-404", command: "agent", takes: 60 * time.Second,
		inject: "a container exits with code 3 and is removed immediately (--rm), so that its inspection returns 404",
		must:   "the crash is counted",
		play: func(r *rig) {
			id := r.container()
			a := r.agent(how{env: []string{"MUSTER_WATCH_PERIOD=2s"}})
			r.status(20*time.Second, []int{0, 1}, "1 running")
			r.Engine().Die(id, 3)
			r.Engine().Destroy(id)
			a.says(60*time.Second, "code 3")
			r.status(20*time.Second, []int{0, 1}, "code 3")
			r.status(20*time.Second, []int{0, 1}, "0 running")
			a.stop()
			r.want(r.crashes() >= 1, "the crash was not counted")
		}},
	{name: "docker/list-hangs", command: "agent",
		inject: "the container list never responds; all else does", takes: 60 * time.Second,
		must: "status exits 1 and names Docker; the watchdog is notified in time; then the containers are counted",
		play: func(r *rig) {
			r.container()
			r.Docker.Use(at("/containers/json", hangs))
			a := r.agent(how{env: []string{"WATCHDOG_USEC=4000000"}})
			r.status(60*time.Second, []int{1}, "Docker")
			before := r.systemd.count("WATCHDOG=1")
			wait(6 * time.Second)
			r.want(r.systemd.count("WATCHDOG=1") > before, "the watchdog is not served")
			r.Docker.Use(nil)
			r.status(90*time.Second, []int{0}, "1 running")
			a.stop()
		}},
	{name: "docker/version-garbage", command: "agent",
		inject: "Docker's API version is a word with a bidirectional control character", takes: 30 * time.Second,
		must: "status exits 0 or 1; afterwards the containers are counted",
		play: func(r *rig) {
			r.container()
			r.Docker.Use(at("/_ping", func(http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("Api-Version", "latest\u202e")
					w.Header().Set("Ostype", "linux")
				})
			}))
			a := r.agentEarly(how{})
			r.status(60*time.Second, []int{0, 1})
			r.Docker.Use(nil)
			r.status(90*time.Second, []int{0}, "1 running")
			a.stop()
		}},
	{name: "docker/odd-states", command: "agent",
		inject: "containers are paused, dead, being removed, restarting, created, and in states that Docker does not have",
		takes:  40 * time.Second,
		must:   "no crash is counted; output has no control characters; the agent publishes",
		play: func(r *rig) {
			var list []string
			for i, s := range []string{"paused", "dead", "removing", "restarting", "created", "", "\u202eodd"} {
				list = append(list, fmt.Sprintf(`{"Id":"%064x","Names":["/c%[1]d"],"Image":"x","State":%[2]q,"Status":"","Created":1,"Labels":{`+
					`"com.amazonaws.ecs.cluster":"prod","com.amazonaws.ecs.task-arn":"arn:aws:ecs:eu-central-1:123456789012:task/prod/w%[1]d",`+
					`"com.amazonaws.ecs.container-name":"w"}}`, i+1, s))
			}
			r.Docker.Use(at("/containers/json", answers(200, inJSON, "["+strings.Join(list, ",")+"]")))
			a := r.agent(how{env: []string{"MUSTER_WATCH_PERIOD=2s"}})
			wait(8 * time.Second)
			r.status(20*time.Second, []int{0, 1})
			r.inert(r.run("status"))
			r.inert(r.run("debug"))
			a.stop()
			r.publishes()
			r.want(r.crashes() == 0, "%v crashes were counted", r.crashes())
		}},
}
