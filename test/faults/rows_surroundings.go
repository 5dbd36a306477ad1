//go:build linux

package main

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	"muster/internal/sandbox"
)

// surroundingsRows covers what a process inherits and what other programs do at the same time: a broken standard error,
// the environment, and another editor of a file.
func surroundingsRows() []row {
	return append(append(brokenPipeRows(), environmentRows()...), []row{
		{name: "together/config-edited", command: "bootstrap",
			inject: "while ECS responds slowly, another program appends a line to ecs.config", takes: 10 * time.Second,
			must: "ecs.config has both the cluster and that line", with: notStarted,
			play: func(r *rig) {
				r.broken(r.Write(ecsConfig, []byte("ECS_LOGLEVEL=debug\n")))
				r.Sandbox().Inject(sandbox.Fault{Service: sandbox.ECS, Delay: 4 * time.Second, Times: 1})
				p := r.start(bootstrap, how{})
				wait(2 * time.Second)
				f, err := os.OpenFile(r.path(ecsConfig), os.O_APPEND|os.O_WRONLY, 0)
				r.broken(err)
				_, err = fmt.Fprintln(f, "ECS_ENABLE_SPOT_INSTANCE_DRAINING=true")
				r.broken(err)
				r.broken(f.Close())
				p.wait(commandLimit)
				p.exits(0)
				r.joins()
				r.want(strings.Contains(r.read(ecsConfig), "ECS_ENABLE_SPOT_INSTANCE_DRAINING=true\n"), "the line is lost")
			}},
		{name: "together/agents-killed", command: "agent",
			inject: "an agent waits for the spool of another one, which is killed with -9; four times", takes: 60 * time.Second,
			must: "the next agent takes over; at most one request is lost, and nothing is sent twice",
			play: func(r *rig) {
				r.queue(3)
				a := r.agent(sending("MUSTER_WATCH_PERIOD=2s"))
				for i := range 4 {
					b := r.agentEarly(sending("MUSTER_WATCH_PERIOD=2s", fmt.Sprintf("MUSTER_AGENT_STATE=/run/muster-agent/%d.json", i)))
					wait(3 * time.Second)
					a.kill()
					a = b
				}
				r.await(a, 60*time.Second, "the queued data have arrived", func() bool { return r.arrived() >= 2*queued })
				a.stop()
				r.publishes()
			}},
		{name: "disk/no-etc-ecs", command: "bootstrap", inject: "/etc/ecs does not exist", takes: 3 * time.Second,
			must: "it is created, and the instance joins the cluster, exit 0", with: fresh,
			play: func(r *rig) {
				r.broken(os.RemoveAll(r.path("etc/ecs")))
				r.run(bootstrap).exits(0)
				r.joins()
			}},
		{name: "disk/state-is-file", command: "bootstrap", inject: "/var/lib/muster is a regular file", takes: 3 * time.Second,
			must: "exit 1 names it", with: fresh,
			play: func(r *rig) {
				r.broken(os.RemoveAll(r.path("var/lib/muster")))
				r.broken(r.Write("var/lib/muster", []byte("x")))
				p := r.run(bootstrap)
				p.exits(1)
				p.says(0, "/var/lib/muster")
			}},
		{name: "disk/interrupted", command: "bootstrap", inject: "EINTR three times for each kind of call", takes: 5 * time.Second,
			must: "it joins the cluster, exit 0", with: fresh,
			play: func(r *rig) {
				r.runHow(bootstrap, failing(syscall.EINTR, 3, "/", "open", "write", "rename", "fsync", "read")).exits(0)
				r.joins()
			}},
		{name: "disk/quota", command: "agent", inject: "EDQUOT three times when the state is written", takes: 30 * time.Second,
			must: "afterwards status exits 0; the agent publishes",
			play: func(r *rig) {
				a := r.agent(failing(syscall.EDQUOT, 3, "/run/muster-agent", "rename", "open", "write"))
				r.status(30*time.Second, []int{0})
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
	}...)
}

// brokenPipes makes every write to standard output and error fail, as when the program at the other end of the pipe
// has exited.
func brokenPipes() how { return failing(syscall.EPIPE, 0, "pipe:", "write") }

func brokenPipeRows() []row {
	return []row{
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
}

// environmentRows covers variables that user data or a drop-in of a unit can set.
func environmentRows() (rows []row) {
	for _, e := range []string{"AWS_MAX_ATTEMPTS=abc", "AWS_CA_BUNDLE=/missing.pem", "AWS_USE_FIPS_ENDPOINT=maybe", "AWS_PROFILE=missing"} {
		name, _, _ := strings.Cut(e, "=")
		rows = append(rows, row{name: "aws/invalid-" + dashed(name), command: "bootstrap", inject: "`" + e + "`",
			takes: 3 * time.Second, must: "exit 78 names the variable", with: fresh,
			play: func(r *rig) {
				p := r.runHow(bootstrap, how{env: []string{e}})
				p.exits(78)
				p.says(0, name)
			}})
	}
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
