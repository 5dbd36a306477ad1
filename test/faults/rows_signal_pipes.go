//go:build linux

package main

import (
	"net"
	"os"
	"syscall"
	"time"
)

// pipeRows covers standard output without a reader, and systemd's notification socket.
var pipeRows = []row{
	{name: "signal/pipe-status", command: "status", takes: 3 * time.Second,
		inject: "standard output is a pipe without a reader, as with head -0",
		must:   "it exits immediately and does not crash",
		play: func(r *rig) {
			a := r.agent(how{})
			p := r.start("status", how{stdout: r.closedPipe()})
			p.wait(5 * time.Second)
			r.want(p.Code() <= 1, "want no exit code but 0, 1 or SIGPIPE, got %s", p.Status())
			a.stop()
		}},
	{name: "signal/pipe-debug", command: "debug", takes: 8 * time.Second,
		inject: "standard output is a pipe without a reader",
		must:   "it exits within the time limit and does not crash",
		play: func(r *rig) {
			p := r.start("debug", how{stdout: r.closedPipe()})
			p.wait(40 * time.Second)
			r.want(p.Code() <= 4, "got %s", p.Status())
			r.run("debug").says(0, "checks:")
		}},
	{name: "signal/pipe-bundle", command: "bundle", takes: 8 * time.Second,
		inject: "the bundle is written to a pipe whose reader, such as ssh, has exited",
		must:   "it exits with an error",
		play: func(r *rig) {
			p := r.start("debug --bundle -", how{stdout: r.closedPipe()})
			p.wait(40 * time.Second)
			r.want(p.Code() != 0, "exit 0, although the bundle went nowhere")
			r.run("debug").says(0, "checks:")
		}},
	{name: "signal/notify-gone", command: "agent", takes: 10 * time.Second,
		inject: "systemd's notification socket does not exist for 4 s",
		must:   "afterwards the unit becomes ready, and the agent publishes",
		play: func(r *rig) {
			r.broken(os.Rename(r.path(notifySocket), r.path(notifySocket)+".away"))
			a := r.agentEarly(how{})
			wait(4 * time.Second)
			r.broken(os.Rename(r.path(notifySocket)+".away", r.path(notifySocket)))
			r.await(a, 10*time.Second, "muster agent is ready", func() bool { return r.systemd.count("READY=1") > 0 })
			a.stop()
			r.publishes()
		}},
	{name: "signal/notify-full", command: "agent", takes: 30 * time.Second,
		inject: "systemd does not read its notification socket, and the socket's queue is full",
		must:   "status exits 1 and names systemd; the agent publishes, and exits after SIGTERM",
		play:   notifyFull},
	{name: "signal/pipe-bootstrap", command: "bootstrap",
		inject: "standard output and error are pipes without a reader: the logger of the user data has exited", takes: 3 * time.Second,
		must: "it joins the cluster", with: fresh,
		play: func(r *rig) {
			p := r.runHow(bootstrap, brokenPipes())
			r.want(p.Code() >= 0, "it was killed: %s", p.Status())
			r.joins()
		}},
	{name: "signal/pipe-verify", command: "verify",
		inject: "standard output and error are pipes without a reader", takes: 3 * time.Second,
		must: "signals are sent", with: inGroup,
		play: func(r *rig) {
			p := r.runHow(verify+hookFlag+stackFlags, brokenPipes())
			r.want(p.Code() >= 0, "it was killed: %s", p.Status())
			r.signaled()
		}},
	{name: "signal/pipe-agent", command: "agent",
		inject: "standard output and error are pipes without a reader: journald has crashed", takes: 60 * time.Second,
		must: "it publishes, or exits so that systemd restarts it with a new journal; all queued minutes arrive",
		play: func(r *rig) {
			r.queue(3)
			a := r.agentEarly(brokenPipes().sending())
			wait(3 * time.Second)
			if !a.running() {
				a = r.agent(sending("MUSTER_WATCH_PERIOD=2s"))
			}
			r.settled(a, 60*time.Second)
			r.want(r.arrived() == queuedAll, "want all %d queued data, got %d", queuedAll, r.arrived())
			a.stop()
		}},
}

func notifyFull(r *rig) {
	path := r.path("run/full")
	conn, err := net.ListenPacket("unixgram", path)
	r.broken(err)
	defer conn.Close()
	r.broken(os.Chmod(path, 0o666))
	a := r.start(agentCommand, how{env: []string{"NOTIFY_SOCKET=/run/full", "WATCHDOG_USEC=200000", "MUSTER_WATCH_PERIOD=2s"}})
	r.status(30*time.Second, []int{1}, "systemd")
	a.stop()
	r.publishes()
}

// brokenPipes makes every write to standard output and error fail, as when the program at the other end of the pipe
// has exited.
func brokenPipes() how { return failing(syscall.EPIPE, 0, "pipe:", "write") }
