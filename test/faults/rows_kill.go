//go:build linux

package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"muster/test/faults/inject"
)

// killRows covers kill -9 (the OOM killer, a reset) at every call that changes a file.
var killRows = []row{
	{name: "kill/bootstrap", command: "bootstrap", takes: 30 * time.Second, with: notStarted,
		inject: "kill -9 at every call that changes a file",
		must:   "ecs.config has the old or the new content; the next run succeeds; a run one hour later removes all temporary files",
		play: func(r *rig) {
			r.everyKill(15, 0, 1, func(_ int64, h how) *prog {
				r.broken(r.Write(ecsConfig, []byte("ECS_CLUSTER=prod\n")))
				return r.runHow(toDefault, h)
			}, func(at string) {
				text := r.read(ecsConfig)
				r.age("var/lib/muster/instances/*/.*.json*")
				whole := text == "ECS_CLUSTER=prod\n" || strings.Contains(text, "ECS_CLUSTER=default\n")
				r.want(whole, "%s: ecs.config is neither old nor new: %q", at, text)
				r.run(toDefault).exits(0)
				r.want(strings.Contains(r.read(ecsConfig), "ECS_CLUSTER=default\n"), "%s: the next run did not repair: %q", at, r.read(ecsConfig))
				r.want(len(r.leftovers()) == 0, "%s: left behind: %v", at, r.leftovers())
				hidden := r.files("var/lib/muster/instances/*/.*.json*")
				r.want(len(hidden) == 0, "%s: left behind: %v", at, hidden)
			})
		}},
	{name: "kill/bootstrap-first", command: "bootstrap", takes: 30 * time.Second, with: fresh,
		inject: "kill -9 at every call that changes a file, during the first boot",
		must:   "the next run joins the cluster and leaves no temporary file",
		play: func(r *rig) {
			r.everyKill(15, 0, 1, func(_ int64, h how) *prog {
				for _, d := range []string{"etc/ecs", "var/lib/muster", "etc/systemd/system"} {
					r.clear(d)
				}
				return r.runHow(bootstrap, h)
			}, func(at string) {
				r.run(bootstrap).exits(0)
				r.joins()
				r.want(len(r.leftovers()) == 0, "%s: left behind: %v", at, r.leftovers())
			})
		}},
	{name: "kill/verify", command: "verify", takes: 30 * time.Second, with: inGroup,
		inject: "kill -9 at every call that changes a file",
		must:   "the report is complete or absent; the next run delivers the missing signals, exit 0",
		play: func(r *rig) {
			r.everyKill(3, 0, 1, func(_ int64, h how) *prog { return r.runHow(verify+hookFlag+stackFlags, h) }, func(string) {
				r.run(verify + hookFlag + stackFlags).exits(0)
				r.signaled()
				r.clear("var/lib/muster")
			})
		}},
	{name: "kill/bundle", command: "bundle", takes: 60 * time.Second,
		inject: "kill -9 at every 4th call that changes a file",
		must:   "the bundle is complete or absent; the next run writes it; a run one hour later removes all temporary files",
		play: func(r *rig) {
			r.everyKill(3, 3, 4, func(_ int64, h how) *prog {
				r.clear("tmp")
				return r.runHow("debug --only platform --bundle /tmp/b.tgz", h)
			}, func(at string) {
				if len(r.files("tmp/b.tgz")) > 0 {
					r.wholeBundle()
				}
				r.age("tmp/.*b.tgz*")
				r.run("debug --only platform --bundle /tmp/b.tgz")
				r.wholeBundle()
				left := r.files("tmp/.*b.tgz*")
				r.want(len(left) == 0, "%s: left behind: %v", at, left)
			})
		}},
}

// changing lists the calls at which a kill could leave a change half done.
var changing = []string{
	"open", "write", "pwrite", "fsync", "fdatasync", "truncate", "rename", "unlink", "mkdir", "link", "symlink", "chmod", "chown",
}

// counts reports whether a call changes a file on the instance's disk. Pipes, sockets and /dev do not count.
func counts(c inject.Call) bool {
	for _, dir := range []string{"/dev/", "/proc/", "/sys/"} {
		if strings.HasPrefix(c.Path, dir) {
			return false
		}
	}
	return strings.HasPrefix(c.Path, "/") && (c.Name != "open" || c.Write)
}

