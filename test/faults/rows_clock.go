//go:build linux

package main

import (
	"strings"
	"time"

	"muster/internal/sandbox"
	"muster/test/faults/inject"
	"muster/test/field/fieldcase"
)

// aware makes the sandbox check the time of signatures, as AWS does.
func (r *rig) aware() { r.Sandbox().Inject(sandbox.ClockSkew("", time.Nanosecond)) }

// wrong starts muster with a wall clock that differs from the real one by offset.
func wrong(offset time.Duration) how {
	return how{spec: inject.Spec{Clock: true, Offset: offset}}
}

const years = 10 * 365 * 24 * time.Hour

// minuteEnds returns a clock offset close to off with which the current minute ends after d.
func minuteEnds(off, d time.Duration) time.Duration {
	now := time.Now()
	into := now.Sub(now.Truncate(time.Minute))
	return off + time.Minute - d - into
}

// clockRows covers wrong clocks. Once the clock is right, values that the wrong clock left behind have no effect.
func clockRows() []row {
	return []row{
		{name: "clock/2036-agent", command: "agent", inject: "the clock is in 2036 at boot and the first request gets no response; then the clock is correct", takes: 30 * time.Second,
			must: "metrics are published as soon as the clock is correct",
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
		{name: "clock/2036-bootstrap", command: "bootstrap", inject: "the clock is in 2036 at boot; AWS rejects signatures with the wrong time", must: "it joins the cluster, exit 0; so does the next run, with the correct clock", with: fresh,
			play: func(r *rig) {
				r.aware()
				r.runHow(bootstrap, wrong(years)).exits(0)
				r.joins()
				r.run(bootstrap).exits(0)
			}},
		{name: "clock/1970-bootstrap", command: "bootstrap", inject: "the clock is in 1976 at boot: no battery, and no NTP yet", must: "it joins the cluster, exit 0", with: fresh,
			play: func(r *rig) {
				r.aware()
				r.runHow(bootstrap, wrong(-5*years)).exits(0)
				r.joins()
			}},
		{name: "clock/2036-verify", command: "verify", inject: "the clock is in 2036 at boot, and NTP corrects it after 2 s; the ECS agent registers after 6 s", takes: 10 * time.Second,
			must: "the timeout is neither shortened nor extended: signals are sent, exit 0", with: inGroup,
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
		{name: "clock/forward-verify", command: "verify", inject: "the clock jumps one hour ahead while it waits", takes: 10 * time.Second,
			must: "the timeout is not shortened: signals are sent, exit 0", with: inGroup,
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
		{name: "clock/back", command: "agent", inject: "the clock is 90 minutes ahead while a minute is published, and then corrected", takes: 100 * time.Second,
			must: "data with the correct time is published within two minutes",
			play: func(r *rig) {
				a := r.agent(wrong(minuteEnds(90*time.Minute, 4*time.Second)))
				r.await(a, 20*time.Second, "a minute is queued or sent", func() bool { return len(r.files(spoolDir+"/*.minute")) > 0 || r.sends("Registered") > 0 })
				a.SetClock(minuteEnds(0, 4*time.Second))
				before := r.sends("Registered")
				r.await(a, 100*time.Second, "data are sent after the correction", func() bool { return r.sends("Registered") > before && r.isFresh() })
				a.stop()
			}},
		{name: "clock/back-restart", command: "agent", inject: "two hours ago, an agent recorded its progress with a clock that was two hours ahead", takes: 20 * time.Second,
			must: "the next agent, with the correct clock, publishes",
			play: func(r *rig) {
				a := r.agent(wrong(119 * time.Minute))
				a.stop()
				a = r.agent(how{})
				a.stop()
				r.fresh()
			}},
		{name: "clock/forward", command: "agent", inject: "the clock jumps three hours ahead while the agent runs, and back after 8 s", takes: 30 * time.Second,
			must: "the agent keeps running, status reports that, and data with the correct time is published",
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
		{name: "clock/status", command: "status", inject: "the agent's clock is two hours behind that of status", takes: 5 * time.Second, must: "exit 3: the state is reported as stale",
			play: func(r *rig) {
				a := r.agent(wrong(-2 * time.Hour))
				p := r.run("status")
				p.exits(3)
				a.stop()
			}},
		{name: "clock/debug", command: "debug", inject: "the clock is 20 minutes ahead; AWS rejects the signatures", takes: 10 * time.Second, must: "the output names the clock",
			with: func(c *fieldcase.Case) { c.ClockAhead = 20 * time.Minute },
			play: func(r *rig) {
				p := r.run("debug")
				p.exits(0, 1)
				r.want(strings.Contains(strings.ToLower(p.stdout.String()), "clock"), "the answer does not name the clock")
				line, _, _ := strings.Cut(p.stdout.String(), "\n")
				r.want(strings.Contains(strings.ToLower(line), "clock"), "the first line does not name the clock: %s", line)
			}},
		{name: "clock/flaps", command: "agent", inject: "the clock jumps two hours ahead and back, every 2 s for 24 s", takes: 60 * time.Second, must: "nothing is published twice; afterwards data with the correct time is published",
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
		{name: "clock/kill", command: "agent", inject: "the agent is killed while it sends minutes with a clock one day ahead; then the clock is correct", takes: 40 * time.Second, must: "the next agent publishes; nothing is published twice",
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
		{name: "clock/back-verify", command: "verify", inject: "the clock jumps back one hour while it waits for an ECS agent that never registers", takes: 20 * time.Second,
			must: "the timeout is not extended: exit 10 within 25 s; the stack receives FAILURE", with: inGroup,
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
	}
}

// isFresh reports whether data points of the last five minutes were published.
func (r *rig) isFresh() bool {
	for _, d := range r.Sandbox().Metrics() {
		if d.Name == "Registered" && time.Since(d.Timestamp).Abs() < 5*time.Minute {
			return true
		}
	}
	return false
}

func (r *rig) fresh() { r.want(r.isFresh(), "no data with the right time were published") }
