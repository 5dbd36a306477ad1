//go:build linux

package main

import (
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"muster/test/faults/inject"
)

// againOther: clock, limits, signals, and two faults at once.
func againOther() []row {
	return []row{
		{name: "clock/step-bootstrap", command: "bootstrap",
			inject: "IMDS is late by 6 s, and the clock jumps one day ahead meanwhile", takes: 15 * time.Second,
			must: "it joins, exit 0", with: fresh,
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
			inject: "a boot in 1976 with queued minutes; after 8 s the clock is right", takes: 100 * time.Second,
			must: "all queued minutes arrive, once",
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
		{name: "clock/check-wait", command: "check", inject: "the clock jumps one hour back while check --wait waits", takes: 40 * time.Second,
			must: "it ends in time with 1",
			play: func(r *rig) {
				r.introspection.Shut()
				p := r.start("check --wait 10s", wrong(0))
				wait(4 * time.Second)
				p.SetClock(-time.Hour)
				p.wait(40 * time.Second)
				p.exits(1)
			}},
		{name: "limit/files-start", command: "agent", inject: "8 file descriptors for the first 8 s", takes: 60 * time.Second,
			must: "it runs on, or it ends for systemd to restart; then it publishes",
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
			inject: "SIGSTOP for 12 s while it waits for the ECS agent, which registers meanwhile; then SIGCONT", takes: 30 * time.Second,
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
			must: "it runs on with the settings that it has, the journal names the file and the line, and it publishes",
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
		{name: "signal/hup-fifo", command: "agent", inject: "a FIFO in place of muster.env, then SIGHUP", takes: 30 * time.Second,
			must: "the watchdog is served, and it publishes",
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
		{name: "together/ten-bundles", command: "bundle", inject: "ten bundles at once to the same file", takes: 60 * time.Second,
			must: "each exits 0, 1 or 3; the bundle is whole, and no part is left",
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
			inject: "the clock is an hour ahead, the role's credentials are late by 8 s, minutes wait; then the right clock",
			takes:  100 * time.Second,
			must:   "all queued minutes arrive, once",
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
			inject: "IMDS is late by 5 s, and /etc/ecs is full then; afterwards there is space", takes: 30 * time.Second,
			must: "it is no success and leaves no part; the next run joins", with: fresh,
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
