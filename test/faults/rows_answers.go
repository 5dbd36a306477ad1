//go:build linux

package main

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"syscall"
	"time"

	"muster/internal/sandbox"
	"muster/internal/sandbox/dockerd"
)

// answersRows covers responses that are valid but unusual: in part, twice, about another role or instance, or empty.
func answersRows() []row {
	return append(dockerAnswers(), []row{
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
		{name: "imds/role-renamed", command: "agent", inject: "the instance profile has another role", takes: 30 * time.Second,
			must: "the agent uses the new role's credentials and publishes",
			play: func(r *rig) {
				r.Metadata.Use(renamedRole)
				a := r.agent(how{})
				r.status(30*time.Second, []int{0})
				a.stop()
				r.publishes()
			}},
		{name: "imds/document-changes", command: "agent",
			inject: "while the agent runs, the identity document names another instance; then SIGHUP", takes: 30 * time.Second,
			must: "status exits 0 or 1; the agent publishes",
			play: func(r *rig) {
				r.container()
				a := r.agent(how{})
				r.status(20*time.Second, []int{0}, "1 running")
				r.Metadata.Use(at("/latest/dynamic", answers(200, "text/plain",
					`{"accountId":"123456789012","instanceId":"`+peerID+`","region":"eu-central-1"}`)))
				wait(6 * time.Second)
				_ = a.Signal(syscall.SIGHUP)
				wait(4 * time.Second)
				r.status(20*time.Second, []int{0, 1})
				a.stop()
				r.publishes()
			}},
		{name: "disk/record-empty", command: "verify", inject: "bootstrap's record is empty, then a directory", takes: 20 * time.Second,
			must: "verify exits 0 and signals are sent; the agent publishes", with: inGroup,
			play: func(r *rig) {
				r.run(bootstrap).exits(0)
				r.broken(r.Write(recordFile, nil))
				r.run(verify + hookFlag + stackFlags).exits(0)
				r.signaled()
				r.broken(r.Remove(recordFile))
				r.broken(os.MkdirAll(r.path(recordFile+"/x"), 0o755))
				a := r.agent(how{})
				a.stop()
				r.publishes()
			}},
		{name: "aws/events-partial", command: "agent",
			inject: "EventBridge: twice 200 with a failed entry", takes: 30 * time.Second, must: "the event arrives",
			play: func(r *rig) {
				const body = `{"FailedEntryCount":1,"Entries":[{"ErrorCode":"ThrottlingException","ErrorMessage":"slow down"}]}`
				r.event(sandbox.Fault{Body: body, Times: 2}, true)
			}},
		{name: "aws/heartbeat-denied", command: "verify",
			inject: "the hook's heartbeats are denied, and the ECS agent registers after 8 s", takes: 20 * time.Second,
			must: "exit 0, signals are sent", with: inGroup,
			play: func(r *rig) {
				r.Sandbox().Inject(sandbox.AccessDenied(sandbox.AutoScaling, "RecordLifecycleActionHeartbeat"))
				r.introspection.Shut()
				r.in(8*time.Second, r.introspection.Open)
				r.run(verify + hookFlag + stackFlags).exits(0)
				r.signaled()
			}},
		{name: "aws/cloudwatch-late", command: "agent",
			inject: "PutMetricData: accepted, but the first two responses arrive after 20 s", takes: 120 * time.Second,
			must: "no data point counts twice; what does not arrive is counted as dropped",
			play: func(r *rig) {
				r.queue(3)
				r.Sandbox().Inject(sandbox.Fault{Service: sandbox.CloudWatch, Delay: 20 * time.Second, Done: true, Times: 2})
				a := r.agent(sending("MUSTER_WATCH_PERIOD=2s"))
				r.settled(a, 120*time.Second)
				a.stop()
				r.want(r.arrived() > 0, "nothing arrived")
			}},
		{name: "file/bundle-hard-link", command: "bundle",
			inject: "the bundle's path is a local user's hard link to /etc/shadow", takes: 10 * time.Second,
			must: "exit 1 names the file; /etc/shadow does not change",
			play: func(r *rig) {
				r.broken(r.Write(secretFile, []byte(secret)))
				r.broken(os.Chmod(r.path("tmp"), 0o1777))
				r.broken(os.Link(r.path(secretFile), r.path(bundleFile)))
				p := r.run("debug --bundle /" + bundleFile)
				p.exits(1)
				p.says(0, "/"+bundleFile+" already exists")
				r.want(r.read(secretFile) == secret, "/etc/shadow was written")
			}},
	}...)
}

// renamedRole answers for a role with another name, and for no other one.
func renamedRole(behind http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		switch path := strings.TrimSuffix(q.URL.Path, "/"); {
		case strings.HasSuffix(path, "iam/security-credentials"):
			answers(200, "text/plain", "renamed\n")(nil).ServeHTTP(w, q)
		case strings.HasSuffix(path, "/renamed"):
			q.URL.Path = strings.TrimSuffix(path, "/renamed") + "/muster-sandbox"
			behind.ServeHTTP(w, q)
		case strings.Contains(path, role):
			answers(404, html, "404 - Not Found")(nil).ServeHTTP(w, q)
		default:
			behind.ServeHTTP(w, q)
		}
	})
}

func dockerAnswers() []row {
	return []row{
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
}
