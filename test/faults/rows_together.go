//go:build linux

package main

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	"muster/internal/sandbox"
	"muster/test/faults/inject"
)

// togetherRows covers several muster processes at once, and two faults at once.
var togetherRows = []row{
	{name: "together/eight-bootstraps", command: "bootstrap", takes: 10 * time.Second, with: fresh,
		inject: "eight bootstrap processes run at once",
		must:   "each exits 0 with the same result; no temporary file remains",
		play: func(r *rig) {
			var all []*prog
			for range 8 {
				all = append(all, r.start(bootstrap, how{}))
			}
			for _, p := range all {
				p.wait(commandLimit)
				p.exits(0)
			}
			r.joins()
			r.want(len(r.leftovers()) == 0, "left behind: %v", r.leftovers())
		}},
	{name: "together/two-clusters", command: "bootstrap", takes: 10 * time.Second, with: fresh,
		inject: "two bootstrap processes run at once, for different clusters",
		must:   "ecs.config and the record name the same cluster",
		play: func(r *rig) {
			a, b := r.start(bootstrap, how{}), r.start(toDefault, how{})
			a.wait(commandLimit)
			b.wait(commandLimit)
			r.want(a.Code() == 0 || b.Code() == 0, "neither succeeded: %s, %s", a.Status(), b.Status())
			for _, name := range []string{"prod", "default"} {
				if strings.Contains(r.read(ecsConfig), "ECS_CLUSTER="+name+"\n") {
					r.want(strings.Contains(r.read(recordFile), `"`+name+`"`), "ecs.config names %s, the record does not: %s", name, r.read(recordFile))
					return
				}
			}
			r.wrong("ecs.config names neither: %q", r.read(ecsConfig))
		}},
	{name: "together/two-agents", command: "agent", takes: 30 * time.Second,
		inject: "a second agent uses the same spool",
		must:   "all queued minutes arrive exactly once; the second agent logs why it does not publish, and takes over when the first one exits",
		play: func(r *rig) {
			r.queue(3)
			a := r.agent(sending("MUSTER_WATCH_PERIOD=2s"))
			b := r.agent(sending("MUSTER_AGENT_STATE=/run/muster-agent/second.json"))
			b.says(10*time.Second, "is locked by")
			r.settled(a, 60*time.Second)
			r.want(r.arrived() == queuedAll, "want all %d queued data, got %d", queuedAll, r.arrived())
			a.stop()
			b.stop()
		}},
	{name: "together/verify-bootstrap", command: "verify", takes: 10 * time.Second, with: inGroup,
		inject: "bootstrap and verify run at once",
		must:   "both exit 0; signals are sent",
		play: func(r *rig) {
			b, v := r.start(bootstrap+hookFlag+stackFlags, how{}), r.start(verify+hookFlag+stackFlags, how{})
			b.wait(commandLimit)
			v.wait(commandLimit)
			b.exits(0)
			v.exits(0)
			r.signaled()
			r.joins()
		}},
	{name: "together/two-verifies", command: "verify", takes: 10 * time.Second, with: inGroup,
		inject: "two verify processes run at once",
		must:   "both exit 0; the hook is completed exactly once",
		play: func(r *rig) {
			a, b := r.start(verify+hookFlag+stackFlags, how{}), r.start(verify+hookFlag+stackFlags, how{})
			a.wait(commandLimit)
			b.wait(commandLimit)
			a.exits(0)
			b.exits(0)
			r.signaled()
		}},
	{name: "together/ten-bundles", command: "bundle", takes: 60 * time.Second,
		inject: "ten bundles are written to the same file at once",
		must:   "each exits 0, 1 or 3; the bundle is complete, and no temporary file remains",
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
	{name: "together/status-agent", command: "status", takes: 20 * time.Second,
		inject: "status runs 40 times while the agent writes its state after each of 200 events",
		must:   "each run reads a complete state: exit 0 or 1, never 3",
		play: func(r *rig) {
			id := r.container()
			a := r.agent(how{})
			r.status(10*time.Second, []int{0, 1})
			for i := range 40 {
				for k := range 5 {
					r.Engine().Health(id, []string{"healthy", "unhealthy"}[(i+k)%2])
				}
				r.run("status").exits(0, 1)
			}
			a.stop()
		}},
	{name: "together/debug-agent", command: "debug", takes: 10 * time.Second,
		inject: "debug with a bundle while the agent runs",
		must:   "exit 0; the bundle is complete; the agent publishes",
		play: func(r *rig) {
			a := r.agent(how{})
			r.run("debug --bundle /tmp/b.tgz").exits(0)
			r.wholeBundle()
			a.stop()
			r.publishes()
		}},
	{name: "together/imds-docker", command: "agent", takes: 40 * time.Second,
		inject: "IMDS is available after 6 s and Docker after 9 s",
		must:   "status names both, then exits 0; it publishes",
		play: func(r *rig) {
			r.container()
			r.Metadata.Shut()
			r.Docker.Shut()
			a := r.agent(how{})
			r.status(10*time.Second, []int{1}, "instance metadata", "Docker")
			r.in(6*time.Second, r.Metadata.Open)
			r.in(9*time.Second, r.Docker.Open)
			r.status(60*time.Second, []int{0}, "1 running")
			a.stop()
			r.publishes()
			r.reachable(1)
		}},
	{name: "together/503-full", command: "agent", takes: 10 * time.Second, with: full(spoolDir),
		inject: "CloudWatch returns 503 once and the spool is full",
		must:   "no data point counts twice, and the next agent publishes",
		play: func(r *rig) {
			r.Sandbox().Inject(sandbox.Fault{Service: sandbox.CloudWatch, Status: 503, Code: "ServiceUnavailable", Times: 1})
			a := r.agent(how{})
			a.stop()
			a = r.agent(how{})
			a.stop()
			r.publishes()
		}},
	{name: "together/late-full", command: "bootstrap", takes: 30 * time.Second, with: fresh,
		inject: "IMDS is available after 5 s, when /etc/ecs is full; afterwards there is space",
		must:   "it exits with an error and leaves no temporary file; the next run joins the cluster",
		play: func(r *rig) {
			r.Metadata.Shut()
			r.in(5*time.Second, r.Metadata.Open)
			p := r.runHow(bootstrap, failing(syscall.ENOSPC, 0, "/etc/ecs/", "write", "open"))
			r.want(p.Code() != 0, "exit 0")
			r.want(len(r.leftovers()) == 0, "left behind: %v", r.leftovers())
			r.run(bootstrap).exits(0)
			r.joins()
		}},
	{name: "together/throttle-clock", command: "agent", takes: 60 * time.Second,
		inject: "CloudWatch throttles, and the clock is 20 minutes behind AWS's",
		must:   "all queued minutes arrive exactly once",
		play: func(r *rig) {
			r.Sandbox().Inject(sandbox.Fault{Service: sandbox.CloudWatch, Kind: sandbox.KindThrottled, Times: 2})
			r.Sandbox().Inject(sandbox.ClockSkew("", 20*time.Minute))
			r.queue(3)
			a := r.agent(sending("MUSTER_WATCH_PERIOD=2s"))
			r.settled(a, 60*time.Second)
			r.want(r.arrived() == queuedAll, "want all %d queued data, got %d", queuedAll, r.arrived())
			a.stop()
		}},
	{name: "together/credentials-clock", command: "agent", takes: 100 * time.Second,
		inject: "the clock is one hour ahead and the role's credentials are available after 8 s, with queued minutes; then the clock is correct",
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
	{name: "together/all-away", command: "agent", takes: 60 * time.Second,
		inject: "IMDS, Docker, the ECS agent and AWS do not respond for 8 s",
		must:   "the unit still becomes ready; status exits 1, then 0; the agent publishes",
		play: func(r *rig) {
			fronts := []interface{ Open() error }{r.Metadata, r.Docker, r.introspection, r.AWS}
			r.Metadata.Shut()
			r.Docker.Shut()
			r.introspection.Shut()
			r.AWS.Shut()
			a := r.agent(how{env: []string{"MUSTER_WATCH_PERIOD=2s"}})
			r.status(10*time.Second, []int{1})
			wait(8 * time.Second)
			for _, f := range fronts {
				r.broken(f.Open())
			}
			r.status(90*time.Second, []int{0}, "registered   yes")
			a.stop()
			r.publishes()
		}},
	{name: "together/verify-imds-aws", command: "verify", takes: 30 * time.Second, with: inGroup,
		inject: "IMDS is available after 4 s and AWS after 8 s, then CloudFormation throttles once",
		must:   "signals are sent, exit 0",
		play: func(r *rig) {
			r.Metadata.Shut()
			r.AWS.Shut()
			r.in(4*time.Second, r.Metadata.Open)
			r.in(8*time.Second, r.AWS.Open)
			r.Sandbox().Inject(sandbox.Fault{Service: sandbox.CloudFormation, Kind: sandbox.KindThrottled, Times: 1})
			p := r.start(verify+hookFlag+stackFlags, how{})
			p.wait(2 * time.Minute)
			p.exits(0)
			r.signaled()
		}},
	{name: "together/kill-restart", command: "agent", takes: 60 * time.Second,
		inject: "six times kill -9 and a restart, one second apart, with queued minutes",
		must:   "all queued minutes arrive, except for at most one request per kill; none arrives twice",
		play: func(r *rig) {
			r.queue(8)
			for range 6 {
				a := r.agentEarly(sending())
				wait(time.Second)
				a.kill()
			}
			a := r.agent(sending("MUSTER_WATCH_PERIOD=2s"))
			r.await(a, 100*time.Second, "the spool of 8 minutes is empty", func() bool { return len(r.files(spoolDir+"/*-3.minute")) == 0 })
			r.want(r.arrived() == 8*queued, "nothing was sent when it was killed: want all %d queued data, got %d", 8*queued, r.arrived())
			a.stop()
		}},
	{name: "together/late-imds-kill", command: "agent",
		inject: "IMDS does not respond, and the agent is killed with -9 three times; then IMDS responds", takes: 60 * time.Second,
		must: "all queued minutes arrive exactly once",
		play: func(r *rig) {
			r.queue(3)
			r.Metadata.Shut()
			for range 3 {
				a := r.agentEarly(sending("MUSTER_WATCH_PERIOD=2s"))
				wait(2 * time.Second)
				a.kill()
			}
			r.broken(r.Metadata.Open())
			a := r.agent(sending("MUSTER_WATCH_PERIOD=2s"))
			r.settled(a, 60*time.Second)
			r.want(r.arrived() == queuedAll, "want all %d queued data, got %d", queuedAll, r.arrived())
			a.stop()
		}},
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
}
