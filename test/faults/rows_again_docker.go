//go:build linux

package main

import (
	"net/http"
	"strings"
	"time"

	"muster/internal/sandbox/dockerd"
)

// againDocker covers unusual responses of Docker.
func againDocker() []row {
	return []row{
		{name: "docker/inspect-500", command: "agent",
			inject: "every inspection of a container fails with 500; the container exits with code 3", takes: 60 * time.Second,
			must: "the crash is counted, based on the event or the list",
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
		{name: "docker/inspect-404", command: "agent",
			inject: "a container exits with code 3 and is removed immediately (--rm), so that its inspection returns 404", takes: 60 * time.Second,
			must: "the crash is counted",
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
		{name: "docker/silent-events", command: "agent",
			inject: "the event stream never begins, but lists work; a container exits with code 3", takes: 90 * time.Second,
			must: "status names the event stream, and the lists reveal the crash",
			play: func(r *rig) {
				id := r.container()
				r.Docker.Use(at("/events", hangs))
				a := r.agent(how{env: []string{"MUSTER_WATCH_PERIOD=2s"}})
				r.status(60*time.Second, []int{1}, "event stream")
				r.Engine().Die(id, 3)
				a.says(90*time.Second, "code 3")
				a.stop()
				r.want(r.crashes() >= 1, "the crash was not counted")
			}},
		{name: "docker/deaf-events", command: "agent",
			inject: "the event stream is open, but sends no event; a container exits with code 3", takes: 150 * time.Second,
			must: "the lists reveal the crash",
			play: func(r *rig) {
				id := r.container()
				r.Engine().Deliver(func(dockerd.Event) []dockerd.Event { return nil })
				a := r.agent(how{env: []string{"MUSTER_WATCH_PERIOD=2s"}})
				r.status(40*time.Second, []int{0, 1}, "1 running")
				r.Engine().Die(id, 3)
				a.says(140*time.Second, "code 3")
				a.stop()
				r.want(r.crashes() >= 1, "the crash was not counted")
			}},
		{name: "docker/nulls", command: "agent",
			inject: "in the list, the names, labels, state and status of a container are null, and another container is null", takes: 30 * time.Second,
			must: "the agent keeps running; status exits 0 or 1; then the containers are counted",
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
		{name: "docker/ahead", command: "agent",
			inject: "Docker's events have times two years ahead; then the times are correct, and a container exits with code 3", takes: 60 * time.Second,
			must: "the crash is counted",
			play: func(r *rig) {
				id := r.container()
				r.Engine().Deliver(func(e dockerd.Event) []dockerd.Event { e.Time = e.Time.Add(2 * years / 10); return []dockerd.Event{e} })
				a := r.agent(how{})
				r.status(20*time.Second, []int{0, 1}, "1 running")
				r.Engine().Health(id, "unhealthy")
				wait(time.Second)
				r.Engine().Deliver(nil)
				r.Engine().Die(id, 3)
				a.says(60*time.Second, "code 3")
				a.stop()
				r.want(r.crashes() >= 1, "the crash was not counted")
			}},
		{name: "docker/storm", command: "agent",
			inject: "30,000 health probes in a burst; then a container exits with code 3", takes: 60 * time.Second,
			must: "the agent stays below its unit's memory limit, and the crash is counted",
			play: func(r *rig) {
				id := r.container()
				a := r.agent(how{})
				r.status(20*time.Second, []int{0, 1}, "1 running")
				r.Engine().Storm(id, 30000, true)
				r.Engine().Die(id, 3)
				a.says(60*time.Second, "code 3")
				a.fits()
				a.stop()
				r.want(r.crashes() >= 1, "the crash was not counted")
			}},
		{name: "docker/early-hints", command: "agent", inject: "endless interim responses (103) for 10 s", takes: 40 * time.Second,
			must: "the watchdog is notified in time; status exits 1; then the containers are counted",
			play: func(r *rig) {
				r.container()
				r.Docker.Use(earlyHints)
				a := r.agent(how{env: []string{"WATCHDOG_USEC=4000000"}})
				r.status(20*time.Second, []int{1})
				before := r.systemd.count("WATCHDOG=1")
				wait(5 * time.Second)
				r.want(r.systemd.count("WATCHDOG=1") > before, "the watchdog is not served")
				a.fits()
				r.Docker.Use(nil)
				r.status(60*time.Second, []int{0}, "1 running")
				a.stop()
			}},
	}
}
