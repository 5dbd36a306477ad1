//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"muster/test/field/fieldcase"
)

// fileRows covers unexpected objects at the path of a file. They neither block nor mislead muster.
var fileRows = []row{
	{name: "file/full-stdout", command: "status", takes: 10 * time.Second,
		inject: "standard output is /dev/full",
		must:   "status, debug and a bundle on standard output exit with an error",
		play: func(r *rig) {
			a := r.agent(how{})
			for _, command := range []string{"status", "debug --bundle -", "status --output json", "debug --output json"} {
				f, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
				r.broken(err)
				p := r.start(command, how{stdout: f})
				p.wait(40 * time.Second)
				r.want(p.Code() != 0, "muster %s: exit 0, although nothing could be written", command)
			}
			a.stop()
		}},
	{name: "file/settings-fifo", command: "agent", takes: 8 * time.Second,
		inject: "muster.env is a FIFO",
		must:   "it does not hang; exit 78 names the file",
		play: func(r *rig) {
			_ = os.MkdirAll(r.path("etc/muster"), 0o755)
			_ = os.Remove(r.path(settingsFile))
			r.broken(syscall.Mkfifo(r.path(settingsFile), 0o644))
			a := r.agentEarly(how{})
			a.wait(20 * time.Second)
			a.exits(78)
			a.says(0, "muster.env")
			r.broken(os.Remove(r.path(settingsFile)))
		}},
	{name: "file/config-loop", command: "bootstrap", takes: 3 * time.Second,
		inject: "ecs.config is a link to itself",
		must:   "it does not hang; exit 1 names the file, or the file is replaced",
		play: func(r *rig) {
			r.broken(r.Remove(ecsConfig))
			r.broken(os.Symlink("ecs.config", r.path(ecsConfig)))
			p := r.run(bootstrap)
			r.notRegular(p)
			r.broken(os.Remove(r.path(ecsConfig)))
		}},
	{name: "file/config-eperm", command: "bootstrap", takes: 3 * time.Second, with: notStarted,
		inject: "ecs.config is immutable: EPERM on rename",
		must:   "exit 1 names the file; ecs.config is unchanged, and no temporary file remains",
		play: func(r *rig) {
			p := r.runHow(toDefault, failing(syscall.EPERM, 0, "/etc/ecs/", "rename"))
			p.exits(1)
			p.says(0, "ecs.config")
			r.keeps()
		}},
	{name: "file/config-no-end", command: "bootstrap", takes: 3 * time.Second,
		inject: "ecs.config has CRLF line endings, no newline at its end, and no cluster",
		must:   "it joins the cluster and keeps every other setting on its own line",
		with: both(notStarted, func(c *fieldcase.Case) {
			c.Files = append(c.Files, fieldcase.File{Name: ecsConfig, Data: []byte("ECS_LOGLEVEL=debug\r\nECS_RESERVED_MEMORY=64"), Mode: 0o644})
		}),
		play: func(r *rig) {
			r.run(bootstrap).exits(0)
			text := strings.ReplaceAll(r.read(ecsConfig), "\r\n", "\n")
			for _, line := range []string{"ECS_LOGLEVEL=debug\n", "ECS_CLUSTER=prod\n", "ECS_RESERVED_MEMORY=64\n"} {
				r.want(strings.Count("\n"+text, "\n"+line) == 1, "want %q once: %q", line, text)
			}
		}},
	{name: "file/config-huge", command: "bootstrap", takes: 10 * time.Second, with: notStarted,
		inject: "ecs.config has 300 MB of NUL bytes",
		must:   "within the time limit and 128 MB, exit 1 names the file, or it joins the cluster",
		play: func(r *rig) {
			r.broken(os.Truncate(r.path(ecsConfig), 300<<20))
			p := r.start(bootstrap, how{})
			for p.running() && time.Since(p.began) < 20*time.Second {
				if p.peak() > memoryMax {
					p.fits()
					break
				}
				wait(tick / 10)
			}
			p.wait(20 * time.Second)
			p.exits(0, 1)
			if p.Code() == 1 {
				p.says(0, "ecs.config")
			} else {
				r.joins()
			}
			r.broken(r.Write(ecsConfig, []byte("ECS_CLUSTER=prod\n")))
		}},
	{name: "file/lock-odd", command: "bootstrap", takes: 5 * time.Second, with: fresh,
		inject: "the lock file is a FIFO, then a link",
		must:   "it does not hang; the link's target is not written to",
		play: func(r *rig) {
			lock := r.path("run/muster/bootstrap.lock")
			r.broken(os.MkdirAll(r.path("run/muster"), 0o755))
			r.broken(syscall.Mkfifo(lock, 0o600))
			r.run(bootstrap).exits(0, 1)
			r.broken(os.RemoveAll(lock))
			r.broken(r.Write(secretFile, []byte(secret)))
			r.broken(os.Symlink("/"+secretFile, lock))
			r.run(bootstrap).exits(0, 1)
			r.want(r.read(secretFile) == secret, "the link was followed")
			r.broken(os.RemoveAll(lock))
			r.run(bootstrap).exits(0)
			r.joins()
		}},
	{name: "file/console-fifo", command: "verify", takes: 10 * time.Second, with: inGroup,
		inject: "the console is a FIFO without a reader",
		must:   "it does not hang: signals are sent, exit 0",
		play: func(r *rig) {
			_ = os.RemoveAll(r.path("dev/console"))
			r.broken(syscall.Mkfifo(r.path("dev/console"), 0o600))
			p := r.run(verify + " --console /dev/console" + hookFlag + stackFlags)
			p.exits(0)
			r.signaled()
		}},
	{name: "file/systemd-silent", command: "verify", takes: 60 * time.Second, with: both(notStarted, inGroup),
		inject: "systemd accepts connections on its socket and never responds",
		must:   "bootstrap joins the cluster within 45 s, and verify delivers its signals",
		play: func(r *rig) {
			r.silent()
			p := r.run(bootstrap)
			p.exits(0, 1)
			p.within(45 * time.Second)
			r.joins()
			p = r.run("verify --cluster prod --timeout 5s" + hookFlag + stackFlags)
			p.exits(10)
			r.stackIs("FAILURE")
		}},
	{name: "file/bundle-target", command: "bundle", takes: 30 * time.Second,
		inject: "the path of the bundle is a FIFO, a directory or a link",
		must:   "it does not hang and does not follow a link",
		play: func(r *rig) {
			r.broken(r.Write(secretFile, []byte(secret)))
			r.broken(syscall.Mkfifo(r.path("tmp/fifo"), 0o666))
			r.broken(os.Mkdir(r.path("tmp/dir"), 0o755))
			r.broken(os.Symlink("/"+secretFile, r.path("tmp/link")))
			for _, name := range []string{"fifo", "dir", "link"} {
				p := r.run("debug --bundle /tmp/" + name)
				p.within(45 * time.Second)
				if name != "fifo" {
					r.want(p.Code() == 1 || p.Code() == 64, "%s: want exit 1, got %s", name, p.Status())
				}
			}
			r.want(r.read(secretFile) == secret, "the link was followed")
		}},
	{name: "file/spool-junk", command: "agent", takes: 30 * time.Second,
		inject: "the spool contains directories, hard links and unusual names",
		must:   "the queued minutes arrive; no other file is followed or removed",
		play: func(r *rig) {
			r.queue(3)
			r.broken(r.Write("etc/other", []byte("keep\n")))
			r.broken(os.Link(r.path("etc/other"), r.path(spoolDir+"/1700000000-3.minute")))
			for _, d := range []string{"1800000000-3.minute", "99999999999999999999-3.minute", "-1-3.minute"} {
				r.broken(os.MkdirAll(r.path(filepath.Join(spoolDir, d, "x")), 0o755))
			}
			for i := range 3000 {
				r.broken(r.Write(fmt.Sprintf("%s/junk%d", spoolDir, i), []byte("x")))
			}
			a := r.agent(sending("MUSTER_WATCH_PERIOD=2s"))
			r.settled(a, 90*time.Second)
			r.want(r.arrived() == queuedAll, "want all %d queued data, got %d", queuedAll, r.arrived())
			r.want(r.read("etc/other") == "keep\n", "a file that is linked was written")
			a.stop()
		}},
	{name: "file/log-huge", command: "debug", takes: 30 * time.Second,
		inject: "the ECS agent's log is a sparse file of 200 GB, which is one endless line",
		must:   "the bundle is written within 60 s and with at most 128 MB of memory",
		play: func(r *rig) {
			log := "var/log/ecs/ecs-agent.log"
			r.broken(r.Write(log, []byte(strings.Repeat("x", 4<<20))))
			r.broken(os.Truncate(r.path(log), 200<<30))
			p := r.start("debug --bundle /"+bundleFile, how{})
			var most int64
			for p.running() && time.Since(p.began) < 60*time.Second {
				most = max(most, p.peak())
				wait(tick)
			}
			p.wait(time.Second)
			p.exits(0, 1, 3)
			r.want(most < memoryMax, "it took %d MB", most>>20)
			r.wholeBundle()
		}},
	{name: "file/umask", command: "bootstrap", takes: 20 * time.Second, with: both(fresh, inGroup),
		inject: "bootstrap, verify and the agent run with umask 0",
		must:   "no file that they write is writable by other users",
		play: func(r *rig) {
			syscall.Umask(0)
			r.run(bootstrap).exits(0)
			r.run("verify --cluster prod --timeout 3s" + hookFlag)
			r.queue(1)
			a := r.agent(how{})
			r.run("debug --bundle /" + bundleFile)
			a.stop()
			syscall.Umask(0o022)
			for _, dir := range []string{"etc/ecs", "var/lib/muster", spoolDir, "run/muster-agent", bundleFile} {
				_ = filepath.Walk(r.path(dir), func(path string, info os.FileInfo, err error) error {
					if err == nil && info.Mode().Perm()&0o022 != 0 && info.Mode()&os.ModeSymlink == 0 {
						r.wrong("%s has mode %o", strings.TrimPrefix(path, r.Dir()), info.Mode().Perm())
					}
					return nil
				})
			}
		}},
	{name: "file/bundle-hard-link", command: "bundle",
		inject: "the bundle's path is a local user's hard link to /etc/shadow", takes: 10 * time.Second,
		must: "exit 1 names the file; /etc/shadow does not change",
		play: func(r *rig) {
			r.broken(r.Write(secretFile, []byte(secret)))
			r.broken(os.Chmod(r.path("tmp"), 0o1777))
			r.broken(os.Link(r.path(secretFile), r.path(bundleFile)))
			p := r.run("debug --bundle /" + bundleFile)
			p.exits(1)
			p.says(0, "/"+bundleFile+" already exists")
			r.want(r.read(secretFile) == secret, "/etc/shadow was written")
		}},
	{name: "file/config-bom", command: "bootstrap",
		inject: "ecs.config begins with a byte order mark and sets the cluster three times, once with export", takes: 5 * time.Second,
		must: "it warns about the duplicates; only the cluster of the flag remains, and other settings are unchanged",
		play: func(r *rig) {
			r.broken(r.Write(ecsConfig, []byte("\ufeffECS_CLUSTER=other\nECS_CLUSTER='prod2'\nexport ECS_CLUSTER=prod3\nECS_LOGLEVEL=debug\n")))
			p := r.run(bootstrap)
			p.exits(0)
			p.says(0, "ECS_CLUSTER is set again on line 3")
			r.want(r.read(ecsConfig) == "ECS_CLUSTER=prod\nECS_LOGLEVEL=debug\n", "ecs.config is %q", r.read(ecsConfig))
		}},
}
