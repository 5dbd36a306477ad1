//go:build linux

package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"muster/internal/sandbox/dockerd"
	"muster/test/field/instance"
)

const (
	musterPath        = "usr/local/bin/muster"
	instanceID        = "i-0123456789abcdef0"
	introspectionAddr = "127.0.0.1:51678"
	notifySocket      = "/run/notify"
	spoolDir          = "var/lib/muster-agent/spool"
	stateFile         = "run/muster-agent/state.json"
	ecsConfig         = "etc/ecs/ecs.config"
	settingsFile      = "etc/muster/muster.env"
	recordFile        = "var/lib/muster/instances/" + instanceID + "/bootstrap.json"
	reportFile        = "var/lib/muster/instances/" + instanceID + "/report.json"
	tick              = 50 * time.Millisecond
	// endLimit is how long muster may take to exit after SIGTERM. systemd kills it after TimeoutStopSec=15 of
	// muster-agent.service.
	endLimit = 15 * time.Second
	// commandLimit is the time limit of a command, unless the row sets another.
	commandLimit = 60 * time.Second
)

// rig is the instance of a row, with what the row needs to inject faults and check results. It is not safe for
// concurrent use.
type rig struct {
	*instance.Instance
	introspection *instance.Front
	progs         []*prog
	why           []string
	systemd       notified
	expectCrash   bool // the row expects a panic
}

// stopped is the panic value that ends a row that cannot be run.
type stopped struct{ broken string }

// broken ends the row as "could not be run" if err is not nil.
func (r *rig) broken(err error) {
	if err != nil {
		panic(stopped{err.Error()})
	}
}

// wrong records a rule that does not hold.
func (r *rig) wrong(format string, args ...any) {
	if len(r.why) < 20 {
		r.why = append(r.why, fmt.Sprintf(format, args...))
	}
}

// want records an error unless holds is true. It returns holds.
func (r *rig) want(holds bool, format string, args ...any) bool {
	if !holds {
		r.wrong(format, args...)
	}
	return holds
}

func (r *rig) setUp() {
	syscall.Umask(0o022)
	var err error
	if r.introspection, err = instance.Serve(r.Sandbox().IntrospectionURL(), "tcp "+introspectionAddr); err != nil {
		r.broken(err)
	}
	conn, err := net.ListenPacket("unixgram", r.Dir()+notifySocket)
	r.broken(err)
	r.broken(os.Chmod(r.Dir()+notifySocket, 0o666))
	go r.systemd.listen(conn)
}

// end stops every muster process of the row.
func (r *rig) end() {
	for _, p := range r.progs {
		_ = p.Signal(syscall.SIGCONT) // an error means that it has exited
		_ = p.Signal(syscall.SIGKILL)
		<-p.Ended()
	}
}

// transcript returns the output of all muster processes and the calls that AWS received.
func (r *rig) transcript() string {
	var b strings.Builder
	for _, p := range r.progs {
		fmt.Fprintf(&b, "\n$ muster %s\n%s%s(%s)\n", p.command, p.stderr.String(), p.stdout.String(), p.Status())
	}
	for _, c := range r.Sandbox().Calls() {
		fmt.Fprintf(&b, "(%s  %s %s: %d %s)\n", c.Time.UTC().Format(time.TimeOnly), c.Service, c.Action, c.Status, c.Code)
	}
	return b.String()
}

// notified collects the messages that muster sends to systemd's notification socket.
type notified struct {
	mu     sync.Mutex
	states []string
}

func (n *notified) listen(conn net.PacketConn) {
	buf := make([]byte, 4096)
	for {
		size, _, err := conn.ReadFrom(buf)
		if err != nil {
			return
		}
		n.mu.Lock()
		n.states = append(n.states, strings.Fields(string(buf[:size]))...)
		n.mu.Unlock()
	}
}

// count returns how many messages had this state.
func (n *notified) count(state string) (times int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, s := range n.states {
		if s == state {
			times++
		}
	}
	return times
}

// await waits until holds returns true. It fails if p exits first. A nil p disables that check.
func (r *rig) await(p *prog, limit time.Duration, what string, holds func() bool) bool {
	end := time.Now().Add(limit)
	for !holds() {
		switch {
		case time.Now().After(end):
			r.wrong("after %s still not: %s", limit, what)
			return false
		case p != nil && !p.running() && !holds():
			r.wrong("muster %s has ended (%s), and not: %s", p.command, p.Status(), what)
			return false
		}
		wait(tick)
	}
	return true
}

// wait sleeps for d.
func wait(d time.Duration) { <-time.After(d) }

