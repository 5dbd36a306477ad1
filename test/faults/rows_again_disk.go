//go:build linux

package main

import (
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"muster/test/faults/inject"
)

// againDisk covers files with unexpected content or type.
func againDisk() []row {
	env := "etc/muster/muster.env"
	setting := func(r *rig, text string) {
		_ = os.MkdirAll(r.path("etc/muster"), 0o755)
		r.broken(r.Write(env, []byte(text)))
	}
	return []row{
		{name: "disk/settings-windows", command: "bootstrap",
			inject: "muster.env has a byte order mark and CRLF line endings", takes: 5 * time.Second,
			must: "it joins prod, or exit 78 names the file and the line; no carriage return is written to ecs.config", with: fresh,
			play: func(r *rig) {
				setting(r, "\ufeffMUSTER_CLUSTER=prod\r\nMUSTER_NAMESPACE=\"x\"\r\n")
				p := r.run("bootstrap")
				p.exits(0, 78)
				r.want(!strings.Contains(r.read(ecsConfig), "\r"), "a carriage return in %q", r.read(ecsConfig))
				if p.Code() == 0 {
					r.joins()
				} else {
					p.says(0, "muster.env")
				}
				setting(r, "")
			}},
		{name: "disk/settings-huge", command: "bootstrap", inject: "muster.env has 300 MB of NUL bytes", takes: 10 * time.Second,
			must: "exit 78 or 1 names the file, with at most 128 MB of memory; nothing is written", with: fresh,
			play: func(r *rig) {
				setting(r, "")
				r.broken(os.Truncate(r.path(env), 300<<20))
				p := r.start(bootstrap, how{})
				p.fitsFor(20 * time.Second)
				p.exits(1, 78)
				p.says(0, "muster.env")
				r.untouched()
				setting(r, "")
			}},
		{name: "disk/record-types", command: "verify", inject: "the JSON of bootstrap's record has wrong types", takes: 20 * time.Second,
			must: "it uses its flags and sends the signals, exit 0", with: inGroup,
			play: func(r *rig) {
				r.run(bootstrap).exits(0)
				for _, text := range []string{"null", "[]", "7",
					`{"settings":["x"],"cluster":{"a":1},"instanceId":7,"at":"never"}`, strings.Repeat("[", 100000)} {
					r.broken(r.Write(recordFile, []byte(text)))
					r.run(verify + hookFlag + stackFlags).exits(0)
				}
				r.signaled()
				r.broken(r.Remove(recordFile))
			}},
		{name: "disk/record-huge", command: "verify", inject: "bootstrap's record has 300 MB", takes: 20 * time.Second,
			must: "it uses its flags and sends the signals, exit 0, with at most 128 MB of memory", with: inGroup,
			play: func(r *rig) {
				r.run(bootstrap).exits(0)
				r.broken(os.Truncate(r.path(recordFile), 300<<20))
				p := r.start(verify+hookFlag+stackFlags, how{})
				p.fitsFor(30 * time.Second)
				p.exits(0)
				r.signaled()
				r.broken(r.Remove(recordFile))
			}},
		{name: "disk/progress-huge", command: "agent",
			inject: "the spool's progress and one of three queued minutes have 300 MB", takes: 90 * time.Second,
			must: "the other minutes arrive once or are counted as dropped, with at most 128 MB of memory",
			play: func(r *rig) {
				r.queue(3)
				files := r.files(spoolDir + "/*.minute")
				if !r.want(len(files) == 3, "files: %v", r.files(spoolDir+"/*")) {
					return
				}
				r.broken(os.Truncate(r.path(files[0]), 300<<20))
				r.broken(r.Write(spoolDir+"/progress", nil))
				r.broken(os.Truncate(r.path(spoolDir+"/progress"), 300<<20))
				a := r.agent(sending("MUSTER_WATCH_PERIOD=2s"))
				r.await(a, 90*time.Second, "one of the others has arrived", func() bool { return r.arrived() >= queued })
				a.fits()
				a.stop()
			}},
		{name: "disk/checkpoint-fifo", command: "bootstrap", inject: "agent.db is a FIFO", takes: 5 * time.Second,
			must: "it does not hang; it joins the cluster, or exit 1 names the file", with: notStarted,
			play: func(r *rig) {
				_ = os.MkdirAll(r.path("var/lib/ecs/data"), 0o755)
				_ = r.Remove("var/lib/ecs/data/agent.db")
				r.broken(syscall.Mkfifo(r.path("var/lib/ecs/data/agent.db"), 0o600))
				p := r.run(bootstrap + " --reset-stale-state")
				p.within(20 * time.Second)
				p.exits(0, 1)
				p = r.run("debug --bundle /" + bundleFile)
				p.within(40 * time.Second)
				r.wholeBundle()
			}},
		{name: "disk/fifos", command: "bundle",
			inject: "every file that debug reads is a FIFO: os-release, resolv.conf, cloud-init's results and logs, the console",
			takes:  60 * time.Second,
			must:   "the bundle is written within 60 s",
			play: func(r *rig) {
				for _, f := range []string{"etc/os-release", "etc/resolv.conf", "var/lib/cloud/data/result.json",
					"var/lib/cloud/data/status.json", "var/log/cloud-init.log",
					"var/log/cloud-init-output.log", "var/lib/cloud/instance/user-data.txt",
					"usr/lib/os-release", "etc/docker/daemon.json", "etc/sysconfig/docker"} {
					_ = os.MkdirAll(r.path(f[:strings.LastIndex(f, "/")]), 0o755)
					_ = os.Remove(r.path(f))
					r.broken(syscall.Mkfifo(r.path(f), 0o644))
				}
				p := r.start("debug --bundle /"+bundleFile+" --include user-data,cloud-init-log", how{})
				p.wait(60 * time.Second)
				p.exits(0, 1, 3)
				r.wholeBundle()
			}},
		{name: "disk/config-dangling", command: "bootstrap",
			inject: "ecs.config is a link into a missing directory", takes: 5 * time.Second,
			must: "exit 1 names the file, or it joins the cluster", with: fresh,
			play: func(r *rig) {
				_ = os.MkdirAll(r.path("etc/ecs"), 0o755)
				r.broken(os.Symlink("/opt/ecs/ecs.config", r.path(ecsConfig)))
				p := r.run(bootstrap)
				p.exits(0, 1)
				if p.Code() == 0 {
					r.joins()
				} else {
					p.says(0, "ecs.config")
				}
				_ = os.Remove(r.path(ecsConfig))
			}},
		{name: "disk/mkdir-enospc", command: "bootstrap", inject: "ENOSPC when a directory is created (no inodes)", takes: 5 * time.Second,
			must: "it joins the cluster, or exits with an error; the next run joins the cluster", with: fresh,
			play: func(r *rig) {
				p := r.runHow(bootstrap, failing(syscall.ENOSPC, 0, "muster", "mkdir"))
				p.exits(0, 1)
				r.run(bootstrap).exits(0)
				r.joins()
			}},
		{name: "disk/rename-once", command: "agent", inject: "EIO for every second rename", takes: 90 * time.Second,
			must: "all queued minutes arrive exactly once",
			play: func(r *rig) {
				r.queue(3)
				var n atomic.Int64
				h := sending("MUSTER_WATCH_PERIOD=2s")
				h.spec.Calls = []string{"rename"}
				h.decide = func(inject.Call) inject.Verdict {
					if n.Add(1)%2 == 0 {
						return inject.Fail(syscall.EIO)
					}
					return inject.Go
				}
				a := r.agent(h)
				r.settled(a, 90*time.Second)
				r.want(r.arrived() == queuedAll, "want all %d queued data, got %d", queuedAll, r.arrived())
				a.stop()
			}},
	}
}
