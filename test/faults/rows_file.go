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
func fileRows() []row {
	return []row{
		{name: "file/full-stdout", command: "status", inject: "standard output is /dev/full", takes: 10 * time.Second, must: "status, debug and a bundle on standard output exit with an error",
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
		{name: "file/settings-fifo", command: "agent", inject: "muster.env is a FIFO", takes: 8 * time.Second, must: "it does not hang; exit 78 names the file",
			play: func(r *rig) {
				_ = os.MkdirAll(r.path("etc/muster"), 0o755)
				_ = os.Remove(r.path("etc/muster/muster.env"))
				r.broken(syscall.Mkfifo(r.path("etc/muster/muster.env"), 0o644))
				a := r.agentEarly(how{})
				a.wait(20 * time.Second)
				a.exits(78)
				a.says(0, "muster.env")
				r.broken(os.Remove(r.path("etc/muster/muster.env")))
			}},
		{name: "file/aws-config-fifo", command: "debug", inject: "sudo kept the user's HOME, in which ~/.aws/config is a FIFO", takes: 30 * time.Second, must: "it exits within 60 s",
			play: func(r *rig) {
				_ = os.MkdirAll(r.path("home/joe/.aws"), 0o755)
				r.broken(syscall.Mkfifo(r.path("home/joe/.aws/config"), 0o644))
				p := r.start("debug", how{env: []string{"HOME=/home/joe"}})
				p.wait(60 * time.Second)
				p.exits(0, 1, 3)
				p.says(0, "checks:")
			}},
		{name: "file/aws-process", command: "debug", inject: "sudo kept the user's HOME, in which ~/.aws/config names a credentials program", takes: 30 * time.Second, must: "root does not run that program",
			play: func(r *rig) {
				_ = os.MkdirAll(r.path("home/joe/.aws"), 0o755)
				r.broken(r.Write("home/joe/.aws/config", []byte("[default]\ncredential_process = /usr/local/bin/muster --version-of-joe\nregion = eu-central-1\n")))
				r.broken(os.Chown(r.path("home/joe/.aws/config"), 1000, 1000))
				r.broken(os.Chown(r.path("home/joe/.aws"), 1000, 1000))
				r.broken(os.Chown(r.path("home/joe"), 1000, 1000))
				p := r.start("debug", how{env: []string{"HOME=/home/joe"}})
				p.wait(60 * time.Second)
				r.want(!p.printed("credential_process"), "it was tried: %s", p.stdout.String())
				p.says(0, "checks:")
			}},
		{name: "file/spool-junk", command: "agent", inject: "the spool contains directories, hard links and unusual names", takes: 30 * time.Second, must: "the queued minutes arrive; no other file is followed or removed",
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
		{name: "file/config-loop", command: "bootstrap", inject: "ecs.config is a link to itself", takes: 3 * time.Second, must: "it does not hang; exit 1 names the file, or the file is replaced",
			play: func(r *rig) {
				r.broken(r.Remove(ecsConfig))
				r.broken(os.Symlink("ecs.config", r.path(ecsConfig)))
				p := r.run(bootstrap)
				r.notRegular(p)
				r.broken(os.Remove(r.path(ecsConfig)))
			}},
		{name: "file/config-eperm", command: "bootstrap", inject: "ecs.config is immutable: EPERM on rename", takes: 3 * time.Second, must: "exit 1 names the file; ecs.config is unchanged, and no temporary file remains", with: notStarted,
			play: func(r *rig) {
				p := r.runHow(toDefault, failing(syscall.EPERM, 0, "/etc/ecs/", "rename"))
				p.exits(1)
				p.says(0, "ecs.config")
				r.keeps()
			}},
		{name: "file/bundle-target", command: "bundle", inject: "the path of the bundle is a FIFO, a directory or a link", takes: 30 * time.Second, must: "it does not hang and does not follow a link",
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
		{name: "file/config-no-end", command: "bootstrap", inject: "ecs.config has CRLF line endings, no newline at its end, and no cluster", takes: 3 * time.Second,
			must: "it joins the cluster and keeps every other setting on its own line",
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
		{name: "file/config-huge", command: "bootstrap", inject: "ecs.config has 300 MB of NUL bytes", takes: 10 * time.Second,
			must: "within the time limit and 128 MB, exit 1 names the file, or it joins the cluster", with: notStarted,
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
		{name: "file/umask", command: "bootstrap", inject: "bootstrap, verify and the agent run with umask 0", takes: 20 * time.Second,
			must: "no file that they write is writable by other users", with: both(fresh, inGroup),
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
		{name: "file/log-huge", command: "debug", inject: "the ECS agent's log is a sparse file of 200 GB, which is one endless line", takes: 30 * time.Second,
			must: "the bundle is written within 60 s and with at most 128 MB of memory",
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
	}
}