// killedAt kills muster at its nth call that changes a file. reached holds that call, or nil if muster exited before
// it.
func killedAt(n int64) (h how, reached *atomic.Pointer[inject.Call]) {
	var seen atomic.Int64
	reached = &atomic.Pointer[inject.Call]{}
	return how{spec: inject.Spec{Calls: changing}, decide: func(c inject.Call) inject.Verdict {
		if !counts(c) || seen.Add(1) != n {
			return inject.Go
		}
		reached.Store(&c)
		return inject.Kill
	}}, reached
}

// mostKills is the maximum number of kills in a row.
const mostKills = 200

// everyKill runs play once for each call that changes a file, until muster exits before the call is reached. It records
// an error if there were fewer than least calls. The calls are divided among shards rows, of which this is row shard.
func (r *rig) everyKill(least, shard, shards int, play func(n int64, h how) *prog, judge func(at string)) {
	points := 0
	for n := 1 + shard; n <= mostKills; n += shards {
		h, reached := killedAt(int64(n))
		p := play(int64(n), h)
		c := reached.Load()
		if c == nil {
			break
		}
		points++
		was := len(r.why)
		r.want(p.Code() == -1, "killed at call %d (%s), it ended by itself: %s", n, c, p.Status())
		r.nothingTorn()
		judge(fmt.Sprintf("killed at call %d (%s)", n, c))
		r.nothingTwice()
		if len(r.why) > was {
			r.wrong("that was after the kill at call %d: %s", n, c)
			return
		}
		r.progs = slices.DeleteFunc(r.progs, func(p *prog) bool { return !p.running() })
	}
	r.want(points >= least, "there were %d calls to be killed at, want at least %d", points, least)
}

// agentKillRows divides the calls of an agent that sends queued minutes among several rows, because they take long.
func agentKillRows() (rows []row) {
	const shards = 4
	for shard := range shards {
		rows = append(rows, row{name: fmt.Sprintf("kill/agent-%d", shard+1), command: "agent", takes: 100 * time.Second,
			inject: fmt.Sprintf("kill -9 at the calls %d, %d, ... that change a file, with 2 queued minutes", shard+1, shard+1+shards),
			must:   "no data point is sent twice; at most one request with queued minutes is lost, and the next agent sends the rest",
			play:   func(r *rig) { r.killAgent(shard, shards) }})
	}
	return rows
}

// killAgent kills agents that send two queued minutes, each at another call, and runs the next agent.
func (r *rig) killAgent(shard, shards int) {
	namespace := "" // a new one for each kill, because each run starts with a new spool
	r.everyKill(3, shard, shards, func(n int64, h how) *prog {
		r.clear(spoolDir)
		r.queue(2)
		namespace = fmt.Sprintf("Kill%d", n)
		h.env = []string{"MUSTER_NAMESPACE=" + namespace}
		a := r.agentEarly(h)
		for end := time.Now().Add(10 * time.Second); a.running() && r.read(stateFile) == "" && time.Now().Before(end); {
			wait(tick)
		}
		wait(4 * tick)
		_ = a.Signal(syscall.SIGTERM) // the agent sends what is queued when it stops; an error means that it was killed
		a.wait(endLimit)
		return a
	}, func(at string) {
		_ = r.Remove(stateFile)
		a := r.agent(how{env: []string{"MUSTER_NAMESPACE=" + namespace}})
		a.stop()
		r.want(len(r.files(spoolDir+"/*.damaged")) == 0, "%s: a minute was set aside as damaged", at)
		left, got := queued*len(r.files(spoolDir+"/*-"+strconv.Itoa(queued)+".minute")), 0
		for _, d := range r.Sandbox().Metrics() {
			if d.Namespace == namespace && strings.HasPrefix(d.Name, "Queued") {
				got++
			}
		}
		r.want(got+left >= queued, "%s: of %d queued data %d arrived and %d wait: more than one request is lost", at, 2*queued, got, left)
	})
}
