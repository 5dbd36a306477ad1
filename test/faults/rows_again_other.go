//go:build linux

package main

import (
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"muster/test/faults/inject"
)

// againOther covers the clock, limits, signals, and two faults at once.
func againOther() []row {
	return []row{
		{name: "clock/step-bootstrap", command: "bootstrap",
			inject: "IMDS is available after 6 s, and the clock jumps one day ahead in the meantime", takes: 15 * time.Second,
			must: "it joins the cluster, exit 0", with: fresh,
			play: func(r *rig) {
				r.Metadata.Shut()
				r.in(6*time.Second, r.Metadata.Open)
				p := r.start(bootstrap, wrong(0))
				wait(2 * time.Second)
				p.SetClock(24 * time.Hour)
				p.wait(commandLimit)
				p.exits(0)
				r.joins()
			}},
		{name: "clock/1976-agent", command: "agent",
			inject: "the clock is in 1976 at boot, with queued minutes; after 8 s it is correct", takes: 100 * time.Second,
			must: "all queued minutes arrive exactly once",
			play: func(r *rig) {
				r.aware()
				r.queue(3)
				a := r.agent(wrong(-5 * years))
				wait(8 * time.Second)
				a.SetClock(0)
				r.settled(a, 100*time.Second)
				r.want(r.arrived() == queuedAll, "want all %d queued data, got %d", queuedAll, r.arrived())
				a.stop()
			}},
		{name: "clock/check-wait", command: "check", inject: "the clock jumps back one hour while check --wait waits", takes: 40 * time.Second,
			must: "exit 1 within the time limit",
			play: func(r *rig) {
				r.introspection.Shut()
				p := r.start("check --wait 10s", wrong(0))
				wait(4 * time.Second)
				p.SetClock(-time.Hour)
				p.wait(40 * time.Second)
				p.exits(1)
			}},
		{name: "limit/files-start", command: "agent", inject: "for the first 8 s, the process may open 8 file descriptors", takes: 60 * time.Second,
			must: "it keeps running, or exits so that systemd restarts it; then it publishes",
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
		{name: "signal/stop-verify", command: "verify",
			inject: "SIGSTOP for 12 s while it waits for the ECS agent, which registers in the meantime; then SIGCONT", takes: 30 * time.Second,
			must: "exit 0, signals are sent", with: inGroup,
			play: func(r *rig) {
				r.introspection.Shut()
				p := r.start(verify+hookFlag+stackFlags, how{})
				p.says(20*time.Second, "waiting up to")
				_ = p.Signal(syscall.SIGSTOP)
				r.broken(r.introspection.Open())
				wait(12 * time.Second)
				_ = p.Signal(syscall.SIGCONT)
				p.wait(commandLimit)
				p.exits(0)
				r.signaled()
			}},
		{name: "signal/hup-invalid", command: "agent", inject: "an invalid line in muster.env, then SIGHUP", takes: 20 * time.Second,
			must: "it keeps running with its current settings, the journal names the file and the line, and it publishes",
			play: func(r *rig) {
				a := r.agent(how{})
				_ = os.MkdirAll(r.path("etc/muster"), 0o755)
				r.broken(r.Write("etc/muster/muster.env", []byte("\nMUSTER_CLUSTR=x\n")))
				_ = a.Signal(syscall.SIGHUP)
				a.says(10*time.Second, "muster.env:2")
				r.broken(r.Remove("etc/muster/muster.env"))
				r.status(20*time.Second, []int{0, 1})
				a.stop()
				r.publishes()
			}},
		{name: "signal/hup-fifo", command: "agent", inject: "muster.env becomes a FIFO, then SIGHUP", takes: 30 * time.Second,
			must: "the watchdog is notified in time, and the agent publishes",
			play: func(r *rig) {
				a := r.agent(how{env: []string{"WATCHDOG_USEC=4000000"}})
				_ = os.MkdirAll(r.path("etc/muster"), 0o755)
				_ = r.Remove("etc/muster/muster.env")
				r.broken(syscall.Mkfifo(r.path("etc/muster/muster.env"), 0o644))
				_ = a.Signal(syscall.SIGHUP)
				wait(2 * time.Second)
				before := r.systemd.count("WATCHDOG=1")
				wait(6 * time.Second)
				r.want(r.systemd.count("WATCHDOG=1") > before, "the watchdog is not served")
				r.broken(os.Remove(r.path("etc/muster/muster.env")))
				a.stop()
				r.publishes()
			}},
		{name: "together/ten-bundles", command: "bundle", inject: "ten bundles are written to the same file at once", takes: 60 * time.Second,
			must: "each exits 0, 1 or 3; the bundle is complete, and no temporary file remains",
			play: func(r *rig) {
				var all []*prog
				for range 10 {
					all = append(all, r.start("debug --bundle /"+bundleFile, how{}))
				}
				for _, p := range all {
					p.wait(120 * time.Second)
					p.exits(0, 1, 3)
				}
				r.wholeBundle()
				left := append(r.files("tmp/b.tgz?*"), r.files("tmp/.*b.tgz*")...)
				r.want(len(left) == 0, "left behind: %v", left)
			}},
		{name: "together/credentials-clock", command: "agent",
			inject: "the clock is one hour ahead and the role's credentials are available after 8 s, with queued minutes; then the clock is correct",
			takes:  100 * time.Second,
			must:   "all queued minutes arrive exactly once",
			play: func(r *rig) {
				r.aware()
				r.queue(3)
				r.Metadata.Use(at(role, answers(404, html, "404 - Not Found")))
				a := r.agent(how{spec: inject.Spec{Clock: true, Offset: time.Hour}, env: []string{"MUSTER_WATCH_PERIOD=2s"}})
				wait(8 * time.Second)
				r.Metadata.Use(nil)
				wait(4 * time.Second)
				a.SetClock(0)
				r.settled(a, 120*time.Second)
				r.want(r.arrived() == queuedAll, "want all %d queued data, got %d", queuedAll, r.arrived())
				a.stop()
			}},
		{name: "together/late-full", command: "bootstrap",
			inject: "IMDS is available after 5 s, when /etc/ecs is full; afterwards there is space", takes: 30 * time.Second,
			must: "it exits with an error and leaves no temporary file; the next run joins the cluster", with: fresh,
			play: func(r *rig) {
				r.Metadata.Shut()
				r.in(5*time.Second, r.Metadata.Open)
				p := r.runHow(bootstrap, failing(syscall.ENOSPC, 0, "/etc/ecs/", "write", "open"))
				r.want(p.Code() != 0, "exit 0")
				r.want(len(r.leftovers()) == 0, "left behind: %v", r.leftovers())
				r.run(bootstrap).exits(0)
				r.joins()
			}},
	}
}
