//go:build linux

package main

import (
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"muster/test/faults/inject"
	"muster/test/field/fieldcase"
)

const (
	secret     = "root:$6$secretsecret:19000:0:99999:7:::\n"
	secretFile = "etc/shadow"
	toDefault  = "bootstrap --cluster default"
)

// full mounts a full file system at path. readOnly mounts a read-only one.
func full(path string) func(*fieldcase.Case) {
	return func(c *fieldcase.Case) { c.Disks = append(c.Disks, fieldcase.Disk{Path: "/" + path, Full: true}) }
}

func readOnly(path string) func(*fieldcase.Case) {
	return func(c *fieldcase.Case) { c.Disks = append(c.Disks, fieldcase.Disk{Path: "/" + path, ReadOnly: true}) }
}

// failing makes calls of these names fail with e on files whose path contains path, for the first n calls. With n = 0
// every call fails.
func failing(e syscall.Errno, n int64, path string, names ...string) how {
	var seen atomic.Int64
	return how{spec: inject.Spec{Calls: names}, decide: func(c inject.Call) inject.Verdict {
		if !strings.Contains(c.Path, path) || c.Name == "open" && e == syscall.EIO && !c.Write {
			return inject.Go
		}
		if seen.Add(1) > n && n > 0 {
			return inject.Go
		}
		return inject.Fail(e)
	}}
}

// sending returns h, changed so that the agent sends its queued minutes.
func (h how) sending() how {
	s := sending("MUSTER_WATCH_PERIOD=2s")
	h.spec.Clock, h.spec.Offset, h.env = true, s.spec.Offset, append(h.env, s.env...)
	return h
}

