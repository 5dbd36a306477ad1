//go:build linux

package main

import (
	"net"
	"os"
	"syscall"
	"time"

	"muster/internal/sandbox/dockerd"
)

// dockerRows covers a Docker Engine that cannot be reached or does not respond. The agent must report that, publish no
// gauge whose value is unknown, and recover without a restart.
var dockerRows = []row{
	{name: "docker/away", command: "agent", takes: 5 * time.Second,
		inject: "the socket does not exist",
		must:   "status exits 1; DockerReachable is 0, and no container count is published, because it is unknown",
		play: func(r *rig) {
			r.Docker.Shut()
			a := r.agent(how{})
			r.status(10*time.Second, []int{1}, "Docker does not respond")
			a.stop()
			r.reachable(0)
			r.want(r.sends("RunningContainers") == 0, "RunningContainers was published")
		}},
	{name: "docker/late", command: "agent", takes: 20 * time.Second,
		inject: "the socket appears after 6 s",
		must:   "then status exits 0 and the containers are counted",
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
	{name: "docker/hangs", command: "agent", takes: 40 * time.Second,
		inject: "connections are accepted, but there is no response for 10 s",
		must:   "the watchdog is always notified in time; status exits 1, then 0",
		play: func(r *rig) {
			r.container()
			r.Engine().Hang()
			before := r.systemd.count("WATCHDOG=1")
			a := r.agent(how{env: []string{"WATCHDOG_USEC=4000000"}})
			r.status(30*time.Second, []int{1}, "Docker does not respond")
			wait(10 * time.Second)
			served := r.systemd.count("WATCHDOG=1") - before
			r.want(served >= 4, "the watchdog was served %d times in 10 s, of 4 s each", served)
			r.Engine().Resume()
			r.status(60*time.Second, []int{0}, "1 running")
			a.stop()
		}},
	{name: "docker/dribbles", command: "agent", takes: 60 * time.Second,
		inject: "for 15 s, every response of Docker is endless, with one byte every 0.3 s",
		must:   "the watchdog is notified in time; status exits 1; then the containers are counted",
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
	{name: "docker/early-hints", command: "agent", takes: 40 * time.Second,
		inject: "endless interim responses (103) for 10 s",
		must:   "the watchdog is notified in time; status exits 1; then the containers are counted",
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
	{name: "docker/500", command: "agent", takes: 20 * time.Second,
		inject: "HTTP 500 for every request, for 6 s",
		must:   "status quotes the Engine's error and names no other program as the cause; then the containers are counted",
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
	{name: "docker/old", command: "agent", takes: 5 * time.Second,
		inject: "the Engine's newest API version is 1.30",
		must:   "status exits 1 and names the version",
		play: func(r *rig) {
			r.Engine().Vanish()
			r.broken(r.Engine().Return(dockerd.Options{API: "1.30"}))
			a := r.agent(how{})
			r.status(15*time.Second, []int{1}, "1.30")
			a.stop()
		}},
	{name: "docker/restart", command: "agent", takes: 20 * time.Second,
		inject: "Docker restarts while the containers keep running",
		must:   "no crash is counted, and the agent subscribes to events again",
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
	{name: "docker/dies-while-away", command: "agent", takes: 20 * time.Second,
		inject: "a container exits with code 7 while Docker does not run for 4 s",
		must:   "the container is not counted as running; no crash is counted, because a restarting Docker Engine stops containers itself",
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
	{name: "docker/permission", command: "agent", takes: 8 * time.Second,
		inject: "the agent's user has no permission to open the socket",
		must:   "the agent keeps running, status names the permission, and the other metrics are published",
		play: func(r *rig) {
			h := r.asUser(how{})
			r.broken(os.Chown(r.path("var/run/docker.sock"), 0, 0))
			r.broken(os.Chmod(r.path("var/run/docker.sock"), 0o600))
			a := r.agent(h)
			r.status(10*time.Second, []int{1}, "permission")
			a.stop()
			r.publishes()
		}},
	{name: "docker/not-docker", command: "agent", takes: 8 * time.Second,
		inject: "a web server listens on Docker's socket",
		must:   "status exits 1; no containers are counted",
		play: func(r *rig) {
			r.Docker.Use(answers(200, html, portal))
			a := r.agent(how{})
			r.status(15*time.Second, []int{1}, "Docker")
			a.stop()
			r.want(r.sends("RunningContainers") == 0, "RunningContainers was published")
		}},
	{name: "docker/plain-file", command: "agent", takes: 8 * time.Second,
		inject: "the socket is a regular file",
		must:   "status exits 1; the agent keeps running",
		play: func(r *rig) {
			r.Docker.Shut()
			r.broken(r.Write("var/run/docker.sock", []byte("x")))
			a := r.agent(how{})
			r.status(10*time.Second, []int{1}, "Docker")
			a.stop()
			r.reachable(0)
		}},
	{name: "docker/fifo", command: "agent", takes: 20 * time.Second,
		inject: "Docker's socket is a FIFO, then a dangling link",
		must:   "status exits 1; the watchdog is notified in time; then the containers are counted",
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
	{name: "docker/redirect", command: "agent", takes: 15 * time.Second,
		inject: "every request is redirected (307) to another server",
		must:   "the redirect is not followed; status exits 1",
		play: func(r *rig) {
			t := r.trap()
			r.Docker.Use(redirect)
			a := r.agent(how{})
			r.status(20*time.Second, []int{1})
			a.stop()
			r.want(t.hits.Load() == 0, "the redirect was followed")
		}},
	{name: "docker/proxy-hangs", command: "agent", takes: 60 * time.Second,
		inject: "the Docker proxy accepts connections and never responds",
		must:   "the watchdog is notified in time; status exits 1 and names the proxy; DockerReachable is not published, but other metrics are",
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
	{name: "docker/debug-hangs", command: "debug", takes: 20 * time.Second,
		inject: "Docker accepts connections and never responds",
		must:   "it exits within 30 s and does not report the instance as healthy",
		play: func(r *rig) {
			r.Engine().Hang()
			p := r.run("debug")
			p.exits(1, 3)
			p.within(30 * time.Second)
			p.says(0, "Docker")
		}},
	{name: "docker/bundle-hangs", command: "bundle", takes: 30 * time.Second,
		inject: "Docker and the ECS agent accept connections and never respond",
		must:   "the bundle is written within 45 s and lists what could not be collected",
		play: func(r *rig) {
			r.Engine().Hang()
			r.introspection.Use(hangs)
			p := r.run("debug --bundle /tmp/b.tgz")
			p.exits(1, 3)
			p.within(45 * time.Second)
			r.wholeBundle()
		}},
}
