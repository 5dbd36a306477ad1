//go:build linux

package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// fileUserRows covers files of a local user without privileges, and of a compromised agent.
var fileUserRows = []row{
	{name: "file/as-user", command: "debug", takes: 60 * time.Second, with: inGroup,
		inject: "a local user runs bootstrap, verify, debug with a bundle, check and status",
		must:   "only the bundle is written; no command crashes, and no secret from root's files appears",
		play: func(r *rig) {
			r.run(bootstrap).exits(0)
			r.broken(r.Write("etc/ecs/ecs.config", []byte("ECS_CLUSTER=prod\nECS_ENGINE_AUTH_DATA={\"r\":{\"password\":\"secretsecret\"}}\n")))
			r.broken(os.Chmod(r.path(ecsConfig), 0o600))
			r.broken(os.Chmod(r.path("tmp"), 0o1777))
			before := r.read(ecsConfig)
			for _, c := range []string{bootstrap, "verify --cluster prod --timeout 4s" + hookFlag + stackFlags,
				"debug --bundle /" + bundleFile, "check", "status", "config show"} {
				h := how{env: []string{"HOME=/tmp"}}
				h.spec.UID = agentUser
				p := r.runHow(c, h)
				r.want(!p.printed("secretsecret"), "muster %s prints a secret", c)
			}
			r.wholeBundle()
			r.want(r.read(ecsConfig) == before, "ecs.config was changed")
		}},
	{name: "file/aws-config-fifo", command: "debug", takes: 30 * time.Second,
		inject: "sudo kept the user's HOME, in which ~/.aws/config is a FIFO",
		must:   "it exits within 60 s",
		play: func(r *rig) {
			_ = os.MkdirAll(r.path("home/joe/.aws"), 0o755)
			r.broken(syscall.Mkfifo(r.path("home/joe/.aws/config"), 0o644))
			p := r.start("debug", how{env: []string{"HOME=/home/joe"}})
			p.wait(60 * time.Second)
			p.exits(0, 1, 3)
			p.says(0, "checks:")
		}},
	{name: "file/aws-process", command: "debug", takes: 30 * time.Second,
		inject: "sudo kept the user's HOME, in which ~/.aws/config names a credentials program",
		must:   "root does not run that program",
		play: func(r *rig) {
			_ = os.MkdirAll(r.path("home/joe/.aws"), 0o755)
			r.broken(r.Write("home/joe/.aws/config", []byte("[default]\nregion = eu-central-1\n"+
				"credential_process = /usr/local/bin/muster --version-of-joe\n")))
			r.broken(os.Chown(r.path("home/joe/.aws/config"), 1000, 1000))
			r.broken(os.Chown(r.path("home/joe/.aws"), 1000, 1000))
			r.broken(os.Chown(r.path("home/joe"), 1000, 1000))
			p := r.start("debug", how{env: []string{"HOME=/home/joe"}})
			p.wait(60 * time.Second)
			r.want(!p.printed("credential_process"), "it was tried: %s", p.stdout.String())
			p.says(0, "checks:")
		}},
	{name: "file/report-link", command: "verify", takes: 20 * time.Second, with: inGroup,
		inject: "the --report file in /tmp is a local user's link to /etc/shadow",
		must:   "the link's target is not written to",
		play: func(r *rig) {
			r.broken(r.Write(secretFile, []byte(secret)))
			r.broken(os.Chmod(r.path("tmp"), 0o1777))
			r.broken(os.Symlink("/"+secretFile, r.path("tmp/report.json")))
			r.broken(os.Lchown(r.path("tmp/report.json"), 1000, 1000))
			r.run(verify + " --report /tmp/report.json" + hookFlag + stackFlags)
			r.want(r.read(secretFile) == secret, "/etc/shadow was written: %q", r.read(secretFile))
			r.signaled()
		}},
	{name: "file/bundle-open", command: "bundle", takes: 20 * time.Second,
		inject: "a local user has created the bundle's file with mode 0666, and keeps it open",
		must:   "that file contains nothing of the bundle",
		play: func(r *rig) {
			r.broken(os.Chmod(r.path("tmp"), 0o1777))
			f, err := os.OpenFile(r.path(bundleFile), os.O_CREATE|os.O_RDWR, 0o666)
			r.broken(err)
			defer f.Close()
			r.broken(os.Chown(r.path(bundleFile), 1000, 1000))
			r.broken(os.Chmod(r.path(bundleFile), 0o666))
			p := r.run("debug --bundle /" + bundleFile)
			data, _ := io.ReadAll(f)
			r.want(len(data) == 0, "%d bytes of the bundle are in the user's file", len(data))
			if info, err := os.Stat(r.path(bundleFile)); err == nil && info.Size() > 0 {
				r.want(info.Mode().Perm() == 0o600, "the bundle has mode %o", info.Mode().Perm())
			} else {
				r.want(p.Code() != 0, "exit 0 without a bundle")
			}
		}},
	{name: "file/bundle-race", command: "bundle", takes: 30 * time.Second,
		inject: "a local user repeatedly replaces the bundle's directory, which the user owns, with a link to /etc",
		must:   "no file in /etc changes; the user can never read the bundle",
		play: func(r *rig) {
			r.broken(os.MkdirAll(r.path("home/joe/out"), 0o777))
			r.broken(os.MkdirAll(r.path("etc/private"), 0o700))
			r.broken(r.Write("etc/private/b.tgz", []byte("keep\n")))
			done := make(chan bool)
			go func() {
				for {
					select {
					case <-done:
						return
					default:
					}
					_ = os.Rename(r.path("home/joe/out"), r.path("home/joe/was"))
					_ = os.Symlink("/etc/private", r.path("home/joe/out"))
					wait(time.Millisecond)
					_ = os.Remove(r.path("home/joe/out"))
					_ = os.Rename(r.path("home/joe/was"), r.path("home/joe/out"))
					wait(time.Millisecond)
				}
			}()
			for range 6 {
				r.run("debug --bundle /home/joe/out/b.tgz")
			}
			done <- true
			for _, f := range append(r.files("home/joe/*/*b.tgz*"), r.files("home/joe/*/.*b.tgz*")...) {
				info, err := os.Lstat(r.path(f))
				r.want(err != nil || info.Mode().Perm()&0o077 == 0, "%s may be read by others", f)
			}
			r.want(r.read("etc/private/b.tgz") == "keep\n", "a file of /etc/private was replaced")
		}},
	{name: "file/lock-held", command: "bootstrap", takes: 20 * time.Second, with: inGroup,
		inject: "a local user locks every file in /run/muster, /var/lib/muster and /etc/ecs that it can open",
		must:   "the next bootstrap and verify are not delayed",
		play: func(r *rig) {
			r.run(bootstrap).exits(0)
			r.run(verify + hookFlag + stackFlags).exits(0)
			locked := 0
			for _, f := range append(append(r.files("run/muster/*"), r.files("var/lib/muster/*/*/*")...),
				append(r.files("etc/ecs/*"), r.files("run/muster-agent/*")...)...) {
				info, err := os.Lstat(r.path(f))
				if err != nil || !info.Mode().IsRegular() || info.Mode().Perm()&0o004 == 0 {
					continue
				}
				o, err := os.Open(r.path(f))
				r.broken(err)
				defer o.Close()
				if unix.Flock(int(o.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil {
					locked++
				}
			}
			p := r.run(bootstrap)
			p.exits(0)
			p.within(15 * time.Second)
			p = r.run(verify + hookFlag + stackFlags)
			p.exits(0)
			p.within(15 * time.Second)
			r.signaled()
			r.want(locked > 0, "no file was locked")
		}},
	{name: "file/record-secrets", command: "bootstrap", takes: 20 * time.Second, with: fresh,
		inject: "the values of --ecs contain secrets: registry, proxy, attribute, unknown key",
		must:   "none of them appears in a file that other users can read, the journal, config show, debug or the bundle",
		play: func(r *rig) {
			var all []string
			secret := func() string {
				all = append(all, fmt.Sprintf("xK9%dqZ7wL%d", len(all), len(all)))
				return all[len(all)-1]
			}
			settings := []string{
				`ECS_ENGINE_AUTH_TYPE=docker`, `ECS_ENGINE_AUTH_DATA={"https://r.example":{"username":"joe","password":"` + secret() + `"}}`,
				`ECS_INSTANCE_ATTRIBUTES={"token":"` + secret() + `"}`, `ECS_X_PROXY=http://joe:` + secret() + `@proxy:3128`,
				`ECS_X_APIKEY=` + secret(),
				`ECS_CONTAINER_INSTANCE_TAGS={"db-password":"` + secret() + `"}`, `ECS_ALTERNATE_CREDENTIAL_PROFILE=` + secret(),
			}
			h := how{env: []string{"MUSTER_ECS=" + strings.Join(settings, " ")}}
			p := r.runHow(bootstrap, h)
			p.exits(0)
			for _, c := range []string{"verify --cluster prod --timeout 2s", "config show",
				"config show --output json", "debug -v --bundle /" + bundleFile, "check --output json"} {
				r.run(c)
			}
			text := r.unpacked()
			for _, q := range r.progs {
				text += q.stdout.String() + q.stderr.String()
			}
			for _, f := range append(append(r.files("var/lib/muster/*/*/*"), r.files("etc/ecs/*")...), r.files("run/muster/*")...) {
				if info, err := os.Stat(r.path(f)); err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o004 != 0 {
					text += r.read(f)
				}
			}
			for i, s := range all[:5] {
				at := strings.Index(text, s)
				r.want(at < 0, "secret %d is readable: %s", i, text[max(0, at-100):max(0, min(len(text), at+30))])
			}
		}},
	{name: "file/state-link", command: "status", takes: 20 * time.Second,
		inject: "a compromised agent replaces its state file with a link to /etc/shadow",
		must:   "status, debug and bundle, run as root, print nothing of that file",
		play: func(r *rig) {
			r.broken(r.Write(secretFile, []byte(secret)))
			a := r.agent(how{})
			r.status(10*time.Second, []int{0, 1})
			a.kill()
			r.broken(os.Remove(r.path(stateFile)))
			r.broken(os.Symlink("/"+secretFile, r.path(stateFile)))
			for _, c := range []string{"status", "status --output json", "debug --bundle /" + bundleFile} {
				p := r.run(c)
				r.want(!p.printed("secretsecret"), "muster %s prints /etc/shadow", c)
			}
			r.want(!strings.Contains(r.unpacked(), "secretsecret"), "the bundle has /etc/shadow")
			r.want(r.read(secretFile) == secret, "/etc/shadow was written")
		}},
	{name: "file/state-huge", command: "status", takes: 20 * time.Second,
		inject: "a compromised agent writes a state file of 300 MB, and one with a nesting depth of 100,000",
		must:   "exit 3 within the time limit and 128 MB",
		play: func(r *rig) {
			_ = os.MkdirAll(r.path("run/muster-agent"), 0o755)
			r.broken(r.Write(stateFile, nil))
			r.broken(os.Truncate(r.path(stateFile), 300<<20))
			p := r.start("status", how{})
			p.fitsFor(20 * time.Second)
			p.exits(3)
			r.broken(r.Write(stateFile, []byte(strings.Repeat(`{"a":`, 100000))))
			p = r.start("status", how{})
			p.fitsFor(20 * time.Second)
			p.exits(3)
			r.broken(r.Remove(stateFile))
		}},
	{name: "file/state-injected", command: "status", takes: 30 * time.Second,
		inject: "a compromised agent writes escape sequences to its state file",
		must:   "none of them appears unescaped in status, debug, JSON, JUnit or the bundle",
		play: func(r *rig) {
			a := r.agent(how{})
			r.status(10*time.Second, []int{0})
			a.kill()
			r.broken(r.Write(stateFile, []byte(strings.ReplaceAll(r.read(stateFile), "prod", "prod"+jsonActive))))
			r.allInert()
		}},
}

// jsonActive is a JSON string with C0, C1 and bidirectional control characters and a newline.
const jsonActive = `\u001b[2J\u001b]0;x\u0007\u009b31m\u202e\u2066\nmuster: forged\r\u007f`
