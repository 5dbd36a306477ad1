//go:build linux

package main

import (
	"fmt"
	"strings"
	"time"

	"muster/internal/sandbox"
)

// togetherRows covers several muster processes at once, and two faults at once.
func togetherRows() []row {
	return []row{
		{name: "together/eight-bootstraps", command: "bootstrap", inject: "eight bootstrap processes run at once", takes: 10 * time.Second,
			must: "each exits 0 with the same result; no temporary file remains", with: fresh,
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
		{name: "together/two-clusters", command: "bootstrap", inject: "two bootstrap processes run at once, for different clusters", takes: 10 * time.Second,
			must: "ecs.config and the record name the same cluster", with: fresh,
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
		{name: "together/two-agents", command: "agent", inject: "a second agent uses the same spool", takes: 30 * time.Second,
			must: "all queued minutes arrive exactly once; the second agent logs why it does not publish, and takes over when the first one exits",
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
		{name: "together/verify-bootstrap", command: "verify", inject: "bootstrap and verify run at once", takes: 10 * time.Second, must: "both exit 0; signals are sent", with: inGroup,
			play: func(r *rig) {
				b, v := r.start(bootstrap+hookFlag+stackFlags, how{}), r.start(verify+hookFlag+stackFlags, how{})
				b.wait(commandLimit)
				v.wait(commandLimit)
				b.exits(0)
				v.exits(0)
				r.signaled()
				r.joins()
			}},
		{name: "together/two-verifies", command: "verify", inject: "two verify processes run at once", takes: 10 * time.Second, must: "both exit 0; the hook is completed exactly once", with: inGroup,
			play: func(r *rig) {
				a, b := r.start(verify+hookFlag+stackFlags, how{}), r.start(verify+hookFlag+stackFlags, how{})
				a.wait(commandLimit)
				b.wait(commandLimit)
				a.exits(0)
				b.exits(0)
				r.signaled()
			}},
		{name: "together/status-agent", command: "status", inject: "status runs 40 times while the agent writes its state after each of 200 events", takes: 20 * time.Second, must: "each run reads a complete state: exit 0 or 1, never 3",
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
		{name: "together/debug-agent", command: "debug", inject: "debug with a bundle while the agent runs", takes: 10 * time.Second, must: "exit 0; the bundle is complete; the agent publishes",
			play: func(r *rig) {
				a := r.agent(how{})
				r.run("debug --bundle /tmp/b.tgz").exits(0)
				r.wholeBundle()
				a.stop()
				r.publishes()
			}},
		{name: "together/imds-docker", command: "agent", inject: "IMDS is available after 6 s and Docker after 9 s", takes: 40 * time.Second, must: "status names both, then exits 0; it publishes",
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
		{name: "together/503-full", command: "agent", inject: "CloudWatch returns 503 once and the spool is full", takes: 10 * time.Second, must: "no data point counts twice, and the next agent publishes",
			with: full(spoolDir),
			play: func(r *rig) {
				r.Sandbox().Inject(sandbox.Fault{Service: sandbox.CloudWatch, Status: 503, Code: "ServiceUnavailable", Times: 1})
				a := r.agent(how{})
				a.stop()
				a = r.agent(how{})
				a.stop()
				r.publishes()
			}},
		{name: "together/throttle-clock", command: "agent", inject: "CloudWatch throttles, and the clock is 20 minutes behind AWS's", takes: 60 * time.Second, must: "all queued minutes arrive exactly once",
			play: func(r *rig) {
				r.Sandbox().Inject(sandbox.Fault{Service: sandbox.CloudWatch, Kind: sandbox.KindThrottled, Times: 2})
				r.Sandbox().Inject(sandbox.ClockSkew("", 20*time.Minute))
				r.queue(3)
				a := r.agent(sending("MUSTER_WATCH_PERIOD=2s"))
				r.settled(a, 60*time.Second)
				r.want(r.arrived() == queuedAll, "want all %d queued data, got %d", queuedAll, r.arrived())
				a.stop()
			}},
		{name: "together/all-away", command: "agent", inject: "IMDS, Docker, the ECS agent and AWS do not respond for 8 s", takes: 60 * time.Second, must: "the unit still becomes ready; status exits 1, then 0; the agent publishes",
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
		{name: "together/verify-imds-aws", command: "verify", inject: "IMDS is available after 4 s and AWS after 8 s, then CloudFormation throttles once", takes: 30 * time.Second, must: "signals are sent, exit 0", with: inGroup,
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
		{name: "together/kill-restart", command: "agent", inject: "six times kill -9 and a restart, one second apart, with queued minutes", takes: 60 * time.Second, must: "all queued minutes arrive, except for at most one request per kill; none arrives twice",
			play: func(r *rig) {
				r.queue(8)
				for range 6 {
					a := r.agentEarly(sending())
					wait(time.Second)
					a.kill()
				}
				a := r.agent(sending("MUSTER_WATCH_PERIOD=2s"))
				r.await(a, 100*time.Second, fmt.Sprintf("the spool of %d minutes is empty", 8), func() bool { return len(r.files(spoolDir+"/*-3.minute")) == 0 })
				r.want(r.arrived() == 8*queued, "nothing was sent when it was killed: want all %d queued data, got %d", 8*queued, r.arrived())
				a.stop()
			}},
	}
}