// status runs muster status until it exits with one of the codes and prints all texts.
func (r *rig) status(limit time.Duration, codes []int, texts ...string) bool {
	end := time.Now().Add(limit)
	for {
		p := r.start("status", how{})
		p.wait(commandLimit)
		said := slices.Contains(codes, p.Code())
		for _, text := range texts {
			said = said && p.printed(text)
		}
		if said {
			return true
		}
		if time.Now().After(end) {
			r.wrong("muster status: want exit %v and %q within %s, got %s: %s", codes, texts, limit, p.Status(), p.stderr.String())
			return false
		}
		r.progs = slices.DeleteFunc(r.progs, func(q *prog) bool { return q == p }) // keep only the last run in the transcript
		wait(10 * tick)
	}
}

// sends returns how many data points of a metric CloudWatch accepted.
func (r *rig) sends(name string) (n int) {
	for _, d := range r.Sandbox().Metrics() {
		if d.Name == name {
			n++
		}
	}
	return n
}

// read reads a file of the instance. A missing file reads as empty.
func (r *rig) read(path string) string {
	data, err := r.Read(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		r.wrong("reading %s: %v", path, err)
	}
	return string(data)
}

func (r *rig) path(p string) string { return filepath.Join(r.Dir(), p) }

// files returns the names that match a pattern in the instance's file system.
func (r *rig) files(pattern string) []string {
	all, err := filepath.Glob(filepath.Join(r.Dir(), pattern))
	r.broken(err)
	for i := range all {
		all[i] = strings.TrimPrefix(all[i], r.Dir())
	}
	return all
}

// in runs a function after d, in the background.
func (r *rig) in(d time.Duration, do func() error) {
	time.AfterFunc(d, func() { _ = do() })
}

// give changes the owner of directories of the instance, and of the files in them, to the agent's user.
func (r *rig) give(paths ...string) {
	for _, p := range paths {
		r.broken(os.Chown(r.path(p), agentUser, agentUser))
	}
}

// clear removes everything in a directory of the instance.
func (r *rig) clear(dir string) {
	entries, err := os.ReadDir(r.path(dir))
	if errors.Is(err, os.ErrNotExist) {
		return
	}
	r.broken(err)
	for _, e := range entries {
		r.broken(os.RemoveAll(filepath.Join(r.path(dir), e.Name())))
	}
}

// container starts a container that belongs to a task of prod, and returns its ID.
func (r *rig) container() (id string) {
	const name = "web"
	return r.Engine().Run(dockerd.Spec{Name: name, Check: true, Labels: map[string]string{
		"com.amazonaws.ecs.cluster":                "prod",
		"com.amazonaws.ecs.task-arn":               "arn:aws:ecs:eu-central-1:123456789012:task/prod/" + name,
		"com.amazonaws.ecs.container-name":         name,
		"com.amazonaws.ecs.task-definition-family": "web",
	}})
}

// age sets the modification time of files two hours back. muster removes temporary files after one hour, because a
// younger file may still be in use.
func (r *rig) age(pattern string) {
	then := time.Now().Add(-2 * time.Hour)
	for _, f := range r.files(pattern) {
		r.broken(os.Chtimes(r.path(f), then, then))
	}
}

// cgroup creates a cgroup (version 2 or 1) with a memory limit and returns its directory.
func (r *rig) cgroup(limit int64) string {
	name := fmt.Sprintf("muster-faults-%d", os.Getpid())
	for _, v := range []struct{ dir, file string }{
		{"/sys/fs/cgroup/memory/" + name, "memory.limit_in_bytes"},
		{"/sys/fs/cgroup/" + name, "memory.max"},
	} {
		if os.Mkdir(v.dir, 0o755) != nil {
			continue
		}
		if os.WriteFile(v.dir+"/"+v.file, fmt.Append(nil, limit), 0) == nil {
			return v.dir
		}
		_ = os.Remove(v.dir)
	}
	panic(stopped{"no cgroup with a memory limit can be made"})
}

// closedPipe returns the write end of a pipe that has no reader.
func (r *rig) closedPipe() *os.File {
	read, write, err := os.Pipe()
	r.broken(err)
	r.broken(read.Close())
	return write
}

// silent replaces systemd's socket with one that accepts connections and never responds.
func (r *rig) silent() {
	path := r.path("run/systemd/private")
	r.broken(os.Remove(path))
	l, err := net.Listen("unix", path)
	r.broken(err)
	go func() {
		for {
			if _, err := l.Accept(); err != nil {
				return
			}
		}
	}()
}
