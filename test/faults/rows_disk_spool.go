//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"muster/test/faults/inject"
)

// diskSpoolRows covers the spool of queued minutes. A minute is lost only if the loss is unavoidable.
var diskSpoolRows = []row{
	{name: "disk/eio-read", command: "agent", takes: 30 * time.Second,
		inject: "EIO twice when a queued minute is read",
		must:   "all queued minutes arrive; none is set aside",
		play:   func(r *rig) { r.spoolFails(failing(syscall.EIO, 2, ".minute", "read")) }},
	{name: "disk/eio-open", command: "agent", takes: 30 * time.Second,
		inject: "EMFILE once when a queued minute is opened",
		must:   "all queued minutes arrive; none is set aside",
		play:   func(r *rig) { r.spoolFails(failing(syscall.EMFILE, 1, ".minute", "open")) }},
	{name: "disk/eacces-open", command: "agent", takes: 60 * time.Second,
		inject: "EACCES three times when a queued minute is opened",
		must:   "all queued minutes arrive; none is set aside",
		play:   func(r *rig) { r.spoolFails(failing(syscall.EACCES, 3, ".minute", "open")) }},
	{name: "disk/eio-progress", command: "agent", takes: 60 * time.Second,
		inject: "EIO five times when the progress is written",
		must:   "all queued minutes arrive exactly once",
		play:   func(r *rig) { r.spoolFails(failing(syscall.EIO, 5, "/progress", "write", "pwrite", "fsync")) }},
	{name: "disk/eio-unlink", command: "agent", takes: 60 * time.Second,
		inject: "EIO twice when a sent minute is removed",
		must:   "all queued minutes arrive exactly once, even after a restart",
		play: func(r *rig) {
			r.queue(3)
			a := r.agent(failing(syscall.EIO, 2, ".minute", "unlink").sending())
			r.settled(a, 60*time.Second)
			a.kill()
			a = r.agent(sending())
			a.stop()
			r.want(r.arrived() == queuedAll, "want all %d queued data, got %d", queuedAll, r.arrived())
		}},
	{name: "disk/enospc-minute", command: "agent", takes: 5 * time.Second,
		inject: "ENOSPC when minutes are written",
		must:   "metrics are published from memory",
		play: func(r *rig) {
			a := r.agent(failing(syscall.ENOSPC, 0, "/spool/next", "write"))
			a.stop()
			r.publishes()
		}},
	{name: "disk/rename-once", command: "agent", takes: 90 * time.Second,
		inject: "EIO for every second rename",
		must:   "all queued minutes arrive exactly once",
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
	{name: "disk/damaged-minute", command: "agent", takes: 30 * time.Second,
		inject: "one bit is flipped in one of three queued minutes",
		must:   "the other two arrive; the damaged one is set aside, and the journal names it",
		play:   func(r *rig) { r.spoiltMinute(func(data []byte) []byte { data[len(data)/2] ^= 1; return data }) }},
	{name: "disk/truncated-minute", command: "agent", takes: 30 * time.Second,
		inject: "one of three queued minutes is empty (power loss)",
		must:   "the other two arrive; the damaged one is set aside, and the journal names it",
		play:   func(r *rig) { r.spoiltMinute(func([]byte) []byte { return nil }) }},
	{name: "disk/damaged-progress", command: "agent", takes: 30 * time.Second,
		inject: "the progress file of the spool contains garbage",
		must:   "the minute that may have been sent is dropped and counted; the others arrive once",
		play: func(r *rig) {
			r.queue(3)
			r.broken(r.Write(spoolDir+"/progress", []byte(strings.Repeat("garbage!", 5))))
			a := r.agent(sending("MUSTER_WATCH_PERIOD=2s"))
			r.settled(a, 60*time.Second)
			r.want(r.arrived() >= 2*queued, "want at least %d queued data, got %d", 2*queued, r.arrived())
			a.stop()
		}},
	{name: "disk/progress-huge", command: "agent", takes: 90 * time.Second,
		inject: "the spool's progress and one of three queued minutes have 300 MB",
		must:   "the other minutes arrive once or are counted as dropped, with at most 128 MB of memory",
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
	{name: "disk/spool-gone", command: "agent", takes: 10 * time.Second,
		inject: "the spool directory is removed while the agent runs",
		must:   "the agent keeps running and publishes",
		play: func(r *rig) {
			a := r.agent(how{})
			r.broken(os.RemoveAll(r.path(spoolDir)))
			wait(time.Second)
			a.stop()
			r.publishes()
		}},
	{name: "disk/spool-foreign", command: "agent", takes: 8 * time.Second,
		inject: "the spool directory belongs to another user and has mode 0700",
		must:   "the agent watches containers, reports the missing permission in the journal, and changes no file",
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
	{name: "disk/spool-links", command: "agent", takes: 20 * time.Second,
		inject: "the spool's files are replaced with links to /etc/shadow",
		must:   "the links are not followed: the file is unchanged, and none of its content is sent",
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
	{name: "disk/spool-crowded", command: "agent", inject: "the spool has 30,000 files of other programs", takes: 60 * time.Second,
		must: "the queued minutes arrive, below the unit's memory limit",
		play: func(r *rig) {
			for i := range 30000 {
				r.broken(r.Write(fmt.Sprintf("%s/core.%d", spoolDir, i), nil))
			}
			r.queue(3)
			a := r.agent(sending("MUSTER_WATCH_PERIOD=2s"))
			r.settled(a, 90*time.Second)
			r.want(r.arrived() == queuedAll, "want all %d queued data, got %d", queuedAll, r.arrived())
			a.fits()
			a.stop()
		}},
}
