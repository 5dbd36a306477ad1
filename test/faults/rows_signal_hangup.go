//go:build linux

package main

import (
	"fmt"
	"os"
	"syscall"
	"time"
)

// hangupRows covers SIGHUP, with which systemd makes the agent reload its settings.
var hangupRows = []row{
	{name: "signal/hup-bootstrap", command: "bootstrap", takes: 5 * time.Second, with: fresh,
		inject: "SIGHUP while it waits for IMDS",
		must:   "it reports the signal and exits with 130, or continues; it does not exit silently",
		play: func(r *rig) {
			r.Metadata.Use(hangs)
			p := r.start(bootstrap+" --imds-timeout 6s", how{})
			wait(2 * time.Second)
			_ = p.Signal(syscall.SIGHUP)
			p.wait(20 * time.Second)
			p.exits(3, 130)
			r.want(p.stderr.String() != "", "it says nothing")
		}},
	{name: "signal/hup-verify", command: "verify", takes: 5 * time.Second, with: inGroup,
		inject: "SIGHUP while it waits",
		must:   "it reports the signal and exits with 130, or continues; it does not exit silently",
		play:   func(r *rig) { r.interrupt(syscall.SIGHUP) }},
	{name: "signal/hup-agent", command: "agent", takes: 8 * time.Second,
		inject: "five SIGHUP in a row",
		must:   "it reloads its settings and keeps running",
		play: func(r *rig) {
			a := r.agent(how{})
			for range 5 {
				_ = a.Signal(syscall.SIGHUP)
				wait(200 * time.Millisecond)
			}
			r.status(10*time.Second, []int{0})
			a.stop()
			r.publishes()
		}},
	{name: "signal/hup-agent-early", command: "agent", takes: 8 * time.Second,
		inject: "SIGHUP while the agent waits for IMDS at its start",
		must:   "it keeps running",
		play: func(r *rig) {
			r.Metadata.Use(hangs)
			a := r.agentEarly(how{})
			wait(time.Second)
			_ = a.Signal(syscall.SIGHUP)
			wait(4 * time.Second)
			r.Metadata.Use(nil)
			r.status(40*time.Second, []int{0})
			a.stop()
		}},
	{name: "signal/hup-invalid", command: "agent", takes: 20 * time.Second,
		inject: "an invalid line in muster.env, then SIGHUP",
		must:   "it keeps running with its current settings, the journal names the file and the line, and it publishes",
		play: func(r *rig) {
			a := r.agent(how{})
			r.settings("\nMUSTER_CLUSTR=x\n")
			_ = a.Signal(syscall.SIGHUP)
			a.says(10*time.Second, "muster.env:2")
			r.broken(r.Remove(settingsFile))
			r.status(20*time.Second, []int{0, 1})
			a.stop()
			r.publishes()
		}},
	{name: "signal/hup-fifo", command: "agent", takes: 30 * time.Second,
		inject: "muster.env becomes a FIFO, then SIGHUP",
		must:   "the watchdog is notified in time, and the agent publishes",
		play: func(r *rig) {
			a := r.agent(how{env: []string{"WATCHDOG_USEC=4000000"}})
			_ = os.MkdirAll(r.path("etc/muster"), 0o755)
			_ = r.Remove(settingsFile)
			r.broken(syscall.Mkfifo(r.path(settingsFile), 0o644))
			_ = a.Signal(syscall.SIGHUP)
			wait(2 * time.Second)
			before := r.systemd.count("WATCHDOG=1")
			wait(6 * time.Second)
			r.want(r.systemd.count("WATCHDOG=1") > before, "the watchdog is not served")
			r.broken(os.Remove(r.path(settingsFile)))
			a.stop()
			r.publishes()
		}},
	{name: "signal/hup-storm", command: "agent", inject: "SIGHUP 300 times within 3 s", takes: 30 * time.Second,
		must: "status exits 0; no file descriptor leaks; the agent publishes",
		play: func(r *rig) {
			a := r.agent(how{})
			r.status(20*time.Second, []int{0})
			count := func() int {
				e, _ := os.ReadDir(fmt.Sprintf("/proc/%d/fd", a.Pid()))
				return len(e)
			}
			before := count()
			for range 300 {
				_ = a.Signal(syscall.SIGHUP)
				wait(10 * time.Millisecond)
			}
			r.status(20*time.Second, []int{0})
			r.want(count() <= before+5, "descriptors %d -> %d", before, count())
			a.fits()
			a.stop()
			r.publishes()
		}},
}
