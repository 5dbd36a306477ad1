//go:build linux

package main

import (
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"muster/internal/sandbox/dockerd"
)

// dockerEventRows covers Docker's event stream.
var dockerEventRows = []row{
	{name: "docker/silent-events", command: "agent", takes: 90 * time.Second,
		inject: "the event stream never begins, but lists work; a container exits with code 3",
		must:   "status names the event stream, and the lists reveal the crash",
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
	{name: "docker/deaf-events", command: "agent", takes: 150 * time.Second,
		inject: "the event stream is open, but sends no event; a container exits with code 3",
		must:   "the lists reveal the crash",
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
	{name: "docker/eof-events", command: "agent", takes: 30 * time.Second,
		inject: "the event stream repeatedly ends immediately",
		must:   "no busy loop: at most 40 requests in 12 s; status exits 1 and names the event stream, or the lists reveal a crash",
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
	{name: "docker/garbage-events", command: "agent", takes: 60 * time.Second,
		inject: "the event stream always contains garbage, but lists work; a container exits with code 3",
		must:   "status names the event stream, and the lists reveal the crash",
		play: func(r *rig) {
			id := r.container()
			r.Docker.Use(at("/events", answers(200, inJSON, "%%% not JSON %%%\n")))
			a := r.agent(how{})
			r.status(30*time.Second, []int{1}, "event stream")
			r.Engine().Die(id, 3)
			a.says(60*time.Second, "code 3")
			a.stop()
			r.want(r.crashes() >= 1, "the crash was not counted")
		}},
	{name: "docker/endless-event", command: "agent", takes: 20 * time.Second,
		inject: "the event stream sends a single endless event",
		must:   "the agent stays below its unit's memory limit and keeps running",
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
	{name: "docker/odd-events", command: "agent", takes: 15 * time.Second,
		inject: "events without a container, or with invalid exit codes, times and types",
		must:   "the agent keeps running; no false crash is counted; later valid events are counted",
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
						w.Header().Set("Content-Type", inJSON)
						_, _ = io.WriteString(w, odd[i-1]+"\n")
						return
					}
					behind.ServeHTTP(w, q)
				})
			}))
			a := r.agent(how{})
			wait(12 * time.Second)
			r.status(10*time.Second, []int{0, 1}, "1 running")
			madeUp := r.crashes() > 0 || a.printed("exited unexpectedly with code 9223") || a.printed(`container=""`)
			r.want(!madeUp, "a crash was made up: %s", a.stderr.String())
			r.want(!strings.ContainsAny(a.stderr.String(), "\x1b\u202e"), "control characters are in the journal")
			a.stop()
		}},
	{name: "docker/ahead", command: "agent", takes: 60 * time.Second,
		inject: "Docker's events have times two years ahead; then the times are correct, and a container exits with code 3",
		must:   "the crash is counted",
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
	{name: "docker/storm", command: "agent", takes: 60 * time.Second,
		inject: "30,000 health probes in a burst; then a container exits with code 3",
		must:   "the agent stays below its unit's memory limit, and the crash is counted",
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
	{name: "docker/half-event", command: "agent",
		inject: "the first three event streams end within an event; in the meantime a container exits with code 3", takes: 60 * time.Second,
		must: "the crash is counted once",
		play: func(r *rig) {
			id := r.container()
			r.Docker.Use(at("/events", first(3, cuts(`{"Type":"container","Action":"die","Actor":{"ID":"`+id[:20]))))
			a := r.agent(how{env: []string{"MUSTER_WATCH_PERIOD=2s"}})
			r.status(20*time.Second, []int{0, 1}, "1 running")
			r.Engine().Die(id, 3)
			a.says(60*time.Second, "code 3")
			wait(4 * time.Second)
			a.stop()
			r.want(r.crashes() == 1, "want one crash, got %v", r.crashes())
		}},
	{name: "docker/events-repeated", command: "agent",
		inject: "each event arrives twice, followed by all earlier ones", takes: 30 * time.Second,
		must: "a container that exits with code 3 is counted as one crash",
		play: func(r *rig) {
			id := r.container()
			var all []dockerd.Event
			r.Engine().Deliver(func(e dockerd.Event) []dockerd.Event {
				all = append(all, e)
				return append([]dockerd.Event{e, e}, all...)
			})
			a := r.agent(how{env: []string{"MUSTER_WATCH_PERIOD=2s"}})
			r.status(20*time.Second, []int{0, 1}, "1 running")
			r.Engine().Die(id, 3)
			a.says(60*time.Second, "code 3")
			wait(4 * time.Second)
			a.stop()
			r.want(r.crashes() == 1, "want one crash, got %v", r.crashes())
		}},
}
