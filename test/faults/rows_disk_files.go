//go:build linux

package main

import (
	"os"
	"strings"
	"syscall"
	"time"
)

// diskFileRows covers files with unexpected content or type.
var diskFileRows = []row{
	{name: "disk/settings-windows", command: "bootstrap", takes: 5 * time.Second, with: fresh,
		inject: "muster.env has a byte order mark and CRLF line endings",
		must:   "it joins prod, or exit 78 names the file and the line; no carriage return is written to ecs.config",
		play: func(r *rig) {
			r.settings("\ufeffMUSTER_CLUSTER=prod\r\nMUSTER_NAMESPACE=\"x\"\r\n")
			p := r.run("bootstrap")
			p.exits(0, 78)
			r.want(!strings.Contains(r.read(ecsConfig), "\r"), "a carriage return in %q", r.read(ecsConfig))
			if p.Code() == 0 {
				r.joins()
			} else {
				p.says(0, "muster.env")
			}
			r.settings("")
		}},
	{name: "disk/settings-huge", command: "bootstrap", takes: 10 * time.Second, with: fresh,
		inject: "muster.env has 300 MB of NUL bytes",
		must:   "exit 78 or 1 names the file, with at most 128 MB of memory; nothing is written",
		play: func(r *rig) {
			r.settings("")
			r.broken(os.Truncate(r.path(settingsFile), 300<<20))
			p := r.start(bootstrap, how{})
			p.fitsFor(20 * time.Second)
			p.exits(1, 78)
			p.says(0, "muster.env")
			r.untouched()
			r.settings("")
		}},
	{name: "disk/settings-unreadable", command: "agent", takes: 5 * time.Second,
		inject: "/etc/muster/muster.env belongs to root with mode 0600, and the agent does not run as root",
		must:   "exit 78 names the file, because the settings must not be ignored silently",
		play: func(r *rig) {
			r.broken(r.Write(settingsFile, []byte("MUSTER_NAMESPACE=Own\n")))
			r.broken(os.Chmod(r.path(settingsFile), 0o600))
			a := r.agentEarly(r.asUser(how{}))
			a.wait(20 * time.Second)
			a.exits(78)
			a.says(0, "muster.env")
		}},
	{name: "disk/record-truncated", command: "verify", takes: 5 * time.Second, with: inGroup,
		inject: "bootstrap's record is truncated",
		must:   "it reports that, uses its flags, and sends the signals, exit 0",
		play: func(r *rig) {
			r.run(bootstrap).exits(0)
			text := r.read(recordFile)
			r.broken(r.Write(recordFile, []byte(text[:len(text)/2])))
			p := r.run(verify + hookFlag + stackFlags)
			p.exits(0)
			p.says(0, "bootstrap.json")
			r.broken(r.Remove(recordFile))
			r.signaled()
		}},
	{name: "disk/record-types", command: "verify", takes: 20 * time.Second, with: inGroup,
		inject: "the JSON of bootstrap's record has wrong types",
		must:   "it uses its flags and sends the signals, exit 0",
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
	{name: "disk/record-huge", command: "verify", takes: 20 * time.Second, with: inGroup,
		inject: "bootstrap's record has 300 MB",
		must:   "it uses its flags and sends the signals, exit 0, with at most 128 MB of memory",
		play: func(r *rig) {
			r.run(bootstrap).exits(0)
			r.broken(os.Truncate(r.path(recordFile), 300<<20))
			p := r.start(verify+hookFlag+stackFlags, how{})
			p.fitsFor(30 * time.Second)
			p.exits(0)
			r.signaled()
			r.broken(r.Remove(recordFile))
		}},
	{name: "disk/record-fifo", command: "verify", takes: 5 * time.Second, with: inGroup,
		inject: "bootstrap's record is a FIFO",
		must:   "it does not hang: signals are sent, exit 0",
		play: func(r *rig) {
			r.run(bootstrap).exits(0)
			r.broken(r.Remove(recordFile))
			r.broken(syscall.Mkfifo(r.path(recordFile), 0o600))
			p := r.run(verify + hookFlag + stackFlags)
			r.broken(r.Remove(recordFile))
			p.exits(0)
			p.within(20 * time.Second)
			r.signaled()
		}},
	{name: "disk/config-fifo", command: "bootstrap",
		inject: "ecs.config is a FIFO",
		must:   "it does not hang; exit 1 names the file, or the file is replaced",
		play: func(r *rig) {
			r.broken(r.Remove(ecsConfig))
			r.broken(syscall.Mkfifo(r.path(ecsConfig), 0o600))
			p := r.run(bootstrap)
			r.notRegular(p)
		}},
	{name: "disk/config-directory", command: "bootstrap",
		inject: "ecs.config is a directory",
		must:   "it does not hang; exit 1 names the file",
		play: func(r *rig) {
			r.broken(r.Remove(ecsConfig))
			r.broken(os.Mkdir(r.path(ecsConfig), 0o755))
			p := r.run(bootstrap)
			r.notRegular(p)
		}},
	{name: "disk/config-dangling", command: "bootstrap", takes: 5 * time.Second, with: fresh,
		inject: "ecs.config is a link into a missing directory",
		must:   "exit 1 names the file, or it joins the cluster",
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
	{name: "disk/state-truncated", command: "status",
		inject: "state.json is truncated",
		must:   "exit 3 names the file",
		play: func(r *rig) {
			r.broken(r.Write(stateFile, []byte(`{"schema":1,"version":"dev","pi`)))
			p := r.run("status")
			r.broken(r.Remove(stateFile))
			p.exits(3)
			p.says(0, "state.json")
		}},
	{name: "disk/state-fifo", command: "status",
		inject: "state.json is a FIFO",
		must:   "exit 3 within 5 s",
		play: func(r *rig) {
			r.broken(syscall.Mkfifo(r.path(stateFile), 0o600))
			p := r.run("status")
			p.exits(3)
			p.within(5 * time.Second)
		}},
	{name: "disk/state-directory", command: "agent", takes: 5 * time.Second,
		inject: "state.json is a directory",
		must:   "it publishes; the journal says that muster status has no current state",
		play: func(r *rig) {
			r.broken(os.MkdirAll(r.path(stateFile+"/x"), 0o755))
			a := r.agent(how{})
			a.says(5*time.Second, "muster status")
			a.stop()
			r.publishes()
		}},
	{name: "disk/log-link", command: "bundle", takes: 8 * time.Second,
		inject: "the ECS agent's log is a link to /etc/shadow",
		must:   "the link is not followed: the bundle contains nothing of that file",
		play: func(r *rig) {
			r.broken(r.Write(secretFile, []byte(secret)))
			r.broken(os.Remove(r.path("var/log/ecs/ecs-agent.log")))
			r.broken(os.Symlink("/"+secretFile, r.path("var/log/ecs/ecs-agent.log")))
			p := r.run("debug --bundle /tmp/b.tgz")
			p.exits(0, 1, 3)
			r.wholeBundle()
			r.want(!strings.Contains(r.unpacked(), "secretsecret"), "the bundle has /etc/shadow")
			r.want(!p.printed("secretsecret"), "the answer quotes /etc/shadow")
		}},
	{name: "disk/log-fifo", command: "debug", takes: 8 * time.Second,
		inject: "the ECS agent's log is a FIFO",
		must:   "it exits within 30 s",
		play: func(r *rig) {
			r.broken(os.Remove(r.path("var/log/ecs/ecs-agent.log")))
			r.broken(syscall.Mkfifo(r.path("var/log/ecs/ecs-agent.log"), 0o600))
			p := r.run("debug")
			p.exits(0, 1, 3)
			p.within(30 * time.Second)
			p.says(0, "checks:")
		}},
	{name: "disk/checkpoint-fifo", command: "bootstrap", takes: 5 * time.Second, with: notStarted,
		inject: "agent.db is a FIFO",
		must:   "it does not hang; it joins the cluster, or exit 1 names the file",
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
	{name: "disk/fifos", command: "bundle", takes: 60 * time.Second,
		inject: "every file that debug reads is a FIFO: os-release, resolv.conf, cloud-init's results and logs, the console",
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
	{name: "disk/record-empty", command: "verify", inject: "bootstrap's record is empty, then a directory", takes: 20 * time.Second,
		must: "verify exits 0 and signals are sent; the agent publishes", with: inGroup,
		play: func(r *rig) {
			r.run(bootstrap).exits(0)
			r.broken(r.Write(recordFile, nil))
			r.run(verify + hookFlag + stackFlags).exits(0)
			r.signaled()
			r.broken(r.Remove(recordFile))
			r.broken(os.MkdirAll(r.path(recordFile+"/x"), 0o755))
			a := r.agent(how{})
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
}

// settings writes muster.env.
func (r *rig) settings(text string) {
	_ = os.MkdirAll(r.path("etc/muster"), 0o755)
	r.broken(r.Write(settingsFile, []byte(text)))
}