// diskRows covers broken disks. A minute is lost only if the loss is unavoidable, and no file that other programs read
// is ever half written.
func diskRows() []row {
	rows := []row{
		{name: "disk/full-spool", command: "agent", inject: "no space is left in the spool", takes: 8 * time.Second, must: "metrics are published from memory", with: full(spoolDir),
			play: func(r *rig) {
				a := r.agent(how{})
				a.stop()
				r.publishes()
			}},
		{name: "disk/full-etc", command: "bootstrap", inject: "no space is left in /etc/ecs", must: "exit 1; ecs.config is unchanged, and no temporary file remains",
			with: both(notStarted, full("etc/ecs"), func(c *fieldcase.Case) {
				c.Files = append(c.Files, fieldcase.File{Name: ecsConfig, Data: []byte("ECS_CLUSTER=prod\n"), Mode: 0o644})
			}),
			play: func(r *rig) {
				p := r.run(toDefault)
				p.exits(1)
				p.says(0, "no space left")
				r.keeps()
			}},
		{name: "disk/full-state", command: "bootstrap", inject: "no space is left in /var/lib/muster", must: "exit 1 reports it, because the units need the settings in the record",
			with: full("var/lib/muster"),
			play: func(r *rig) {
				p := r.run(bootstrap)
				p.exits(1)
				p.says(0, "no space left")
			}},
		{name: "disk/full-run", command: "agent", inject: "no space is left in /run/muster-agent", takes: 5 * time.Second, must: "it publishes; the journal says that muster status has no current state",
			with: full("run/muster-agent"),
			play: func(r *rig) {
				a := r.agent(how{})
				a.says(5*time.Second, "muster status")
				a.stop()
				r.publishes()
			}},
		{name: "disk/full-bundle", command: "bundle", inject: "no space is left for the bundle", takes: 8 * time.Second, must: "exit 1 reports it, and no partial bundle remains",
			with: full("tmp"),
			play: func(r *rig) {
				p := r.run("debug --bundle /tmp/b.tgz")
				p.exits(1)
				p.says(0, "no space left")
				left := r.files("tmp/*b.tgz*")
				left = append(left, r.files("tmp/.*b.tgz*")...)
				r.want(len(left) == 0, "left behind: %v", left)
			}},
		{name: "disk/read-only-etc", command: "bootstrap", inject: "/etc/ecs is read-only", must: "exit 1 reports it; ecs.config is unchanged", with: both(notStarted, readOnly("etc/ecs")),
			play: func(r *rig) {
				p := r.run(toDefault)
				p.exits(1)
				p.says(0, "read-only")
				r.keeps()
			}},
		{name: "disk/read-only-spool", command: "agent", inject: "the spool is read-only", takes: 5 * time.Second, must: "metrics are published from memory", with: readOnly(spoolDir),
			play: func(r *rig) {
				a := r.agent(how{})
				a.stop()
				r.publishes()
			}},
		{name: "disk/read-only-report", command: "verify", inject: "/var/lib/muster is read-only", takes: 5 * time.Second, must: "the signals are still delivered",
			with: both(inGroup, readOnly("var/lib/muster"), func(c *fieldcase.Case) {
				c.Files = append(c.Files, fieldcase.File{Name: "var/lib/muster", Dir: true})
			}),
			play: func(r *rig) {
				r.run(verify+hookFlag+stackFlags).exits(0, 1)
				r.signaled()
			}},
		{name: "disk/eio-read", command: "agent", inject: "EIO twice when a queued minute is read", takes: 30 * time.Second, must: "all queued minutes arrive; none is set aside",
			play: func(r *rig) { r.spoolFails(failing(syscall.EIO, 2, ".minute", "read")) }},
		{name: "disk/eio-open", command: "agent", inject: "EMFILE once when a queued minute is opened", takes: 30 * time.Second, must: "all queued minutes arrive; none is set aside",
			play: func(r *rig) { r.spoolFails(failing(syscall.EMFILE, 1, ".minute", "open")) }},
		{name: "disk/eacces-open", command: "agent", inject: "EACCES three times when a queued minute is opened", takes: 60 * time.Second, must: "all queued minutes arrive; none is set aside",
			play: func(r *rig) { r.spoolFails(failing(syscall.EACCES, 3, ".minute", "open")) }},
		{name: "disk/eio-progress", command: "agent", inject: "EIO five times when the progress is written", takes: 60 * time.Second, must: "all queued minutes arrive exactly once",
			play: func(r *rig) { r.spoolFails(failing(syscall.EIO, 5, "/progress", "write", "pwrite", "fsync")) }},
		{name: "disk/eio-unlink", command: "agent", inject: "EIO twice when a sent minute is removed", takes: 60 * time.Second, must: "all queued minutes arrive exactly once, even after a restart",
			play: func(r *rig) {
				r.queue(3)
				a := r.agent(failing(syscall.EIO, 2, ".minute", "unlink").sending())
				r.settled(a, 60*time.Second)
				a.kill()
				a = r.agent(sending())
				a.stop()
				r.want(r.arrived() == queuedAll, "want all %d queued data, got %d", queuedAll, r.arrived())
			}},
		{name: "disk/enospc-minute", command: "agent", inject: "ENOSPC when minutes are written", takes: 5 * time.Second, must: "metrics are published from memory",
			play: func(r *rig) {
				a := r.agent(failing(syscall.ENOSPC, 0, "/spool/next", "write"))
				a.stop()
				r.publishes()
			}},
		{name: "disk/damaged-minute", command: "agent", inject: "one bit is flipped in one of three queued minutes", takes: 30 * time.Second,
			must: "the other two arrive; the damaged one is set aside, and the journal names it",
			play: func(r *rig) { r.spoiltMinute(func(data []byte) []byte { data[len(data)/2] ^= 1; return data }) }},
		{name: "disk/truncated-minute", command: "agent", inject: "one of three queued minutes is empty (power loss)", takes: 30 * time.Second,
			must: "the other two arrive; the damaged one is set aside, and the journal names it",
			play: func(r *rig) { r.spoiltMinute(func([]byte) []byte { return nil }) }},
		{name: "disk/damaged-progress", command: "agent", inject: "the progress file of the spool contains garbage", takes: 30 * time.Second,
			must: "the minute that may have been sent is dropped and counted; the others arrive once",
			play: func(r *rig) {
				r.queue(3)
				r.broken(r.Write(spoolDir+"/progress", []byte(strings.Repeat("garbage!", 5))))
				a := r.agent(sending("MUSTER_WATCH_PERIOD=2s"))
				r.settled(a, 60*time.Second)
				r.want(r.arrived() >= 2*queued, "want at least %d queued data, got %d", 2*queued, r.arrived())
				a.stop()
			}},
		{name: "disk/spool-gone", command: "agent", inject: "the spool directory is removed while the agent runs", takes: 10 * time.Second, must: "the agent keeps running and publishes",
			play: func(r *rig) {
				a := r.agent(how{})
				r.broken(os.RemoveAll(r.path(spoolDir)))
				wait(time.Second)
				a.stop()
				r.publishes()
			}},
		{name: "disk/spool-foreign", command: "agent", inject: "the spool directory belongs to another user and has mode 0700", takes: 8 * time.Second,
			must: "the agent watches containers, reports the missing permission in the journal, and changes no file",
			play: func(r *rig) {
				r.queue(2)
				h := r.asUser(how{})
				r.broken(os.Chown(r.path(spoolDir), 0, 0))
				r.broken(os.Chmod(r.path(spoolDir), 0o700))
				a := r.agent(h)
				r.status(10*time.Second, []int{0})
				a.says(5*time.Second, "permission denied")
				a.stop()
				r.want(len(r.files(spoolDir+"/*.minute")) == 2, "queued minutes are gone: %v", r.files(spoolDir+"/*"))
			}},
		{name: "disk/spool-links", command: "agent", inject: "the spool's files are replaced with links to /etc/shadow", takes: 20 * time.Second,
			must: "the links are not followed: the file is unchanged, and none of its content is sent",
			play: func(r *rig) {
				r.broken(r.Write(secretFile, []byte(secret)))
				for _, name := range []string{"progress", "next", "owner.pid", "1700000000-3.minute"} {
					_ = os.Remove(r.path(filepath.Join(spoolDir, name)))
					r.broken(os.Symlink("/"+secretFile, r.path(filepath.Join(spoolDir, name))))
				}
				a := r.agent(sending())
				wait(lead)
				a.stop()
				r.want(r.read(secretFile) == secret, "/etc/shadow was written: %q", r.read(secretFile))
				r.want(!a.printed("secretsecret"), "the journal quotes /etc/shadow")
			}},
		{name: "disk/state-truncated", command: "status", inject: "state.json is truncated", must: "exit 3 names the file",
			play: func(r *rig) {
				r.broken(r.Write(stateFile, []byte(`{"schema":1,"version":"dev","pi`)))
				p := r.run("status")
				r.broken(r.Remove(stateFile))
				p.exits(3)
				p.says(0, "state.json")
			}},
		{name: "disk/state-fifo", command: "status", inject: "state.json is a FIFO", must: "exit 3 within 5 s",
			play: func(r *rig) {
				r.broken(syscall.Mkfifo(r.path(stateFile), 0o600))
				p := r.run("status")
				p.exits(3)
				p.within(5 * time.Second)
			}},
		{name: "disk/state-directory", command: "agent", inject: "state.json is a directory", takes: 5 * time.Second, must: "it publishes; the journal says that muster status has no current state",
			play: func(r *rig) {
				r.broken(os.MkdirAll(r.path(stateFile+"/x"), 0o755))
				a := r.agent(how{})
				a.says(5*time.Second, "muster status")
				a.stop()
				r.publishes()
			}},
		{name: "disk/record-truncated", command: "verify", inject: "bootstrap's record is truncated", takes: 5 * time.Second, must: "it reports that, uses its flags, and sends the signals, exit 0", with: inGroup,
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
		{name: "disk/record-fifo", command: "verify", inject: "bootstrap's record is a FIFO", takes: 5 * time.Second, must: "it does not hang: signals are sent, exit 0", with: inGroup,
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
		{name: "disk/config-fifo", command: "bootstrap", inject: "ecs.config is a FIFO", must: "it does not hang; exit 1 names the file, or the file is replaced",
			play: func(r *rig) {
				r.broken(r.Remove(ecsConfig))
				r.broken(syscall.Mkfifo(r.path(ecsConfig), 0o600))
				p := r.run(bootstrap)
				r.notRegular(p)
			}},
		{name: "disk/config-directory", command: "bootstrap", inject: "ecs.config is a directory", must: "it does not hang; exit 1 names the file",
			play: func(r *rig) {
				r.broken(r.Remove(ecsConfig))
				r.broken(os.Mkdir(r.path(ecsConfig), 0o755))
				p := r.run(bootstrap)
				r.notRegular(p)
			}},
		{name: "disk/log-link", command: "bundle", inject: "the ECS agent's log is a link to /etc/shadow", takes: 8 * time.Second, must: "the link is not followed: the bundle contains nothing of that file",
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
		{name: "disk/log-fifo", command: "debug", inject: "the ECS agent's log is a FIFO", takes: 8 * time.Second, must: "it exits within 30 s",
			play: func(r *rig) {
				r.broken(os.Remove(r.path("var/log/ecs/ecs-agent.log")))
				r.broken(syscall.Mkfifo(r.path("var/log/ecs/ecs-agent.log"), 0o600))
				p := r.run("debug")
				p.exits(0, 1, 3)
				p.within(30 * time.Second)
				p.says(0, "checks:")
			}},
		{name: "disk/settings-unreadable", command: "agent", inject: "/etc/muster/muster.env belongs to root with mode 0600, and the agent does not run as root", takes: 5 * time.Second,
			must: "exit 78 names the file, because the settings must not be ignored silently",
			play: func(r *rig) {
				r.broken(r.Write("etc/muster/muster.env", []byte("MUSTER_NAMESPACE=Own\n")))
				r.broken(os.Chmod(r.path("etc/muster/muster.env"), 0o600))
				a := r.agentEarly(r.asUser(how{}))
				a.wait(20 * time.Second)
				a.exits(78)
				a.says(0, "muster.env")
			}},
	}
	for _, at := range []struct {
		name string
		e    syscall.Errno
		call string
	}{{"write", syscall.EIO, "write"}, {"fsync", syscall.EIO, "fsync"}, {"rename", syscall.EIO, "rename"}, {"quota", syscall.EDQUOT, "write"}} {
		rows = append(rows, row{name: "disk/config-" + at.name, command: "bootstrap", inject: at.e.Error() + " at the " + at.call + " of ecs.config",
			must: "exit 1; ecs.config is unchanged, and no temporary file remains; the next run succeeds", with: notStarted,
			play: func(r *rig) {
				r.runHow(toDefault, failing(at.e, 0, "/etc/ecs/", at.call)).exits(1)
				r.keeps()
				r.run(toDefault).exits(0)
				r.want(strings.Contains(r.read(ecsConfig), "ECS_CLUSTER=default\n"), "the second run did not write: %q", r.read(ecsConfig))
			}})
	}
	return rows
}

// keeps records an error unless /etc/ecs is unchanged.
func (r *rig) keeps() {
	r.want(r.read(ecsConfig) == "ECS_CLUSTER=prod\n", "ecs.config is not the old one: %q", r.read(ecsConfig))
	r.want(len(r.leftovers()) == 0, "left behind: %v", r.leftovers())
}

// leftovers returns the files other than ecs.config in its directory.
func (r *rig) leftovers() (left []string) {
	for _, f := range append(r.files("etc/ecs/*"), r.files("etc/ecs/.*")...) {
		if f != "/"+ecsConfig && f != "/etc/ecs/fill" && !strings.HasSuffix(f, "/.") && !strings.HasSuffix(f, "/..") {
			left = append(left, f)
		}
	}
	return left
}

// notRegular checks the result of bootstrap if ecs.config is not a regular file.
func (r *rig) notRegular(p *prog) {
	p.within(20 * time.Second)
	info, err := os.Lstat(r.path(ecsConfig))
	if err == nil && info.Mode().IsRegular() {
		p.exits(0)
		r.joins()
		return
	}
	p.exits(1)
	p.says(0, "/"+ecsConfig)
}

// spoolFails runs an agent with three queued minutes whose spool fails as h describes.
func (r *rig) spoolFails(h how) {
	r.queue(3)
	a := r.agent(h.sending())
	r.settled(a, 100*time.Second)
	r.want(r.arrived() == queuedAll, "want all %d queued data, got %d", queuedAll, r.arrived())
	r.want(len(r.files(spoolDir+"/*.damaged")) == 0, "minutes were set aside as damaged: %v", r.files(spoolDir+"/*"))
	a.stop()
}

// spoiltMinute runs an agent with three queued minutes, of which the second was changed by spoil.
func (r *rig) spoiltMinute(spoil func([]byte) []byte) {
	r.queue(3)
	bad := r.files(spoolDir + "/*.minute")[1]
	r.broken(r.Write(bad, spoil([]byte(r.read(bad)))))
	a := r.agent(sending("MUSTER_WATCH_PERIOD=2s"))
	r.settled(a, 60*time.Second)
	r.want(r.arrived() == 2*queued, "want the %d data of the two good minutes, got %d", 2*queued, r.arrived())
	r.want(len(r.files(spoolDir+"/*.damaged")) == 1, "the damaged minute is not set aside: %v", r.files(spoolDir+"/*"))
	a.says(0, filepath.Base(bad))
	a.stop()
}
