//go:build linux

package main

import (
	"strings"
	"syscall"
	"time"

	"muster/test/field/fieldcase"
)

// diskRows covers file systems that are full or read-only. No file that other programs read is ever half written.
var diskRows = []row{
	{name: "disk/full-spool", command: "agent", takes: 8 * time.Second, with: full(spoolDir),
		inject: "no space is left in the spool",
		must:   "metrics are published from memory",
		play: func(r *rig) {
			a := r.agent(how{})
			a.stop()
			r.publishes()
		}},
	{name: "disk/full-etc", command: "bootstrap",
		inject: "no space is left in /etc/ecs",
		must:   "exit 1; ecs.config is unchanged, and no temporary file remains",
		with: both(notStarted, full("etc/ecs"), func(c *fieldcase.Case) {
			c.Files = append(c.Files, fieldcase.File{Name: ecsConfig, Data: []byte("ECS_CLUSTER=prod\n"), Mode: 0o644})
		}),
		play: func(r *rig) {
			p := r.run(toDefault)
			p.exits(1)
			p.says(0, "no space left")
			r.keeps()
		}},
	{name: "disk/full-state", command: "bootstrap", with: full("var/lib/muster"),
		inject: "no space is left in /var/lib/muster",
		must:   "exit 1 reports it, because the units need the settings in the record",
		play: func(r *rig) {
			p := r.run(bootstrap)
			p.exits(1)
			p.says(0, "no space left")
		}},
	{name: "disk/full-run", command: "agent", takes: 5 * time.Second, with: full("run/muster-agent"),
		inject: "no space is left in /run/muster-agent",
		must:   "it publishes; the journal says that muster status has no current state",
		play: func(r *rig) {
			a := r.agent(how{})
			a.says(5*time.Second, "muster status")
			a.stop()
			r.publishes()
		}},
	{name: "disk/full-bundle", command: "bundle", takes: 8 * time.Second, with: full("tmp"),
		inject: "no space is left for the bundle",
		must:   "exit 1 reports it, and no partial bundle remains",
		play: func(r *rig) {
			p := r.run("debug --bundle /tmp/b.tgz")
			p.exits(1)
			p.says(0, "no space left")
			left := r.files("tmp/*b.tgz*")
			left = append(left, r.files("tmp/.*b.tgz*")...)
			r.want(len(left) == 0, "left behind: %v", left)
		}},
	{name: "disk/read-only-etc", command: "bootstrap", with: both(notStarted, readOnly("etc/ecs")),
		inject: "/etc/ecs is read-only",
		must:   "exit 1 reports it; ecs.config is unchanged",
		play: func(r *rig) {
			p := r.run(toDefault)
			p.exits(1)
			p.says(0, "read-only")
			r.keeps()
		}},
	{name: "disk/read-only-spool", command: "agent", takes: 5 * time.Second, with: readOnly(spoolDir),
		inject: "the spool is read-only",
		must:   "metrics are published from memory",
		play: func(r *rig) {
			a := r.agent(how{})
			a.stop()
			r.publishes()
		}},
	{name: "disk/read-only-report", command: "verify", takes: 5 * time.Second,
		inject: "/var/lib/muster is read-only",
		must:   "the signals are still delivered",
		with: both(inGroup, readOnly("var/lib/muster"), func(c *fieldcase.Case) {
			c.Files = append(c.Files, fieldcase.File{Name: "var/lib/muster", Dir: true})
		}),
		play: func(r *rig) {
			r.run(verify+hookFlag+stackFlags).exits(0, 1)
			r.signaled()
		}},
	{name: "disk/mkdir-enospc", command: "bootstrap", takes: 5 * time.Second, with: fresh,
		inject: "ENOSPC when a directory is created (no inodes)",
		must:   "it joins the cluster, or exits with an error; the next run joins the cluster",
		play: func(r *rig) {
			p := r.runHow(bootstrap, failing(syscall.ENOSPC, 0, "muster", "mkdir"))
			p.exits(0, 1)
			r.run(bootstrap).exits(0)
			r.joins()
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
}

// configWriteRows covers a disk that fails while ecs.config is written.
func configWriteRows() (rows []row) {
	for _, at := range []struct {
		name string
		e    syscall.Errno
		call string
	}{
		{"write", syscall.EIO, "write"},
		{"fsync", syscall.EIO, "fsync"},
		{"rename", syscall.EIO, "rename"},
		{"quota", syscall.EDQUOT, "write"},
	} {
		rows = append(rows, row{name: "disk/config-" + at.name, command: "bootstrap", with: notStarted,
			inject: at.e.Error() + " at the " + at.call + " of ecs.config",
			must:   "exit 1; ecs.config is unchanged, and no temporary file remains; the next run succeeds",
			play: func(r *rig) {
				r.runHow(toDefault, failing(at.e, 0, "/etc/ecs/", at.call)).exits(1)
				r.keeps()
				r.run(toDefault).exits(0)
				r.want(strings.Contains(r.read(ecsConfig), "ECS_CLUSTER=default\n"), "the second run did not write: %q", r.read(ecsConfig))
			}})
	}
	return rows
}
