//go:build linux

package main

import (
	"fmt"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"muster/internal/sandbox"
	"muster/test/faults/inject"
)

// signalRows covers signals other than SIGHUP. muster exits in time with its documented exit code, and reports no
// result that it does not have.
var signalRows = []row{
	{name: "signal/stopped-bootstrap", command: "bootstrap", takes: 150 * time.Second, with: fresh,
		inject: "another bootstrap process is stopped (SIGSTOP) while it holds the lock",
		must: "it does not delay the boot longer than its unit's 5 min: it exits with an error that names the other process, " +
			"and leaves no file half written",
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
	{name: "signal/term-verify", command: "verify", takes: 5 * time.Second, with: inGroup,
		inject: "SIGTERM while it waits",
		must:   "exit 130 within 10 s; no signal is sent",
		play:   func(r *rig) { r.interrupt(syscall.SIGTERM) }},
	{name: "signal/stop-verify", command: "verify", takes: 30 * time.Second, with: inGroup,
		inject: "SIGSTOP for 12 s while it waits for the ECS agent, which registers in the meantime; then SIGCONT",
		must:   "exit 0, signals are sent",
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
	{name: "signal/int-debug", command: "debug", takes: 5 * time.Second,
		inject: "SIGINT while Docker hangs",
		must:   "exit 130 within 10 s",
		play: func(r *rig) {
			r.Engine().Hang()
			p := r.start("debug", how{})
			wait(time.Second)
			_ = p.Signal(syscall.SIGINT)
			p.wait(10 * time.Second)
			p.exits(130)
		}},
	{name: "signal/int-bundle", command: "bundle", takes: 5 * time.Second,
		inject: "SIGINT while the bundle is collected",
		must:   "exit 130 within 10 s; no partial bundle remains",
		play: func(r *rig) {
			r.Engine().Hang()
			p := r.start("debug --bundle /tmp/b.tgz", how{})
			wait(time.Second)
			_ = p.Signal(syscall.SIGINT)
			p.wait(10 * time.Second)
			p.exits(130)
			left := append(r.files("tmp/*b.tgz*"), r.files("tmp/.*b.tgz*")...)
			r.want(len(left) == 0, "left behind: %v", left)
		}},
	{name: "signal/term-agent-early", command: "agent", takes: 30 * time.Second,
		inject: "SIGTERM 0, 10, 30, 100 and 300 ms after the start, with queued minutes",
		must:   "it exits within 15 s; the next agent sends all queued minutes exactly once",
		play: func(r *rig) {
			r.queue(3)
			for _, ms := range []time.Duration{0, 10, 30, 100, 300} {
				a := r.agentEarly(sending())
				wait(ms * time.Millisecond)
				_ = a.Signal(syscall.SIGTERM)
				a.wait(endLimit)
			}
			a := r.agent(sending("MUSTER_WATCH_PERIOD=2s"))
			r.settled(a, 60*time.Second)
			r.want(r.arrived() == queuedAll, "want all %d queued data, got %d", queuedAll, r.arrived())
			a.stop()
		}},
	{name: "signal/term-agent-hang", command: "agent", takes: 25 * time.Second,
		inject: "SIGTERM while CloudWatch hangs",
		must:   "it exits within the 15 s that its unit allows; the next agent sends nothing twice",
		play: func(r *rig) {
			r.queue(2)
			r.Sandbox().Inject(sandbox.Fault{Service: sandbox.CloudWatch, Hang: true})
			a := r.agent(sending())
			wait(lead + time.Second)
			a.stop()
			r.Sandbox().ClearFaults()
			a = r.agent(sending())
			wait(lead + 3*time.Second)
			a.stop()
			r.want(r.arrived() >= queued, "want the data of at least one of two minutes, got %d data", r.arrived())
		}},
	{name: "signal/term-hup-agent", command: "agent", takes: 10 * time.Second,
		inject: "SIGHUP and SIGTERM at once, then SIGTERM twice",
		must:   "exit 0 within 15 s; the metrics are published",
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
	{name: "signal/quit-agent", command: "agent", takes: 12 * time.Second,
		inject: "SIGUSR1, SIGALRM and SIGPIPE (a log rotation, a stray kill)",
		must:   "no queued minute is lost or sent twice, even if the agent exits",
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
	{name: "signal/stopped-agent", command: "agent", takes: 60 * time.Second,
		inject: "an agent with queued minutes is stopped (SIGSTOP), a second one starts, and the first is killed",
		must:   "the second agent sends all queued minutes exactly once",
		play: func(r *rig) {
			r.queue(3)
			a := r.agent(how{})
			_ = a.Signal(syscall.SIGSTOP)
			b := r.agent(sending("MUSTER_AGENT_STATE=/run/muster-agent/second.json", "MUSTER_WATCH_PERIOD=2s"))
			b.says(10*time.Second, "is locked by")
			a.kill()
			r.settled(b, 90*time.Second)
			r.want(r.arrived() == queuedAll, "want all %d queued data, got %d", queuedAll, r.arrived())
			b.stop()
		}},
	{name: "signal/stop-watchdog", command: "agent", takes: 20 * time.Second,
		inject: "SIGSTOP for 6 s, which exceeds the watchdog timeout of 4 s, then SIGCONT",
		must:   "it notifies the watchdog again within 3 s, and publishes nothing twice",
		play: func(r *rig) {
			a := r.agent(how{env: []string{"WATCHDOG_USEC=4000000"}})
			_ = a.Signal(syscall.SIGSTOP)
			wait(6 * time.Second)
			before := r.systemd.count("WATCHDOG=1")
			_ = a.Signal(syscall.SIGCONT)
			r.await(a, 3*time.Second, "the watchdog is served", func() bool { return r.systemd.count("WATCHDOG=1") > before })
			r.status(10*time.Second, []int{0})
			a.stop()
			r.publishes()
		}},
	{name: "signal/term-storm", command: "verify", inject: "SIGTERM 30 times within 30 ms", takes: 5 * time.Second,
		must: "exit 130; no signal is sent", with: inGroup,
		play: func(r *rig) {
			r.introspection.Shut()
			p := r.start(verify+hookFlag+stackFlags, how{})
			p.says(10*time.Second, "waiting up to")
			for range 30 {
				_ = p.Signal(syscall.SIGTERM)
				wait(time.Millisecond)
			}
			p.wait(20 * time.Second)
			p.exits(130)
			r.unsignaled()
		}},
}

// interrupt sends a signal to verify while the ECS agent is not registered.
func (r *rig) interrupt(s syscall.Signal) {
	r.introspection.Shut()
	p := r.start("verify --cluster prod --timeout 8s --on-failure abandon"+hookFlag+stackFlags, how{})
	if !p.says(10*time.Second, "waiting up to") {
		return
	}
	_ = p.Signal(s)
	p.wait(40 * time.Second)
	if s == syscall.SIGHUP && p.Code() == 10 { // verify ignored the signal and continued
		r.hookIs("ABANDON")
		return
	}
	p.exits(130)
	p.within(20 * time.Second)
	r.unsignaled()
}

// interruptRows covers SIGTERM and SIGINT at several times of a boot.
func interruptRows() (rows []row) {
	for _, after := range []time.Duration{0, 20 * time.Millisecond, 60 * time.Millisecond, 2 * time.Second} {
		for _, s := range []struct {
			name string
			is   syscall.Signal
		}{{"term", syscall.SIGTERM}, {"int", syscall.SIGINT}} {
			at := after.String()
			if after == 0 {
				at = "0ms"
			}
			rows = append(rows, row{name: "signal/" + s.name + "-bootstrap-" + at, command: "bootstrap",
				takes: 4 * time.Second, with: both(fresh, inGroup),
				inject: fmt.Sprintf("%s %s after its start", strings.ToUpper("sig"+s.name), after),
				must:   "it exits within 10 s, with 0 or 130; ecs.config has the old or the new content; the next run joins the cluster",
				play:   func(r *rig) { r.interruptBootstrap(s.is, after) }})
		}
	}
	return rows
}

// interruptBootstrap sends a signal to bootstrap some time after its start.
func (r *rig) interruptBootstrap(s syscall.Signal, after time.Duration) {
	if after > time.Second {
		r.Metadata.Use(hangs)
	}
	p := r.start(bootstrap+hookFlag+stackFlags, how{})
	wait(after)
	_ = p.Signal(s)
	p.wait(10 * time.Second)
	// Before the Go runtime has installed its handlers, a signal kills the program.
	p.exits(0, 130, -1)
	if text := r.read(ecsConfig); text != "" {
		r.joins()
	}
	r.unsignaled()
	r.Metadata.Use(nil)
	r.run(bootstrap).exits(0)
	r.joins()
	r.want(len(r.leftovers()) == 0, "left behind: %v", r.leftovers())
}
