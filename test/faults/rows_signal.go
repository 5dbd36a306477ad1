//go:build linux

package main

import (
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"muster/internal/sandbox"
	"muster/test/faults/inject"
)

// signalRows covers signals. muster exits in time with its documented exit code, and reports no result that it does not
// have.
func signalRows() []row {
	var rows []row
	for _, at := range []struct {
		name string
		d    time.Duration
	}{{"0ms", 0}, {"20ms", 20 * time.Millisecond}, {"60ms", 60 * time.Millisecond}, {"2s", 2 * time.Second}} {
		for _, s := range []struct {
			name string
			is   syscall.Signal
		}{{"term", syscall.SIGTERM}, {"int", syscall.SIGINT}} {
			rows = append(
				rows,
				row{
					name:    "signal/" + s.name + "-bootstrap-" + at.name,
					command: "bootstrap",
					inject:  fmt.Sprintf("%s %s after its start", strings.ToUpper("sig"+s.name), at.d),
					takes:   4 * time.Second,
					must:    "it exits within 10 s, with 0 or 130; ecs.config has the old or the new content; the next run joins the cluster",
					with:    both(fresh, inGroup),
					play: func(r *rig) {
						if at.d > time.Second {
							r.Metadata.Use(hangs)
						}
						p := r.start(bootstrap+hookFlag+stackFlags, how{})
						wait(at.d)
						_ = p.Signal(s.is)
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
					},
				},
			)
		}
	}
	return append(rows, []row{
		{
			name:    "signal/term-verify",
			command: "verify",
			inject:  "SIGTERM while it waits",
			takes:   5 * time.Second,
			must:    "exit 130 within 10 s; no signal is sent",
			with:    inGroup,
			play:    func(r *rig) { r.interrupt(syscall.SIGTERM) },
		},
		{
			name:    "signal/hup-verify",
			command: "verify",
			inject:  "SIGHUP while it waits",
			takes:   5 * time.Second,
			must:    "it reports the signal and exits with 130, or continues; it does not exit silently",
			with:    inGroup,
			play:    func(r *rig) { r.interrupt(syscall.SIGHUP) },
		},
		{
			name:    "signal/hup-bootstrap",
			command: "bootstrap",
			inject:  "SIGHUP while it waits for IMDS",
			takes:   5 * time.Second,
			must:    "it reports the signal and exits with 130, or continues; it does not exit silently",
			with:    fresh,
			play: func(r *rig) {
				r.Metadata.Use(hangs)
				p := r.start(bootstrap+" --imds-timeout 6s", how{})
				wait(2 * time.Second)
				_ = p.Signal(syscall.SIGHUP)
				p.wait(20 * time.Second)
				p.exits(3, 130)
				r.want(p.stderr.String() != "", "it says nothing")
			},
		},
		{
			name:    "signal/int-debug",
			command: "debug",
			inject:  "SIGINT while Docker hangs",
			takes:   5 * time.Second,
			must:    "exit 130 within 10 s",
			play: func(r *rig) {
				r.Engine().Hang()
				p := r.start("debug", how{})
				wait(time.Second)
				_ = p.Signal(syscall.SIGINT)
				p.wait(10 * time.Second)
				p.exits(130)
			},
		},
		{
			name:    "signal/int-bundle",
			command: "bundle",
			inject:  "SIGINT while the bundle is collected",
			takes:   5 * time.Second,
			must:    "exit 130 within 10 s; no partial bundle remains",
			play: func(r *rig) {
				r.Engine().Hang()
				p := r.start("debug --bundle /tmp/b.tgz", how{})
				wait(time.Second)
				_ = p.Signal(syscall.SIGINT)
				p.wait(10 * time.Second)
				p.exits(130)
				left := append(r.files("tmp/*b.tgz*"), r.files("tmp/.*b.tgz*")...)
				r.want(len(left) == 0, "left behind: %v", left)
			},
		},
		{
			name:    "signal/hup-agent",
			command: "agent",
			inject:  "five SIGHUP in a row",
			takes:   8 * time.Second,
			must:    "it reloads its settings and keeps running",
			play: func(r *rig) {
				a := r.agent(how{})
				for range 5 {
					_ = a.Signal(syscall.SIGHUP)
					wait(200 * time.Millisecond)
				}
				r.status(10*time.Second, []int{0})
				a.stop()
				r.publishes()
			},
		},
		{
			name:    "signal/hup-agent-early",
			command: "agent",
			inject:  "SIGHUP while the agent waits for IMDS at its start",
			takes:   8 * time.Second,
			must:    "it keeps running",
			play: func(r *rig) {
				r.Metadata.Use(hangs)
				a := r.agentEarly(how{})
				wait(time.Second)
				_ = a.Signal(syscall.SIGHUP)
				wait(4 * time.Second)
				r.Metadata.Use(nil)
				r.status(40*time.Second, []int{0})
				a.stop()
			},
		},
		{
			name:    "signal/term-agent-hang",
			command: "agent",
			inject:  "SIGTERM while CloudWatch hangs",
			takes:   25 * time.Second,
			must:    "it exits within the 15 s that its unit allows; the next agent sends nothing twice",
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
			},
		},
		{
			name:    "signal/stop-watchdog",
			command: "agent",
			inject:  "SIGSTOP for 6 s, which exceeds the watchdog timeout of 4 s, then SIGCONT",
			takes:   20 * time.Second,
			must:    "it notifies the watchdog again within 3 s, and publishes nothing twice",
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
			},
		},
		{
			name:    "signal/pipe-status",
			command: "status",
			inject:  "standard output is a pipe without a reader, as with head -0",
			takes:   3 * time.Second,
			must:    "it exits immediately and does not crash",
			play: func(r *rig) {
				a := r.agent(how{})
				p := r.start("status", how{stdout: r.closedPipe()})
				p.wait(5 * time.Second)
				r.want(p.Code() <= 1, "want no exit code but 0, 1 or SIGPIPE, got %s", p.Status())
				a.stop()
			},
		},
		{
			name:    "signal/pipe-debug",
			command: "debug",
			inject:  "standard output is a pipe without a reader",
			takes:   8 * time.Second,
			must:    "it exits within the time limit and does not crash",
			play: func(r *rig) {
				p := r.start("debug", how{stdout: r.closedPipe()})
				p.wait(40 * time.Second)
				r.want(p.Code() <= 4, "got %s", p.Status())
				r.run("debug").says(0, "checks:")
			},
		},
		{
			name:    "signal/pipe-bundle",
			command: "bundle",
			inject:  "the bundle is written to a pipe whose reader, such as ssh, has exited",
			takes:   8 * time.Second,
			must:    "it exits with an error",
			play: func(r *rig) {
				p := r.start("debug --bundle -", how{stdout: r.closedPipe()})
				p.wait(40 * time.Second)
				r.want(p.Code() != 0, "exit 0, although the bundle went nowhere")
				r.run("debug").says(0, "checks:")
			},
		},
		{
			name:    "signal/notify-gone",
			command: "agent",
			inject:  "systemd's notification socket does not exist for 4 s",
			takes:   10 * time.Second,
			must:    "afterwards the unit becomes ready, and the agent publishes",
			play: func(r *rig) {
				r.broken(os.Rename(r.path(notifySocket), r.path(notifySocket)+".away"))
				a := r.agentEarly(how{})
				wait(4 * time.Second)
				r.broken(os.Rename(r.path(notifySocket)+".away", r.path(notifySocket)))
				r.await(a, 10*time.Second, "muster agent is ready", func() bool { return r.systemd.count("READY=1") > 0 })
				a.stop()
				r.publishes()
			},
		},
		{
			name:    "signal/stopped-bootstrap",
			command: "bootstrap",
			inject:  "another bootstrap process is stopped (SIGSTOP) while it holds the lock",
			takes:   150 * time.Second,
			must:    "it does not delay the boot longer than its unit's 5 min: it exits with an error that names the other process, and leaves no file half written",
			with:    fresh,
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
			},
		},
		{
			name:    "signal/quit-agent",
			command: "agent",
			inject:  "SIGUSR1, SIGALRM and SIGPIPE (a log rotation, a stray kill)",
			takes:   12 * time.Second,
			must:    "no queued minute is lost or sent twice, even if the agent exits",
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
			},
		},
		{
			name:    "signal/term-hup-agent",
			command: "agent",
			inject:  "SIGHUP and SIGTERM at once, then SIGTERM twice",
			takes:   10 * time.Second,
			must:    "exit 0 within 15 s; the metrics are published",
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
			},
		},
		{
			name:    "signal/stopped-agent",
			command: "agent",
			inject:  "an agent with queued minutes is stopped (SIGSTOP), a second one starts, and the first is killed",
			takes:   60 * time.Second,
			must:    "the second agent sends all queued minutes exactly once",
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
			},
		},
		{
			name:    "signal/term-agent-early",
			command: "agent",
			inject:  "SIGTERM 0, 10, 30, 100 and 300 ms after the start, with queued minutes",
			takes:   30 * time.Second,
			must:    "it exits within 15 s; the next agent sends all queued minutes exactly once",
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
			},
		},
	}...)
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

// closedPipe returns the write end of a pipe that has no reader.
func (r *rig) closedPipe() *os.File {
	read, write, err := os.Pipe()
	r.broken(err)
	r.broken(read.Close())
	return write
}
