//go:build linux

package main

import (
	"strings"
	"time"

	"muster/internal/sandbox"
	"muster/test/field/fieldcase"
)

// clockRows covers wrong clocks. Once the clock is right, values that the wrong clock left behind have no effect.
var clockRows = []row{
	{name: "clock/2036-bootstrap", command: "bootstrap", with: fresh,
		inject: "the clock is in 2036 at boot; AWS rejects signatures with the wrong time",
		must:   "it joins the cluster, exit 0; so does the next run, with the correct clock",
		play: func(r *rig) {
			r.aware()
			r.runHow(bootstrap, wrong(years)).exits(0)
			r.joins()
			r.run(bootstrap).exits(0)
		}},
	{name: "clock/1970-bootstrap", command: "bootstrap", with: fresh,
		inject: "the clock is in 1976 at boot: no battery, and no NTP yet",
		must:   "it joins the cluster, exit 0",
		play: func(r *rig) {
			r.aware()
			r.runHow(bootstrap, wrong(-5*years)).exits(0)
			r.joins()
		}},
	{name: "clock/step-bootstrap", command: "bootstrap", takes: 15 * time.Second, with: fresh,
		inject: "IMDS is available after 6 s, and the clock jumps one day ahead in the meantime",
		must:   "it joins the cluster, exit 0",
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
	{name: "clock/2036-verify", command: "verify", takes: 10 * time.Second, with: inGroup,
		inject: "the clock is in 2036 at boot, and NTP corrects it after 2 s; the ECS agent registers after 6 s",
		must:   "the timeout is neither shortened nor extended: signals are sent, exit 0",
		play: func(r *rig) {
			r.aware()
			r.introspection.Shut()
			r.in(6*time.Second, r.introspection.Open)
			p := r.start("verify --cluster prod --timeout 20s"+hookFlag+stackFlags, wrong(years))
			wait(2 * time.Second)
			p.SetClock(0)
			p.wait(40 * time.Second)
			p.exits(0)
			r.signaled()
		}},
	{name: "clock/forward-verify", command: "verify", takes: 10 * time.Second, with: inGroup,
		inject: "the clock jumps one hour ahead while it waits",
		must:   "the timeout is not shortened: signals are sent, exit 0",
		play: func(r *rig) {
			r.introspection.Shut()
			r.in(6*time.Second, r.introspection.Open)
			p := r.start("verify --cluster prod --timeout 20s"+hookFlag+stackFlags, wrong(0))
			wait(2 * time.Second)
			p.SetClock(time.Hour)
			p.wait(40 * time.Second)
			p.exits(0)
			r.signaled()
		}},
	{name: "clock/back-verify", command: "verify", takes: 20 * time.Second, with: inGroup,
		inject: "the clock jumps back one hour while it waits for an ECS agent that never registers",
		must:   "the timeout is not extended: exit 10 within 25 s; the stack receives FAILURE",
		play: func(r *rig) {
			r.introspection.Shut()
			p := r.start("verify --cluster prod --timeout 8s"+hookFlag+stackFlags, wrong(0))
			wait(2 * time.Second)
			p.SetClock(-time.Hour)
			p.wait(commandLimit)
			p.exits(10)
			p.within(25 * time.Second)
			r.stackIs("FAILURE")
		}},
	{name: "clock/2036-agent", command: "agent", takes: 30 * time.Second,
		inject: "the clock is in 2036 at boot and the first request gets no response; then the clock is correct",
		must:   "metrics are published as soon as the clock is correct",
		play: func(r *rig) {
			r.Sandbox().Inject(sandbox.Fault{Service: sandbox.CloudWatch, Reset: true, Times: 1})
			a := r.agent(wrong(years))
			a.stop()
			r.Sandbox().ClearFaults()
			a = r.agent(how{})
			a.stop()
			r.publishes()
			r.fresh()
		}},
	{name: "clock/1976-agent", command: "agent", takes: 120 * time.Second,
		inject: "the clock is in 1976 at boot, with queued minutes; after 8 s it is correct",
		must:   "all queued minutes arrive exactly once",
		play: func(r *rig) {
			r.aware()
			r.queue(3)
			a := r.agent(wrong(-5 * years))
			wait(8 * time.Second)
			a.SetClock(0)
			r.settled(a, 150*time.Second) // the minute must end, and then the instance's second come
			r.want(r.arrived() == queuedAll, "want all %d queued data, got %d", queuedAll, r.arrived())
			a.stop()
		}},
	{name: "clock/forward", command: "agent", takes: 30 * time.Second,
		inject: "the clock jumps three hours ahead while the agent runs, and back after 8 s",
		must:   "the agent keeps running, status reports that, and data with the correct time is published",
		play: func(r *rig) {
			a := r.agent(wrong(0))
			a.SetClock(3 * time.Hour)
			wait(8 * time.Second)
			a.SetClock(0)
			wait(2 * time.Second)
			r.status(10*time.Second, []int{0})
			a.stop()
			r.fresh()
		}},
	{name: "clock/back", command: "agent", takes: 100 * time.Second,
		inject: "the clock is 90 minutes ahead while a minute is published, and then corrected",
		must:   "data with the correct time is published within two minutes",
		play: func(r *rig) {
			a := r.agent(wrong(minuteEnds(90*time.Minute, 4*time.Second)))
			r.await(a, 20*time.Second, "a minute is queued or sent", func() bool {
				return len(r.files(spoolDir+"/*.minute")) > 0 || r.sends("Registered") > 0
			})
			a.SetClock(minuteEnds(0, 4*time.Second))
			before := r.sends("Registered")
			r.await(a, 100*time.Second, "data are sent after the correction", func() bool { return r.sends("Registered") > before && r.isFresh() })
			a.stop()
		}},
	{name: "clock/back-restart", command: "agent", takes: 20 * time.Second,
		inject: "two hours ago, an agent recorded its progress with a clock that was two hours ahead",
		must:   "the next agent, with the correct clock, publishes",
		play: func(r *rig) {
			a := r.agent(wrong(119 * time.Minute))
			a.stop()
			a = r.agent(how{})
			a.stop()
			r.fresh()
		}},
	{name: "clock/flaps", command: "agent", takes: 60 * time.Second,
		inject: "the clock jumps two hours ahead and back, every 2 s for 24 s",
		must:   "nothing is published twice; afterwards data with the correct time is published",
		play: func(r *rig) {
			a := r.agent(wrong(0))
			for range 6 {
				a.SetClock(2 * time.Hour)
				wait(2 * time.Second)
				a.SetClock(0)
				wait(2 * time.Second)
			}
			r.status(20*time.Second, []int{0, 1})
			a.stop()
			r.fresh()
		}},
	{name: "clock/kill", command: "agent", takes: 40 * time.Second,
		inject: "the agent is killed while it sends minutes with a clock one day ahead; then the clock is correct",
		must:   "the next agent publishes; nothing is published twice",
		play: func(r *rig) {
			h := sending()
			h.spec.Offset += 24 * time.Hour
			r.queue(2)
			a := r.agent(h)
			wait(lead + 2*time.Second)
			a.kill()
			a = r.agent(how{})
			a.stop()
			r.publishes()
			r.fresh()
		}},
	{name: "clock/status", command: "status", takes: 5 * time.Second,
		inject: "the agent's clock is two hours behind that of status",
		must:   "exit 3: the state is reported as stale",
		play: func(r *rig) {
			a := r.agent(wrong(-2 * time.Hour))
			p := r.run("status")
			p.exits(3)
			a.stop()
		}},
	{name: "clock/debug", command: "debug", takes: 10 * time.Second,
		inject: "the clock is 20 minutes ahead; AWS rejects the signatures",
		must:   "the output names the clock",
		with:   func(c *fieldcase.Case) { c.ClockAhead = 20 * time.Minute },
		play: func(r *rig) {
			p := r.run("debug")
			p.exits(0, 1)
			r.want(strings.Contains(strings.ToLower(p.stdout.String()), "clock"), "the answer does not name the clock")
			line, _, _ := strings.Cut(p.stdout.String(), "\n")
			r.want(strings.Contains(strings.ToLower(line), "clock"), "the first line does not name the clock: %s", line)
		}},
	{name: "clock/check-wait", command: "check", takes: 40 * time.Second,
		inject: "the clock jumps back one hour while check --wait waits",
		must:   "exit 1 within the time limit",
		play: func(r *rig) {
			r.introspection.Shut()
			p := r.start("check --wait 10s", wrong(0))
			wait(4 * time.Second)
			p.SetClock(-time.Hour)
			p.wait(40 * time.Second)
			p.exits(1)
		}},
}

// aware makes the sandbox check the time of signatures, as AWS does.
func (r *rig) aware() { r.Sandbox().Inject(sandbox.ClockSkew("", time.Nanosecond)) }

const years = 10 * 365 * 24 * time.Hour

// minuteEnds returns a clock offset close to off with which the current minute ends after d.
func minuteEnds(off, d time.Duration) time.Duration {
	now := time.Now()
	into := now.Sub(now.Truncate(time.Minute))
	return off + time.Minute - d - into
}
