//go:build linux

package main

import (
	"os"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"muster/test/faults/inject"
)

// limitRows covers resource limits of muster itself. muster must not blame another program for them, and must not
// damage any file.
var limitRows = []row{
	{name: "limit/files-bootstrap", command: "bootstrap", takes: 10 * time.Second, with: fresh,
		inject: "the process may open 6 file descriptors",
		must:   "it joins the cluster, or exits with an error and leaves no file half written",
		play: func(r *rig) {
			p := r.runHow(bootstrap+" --imds-timeout 4s", limited(unix.RLIMIT_NOFILE, 6))
			p.exits(0, 1, 3)
			if p.Code() == 0 {
				r.joins()
			}
			r.run(bootstrap).exits(0)
			r.joins()
			r.want(len(r.leftovers()) == 0, "left behind: %v", r.leftovers())
		}},
	{name: "limit/files-verify", command: "verify", takes: 30 * time.Second, with: inGroup,
		inject: "verify may open 5, 7, 9 and then 11 file descriptors, and finally enough",
		must:   "its own limit does not count as a failed instance: neither FAILURE nor ABANDON is sent; the next run sends the signals",
		play: func(r *rig) {
			r.expectCrash = true // the Go runtime cannot start with so little memory
			for _, n := range []uint64{5, 7, 9, 11} {
				p := r.runHow(
					"verify --cluster prod --timeout 4s"+hookFlag+stackFlags+" --on-failure abandon",
					limited(unix.RLIMIT_NOFILE, n),
				)
				if p.Code() == 0 {
					continue
				}
				r.want(!r.stackHas("FAILURE"), "%d descriptors: the stack got FAILURE", n)
				r.want(r.Sandbox().Hook(hook).Result != "ABANDON", "%d descriptors: the hook got ABANDON", n)
			}
			r.run(verify + hookFlag + stackFlags).exits(0)
			r.signaled()
		}},
	{name: "limit/files-agent", command: "agent", takes: 100 * time.Second,
		inject: "all file descriptors are in use for 8 s",
		must:   "all queued minutes arrive; none is set aside; Docker and IMDS are not reported as the cause",
		play: func(r *rig) {
			r.queue(3)
			a := r.agent(sending("MUSTER_WATCH_PERIOD=2s"))
			var was unix.Rlimit
			r.broken(unix.Prlimit(a.Pid(), unix.RLIMIT_NOFILE, nil, &was))
			r.broken(unix.Prlimit(a.Pid(), unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 3, Max: was.Max}, nil))
			wait(lead + 4*time.Second)
			r.broken(unix.Prlimit(a.Pid(), unix.RLIMIT_NOFILE, &was, nil))
			for _, blamed := range []string{"Engine is not running", "nothing is reached"} {
				r.want(!a.printed(blamed), "the journal blames another: %s", after(a.stderr.String(), blamed))
			}
			r.settled(a, 90*time.Second)
			r.want(r.arrived() == queuedAll, "want all %d queued data, got %d", queuedAll, r.arrived())
			r.want(len(r.files(spoolDir+"/*.damaged")) == 0, "minutes were set aside as damaged")
			a.stop()
		}},
	{name: "limit/files-start", command: "agent", takes: 60 * time.Second,
		inject: "for the first 8 s, the process may open 8 file descriptors",
		must:   "it keeps running, or exits so that systemd restarts it; then it publishes",
		play: func(r *rig) {
			a := r.agentEarly(how{})
			r.broken(unix.Prlimit(a.Pid(), unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 8, Max: 1024}, nil))
			wait(8 * time.Second)
			if a.running() {
				r.broken(unix.Prlimit(a.Pid(), unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 1024, Max: 1024}, nil))
			} else {
				a = r.agent(how{})
			}
			r.status(90*time.Second, []int{0})
			a.stop()
			r.publishes()
		}},
	{name: "limit/files-debug", command: "debug", takes: 20 * time.Second,
		inject: "the process may open 9 file descriptors",
		must:   "no check fails for that reason: the checks are unknown, and the output names the descriptors",
		play: func(r *rig) {
			p := r.runHow("debug", limited(unix.RLIMIT_NOFILE, 9))
			p.exits(0, 3)
			p.says(0, "descriptors")
		}},
	{name: "limit/file-size", command: "bootstrap", with: notStarted,
		inject: "no file may grow (RLIMIT_FSIZE 0)",
		must:   "it exits with an error; ecs.config is unchanged",
		play: func(r *rig) {
			p := r.runHow(toDefault, limited(unix.RLIMIT_FSIZE, 0))
			r.want(p.Code() != 0, "exit 0, although nothing could be written")
			r.want(r.read(ecsConfig) == "ECS_CLUSTER=prod\n", "ecs.config is not the old one: %q", r.read(ecsConfig))
			r.run(toDefault).exits(0)
			r.want(len(r.leftovers()) == 0, "left behind: %v", r.leftovers())
		}},
	{name: "limit/file-size-verify", command: "verify", takes: 10 * time.Second, with: inGroup,
		inject: "no file may grow (RLIMIT_FSIZE 0)",
		must:   "the signals are still delivered",
		play: func(r *rig) {
			r.runHow(verify+hookFlag+stackFlags, limited(unix.RLIMIT_FSIZE, 0))
			r.signaled()
		}},
	{name: "limit/file-size-agent", command: "agent", takes: 10 * time.Second,
		inject: "no file may grow (RLIMIT_FSIZE 0)",
		must:   "metrics are published from memory",
		play: func(r *rig) {
			a := r.agent(limited(unix.RLIMIT_FSIZE, 0))
			wait(2 * time.Second)
			a.stop()
			r.publishes()
		}},
	{name: "limit/memory-bootstrap", command: "bootstrap", with: notStarted,
		inject: "the address space is limited to 100 MB, with which a Go program cannot start",
		must:   "it exits with an error and damages nothing; the next run joins the cluster",
		play: func(r *rig) {
			r.expectCrash = true
			p := r.runHow(toDefault, limited(unix.RLIMIT_AS, 100<<20))
			r.want(p.Code() != 0 || strings.Contains(r.read(ecsConfig), "=default\n"), "exit 0, although nothing was written")
			r.run(toDefault).exits(0)
			r.want(strings.Contains(r.read(ecsConfig), "=default\n"), "the second run did not write")
		}},
	{name: "limit/threads-agent", command: "agent", takes: 40 * time.Second,
		inject: "the agent's user may run 4 threads",
		must:   "an agent that cannot run exits, so that systemd restarts it; the next one sends all queued minutes exactly once",
		play: func(r *rig) {
			r.expectCrash = true
			r.queue(3)
			h := r.asUser(sending())
			h.spec.Limits = map[int]uint64{unix.RLIMIT_NPROC: 4}
			a := r.agentEarly(h)
			wait(4 * time.Second)
			if a.running() {
				a.kill()
			}
			a = r.agent(r.asUser(sending("MUSTER_WATCH_PERIOD=2s")))
			r.settled(a, 60*time.Second)
			r.want(r.arrived() == queuedAll, "want all %d queued data, got %d", queuedAll, r.arrived())
			a.stop()
		}},
	{name: "limit/cgroup", command: "agent", takes: 30 * time.Second,
		inject: "a memory limit of 128 MB, as in its unit, and a container list of 29 MB in every request",
		must:   "the kernel does not kill the agent, and it publishes",
		play: func(r *rig) {
			dir := r.cgroup(memoryMax)
			defer os.Remove(dir)
			r.Docker.Use(bigList)
			a := r.agent(how{spec: inject.Spec{Cgroup: dir}})
			for range 4 {
				wait(2 * time.Second)
				r.Docker.Shut() // makes the agent request the list again
				r.broken(r.Docker.Open())
			}
			wait(2 * time.Second)
			a.stop()
			r.publishes()
			<-a.Ended()
		}},
	{name: "limit/umask-closed", command: "bootstrap", inject: "bootstrap and verify run with umask 0777", takes: 20 * time.Second,
		must: "exit 0, signals are sent; root can read ecs.config; the agent publishes", with: inGroup,
		play: func(r *rig) {
			syscall.Umask(0o777)
			r.run(bootstrap).exits(0)
			r.run(verify + hookFlag + stackFlags).exits(0)
			syscall.Umask(0o022)
			r.signaled()
			info, err := os.Stat(r.path(ecsConfig))
			r.broken(err)
			r.want(info.Mode().Perm()&0o600 == 0o600, "ecs.config has mode %o", info.Mode().Perm())
			a := r.agent(how{})
			a.stop()
			r.publishes()
		}},
}

// oddEnvironment covers variables that user data or a drop-in of a unit can set.
func oddEnvironment() (rows []row) {
	for _, e := range []string{"AWS_REGION=nowhere-9", "GODEBUG=x=y,netdns=9", "TZ=:/etc/shadow", "COLUMNS=-1"} {
		name, _, _ := strings.Cut(e, "=")
		rows = append(rows, row{name: "limit/odd-" + dashed(name), command: "bootstrap", inject: "`" + e + "`",
			takes: 8 * time.Second, must: "it joins the cluster, exit 0; debug exits 0, 1 or 3", with: fresh,
			play: func(r *rig) {
				h := how{env: []string{e}}
				r.runHow(bootstrap, h).exits(0)
				r.joins()
				r.runHow("debug", h).exits(0, 1, 3)
			}})
	}
	return rows
}

func dashed(name string) string { return strings.ToLower(strings.ReplaceAll(name, "_", "-")) }
