//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"muster/agent/metrics"
	"muster/test/faults/inject"
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

// how describes how to start muster. The zero how runs it as root and injects nothing.
type how struct {
	spec   inject.Spec // start sets Path, Args and Chroot
	env    []string
	decide func(inject.Call) inject.Verdict
	stdout *os.File // if set, receives standard output instead of the buffer
}

// prog is a muster process.
type prog struct {
	*inject.Process
	r              *rig
	command        string
	stdout, stderr output
	began          time.Time
}

// output buffers what a program has printed so far.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// start starts muster with a command line.
func (r *rig) start(command string, h how) *prog {
	p := &prog{r: r, command: command, began: time.Now()}
	s := h.spec
	s.Path, s.Args, s.Chroot = "/"+musterPath, strings.Fields(command), r.Dir()
	env := map[string]bool{}
	for _, e := range slices.Backward(slices.Concat(r.Environ(), h.env)) { // the last assignment of a variable wins
		if name, _, _ := strings.Cut(e, "="); !env[name] {
			env[name] = true
			s.Env = append(s.Env, e)
		}
	}
	var err error
	if h.stdout != nil {
		p.Process, err = inject.Start(s, h.stdout, &p.stderr, h.decide)
	} else {
		p.Process, err = inject.Start(s, &p.stdout, &p.stderr, h.decide)
	}
	r.broken(err)
	r.progs = append(r.progs, p)
	return p
}

// wait waits until the program exits and returns its exit code, or -1 after a signal. It records an error if the limit
// passes first.
func (p *prog) wait(limit time.Duration) int {
	select {
	case <-p.Ended():
	case <-time.After(limit):
		p.r.wrong("muster %s has not ended after %s", p.command, limit)
		_ = p.Signal(syscall.SIGCONT)
		_ = p.Signal(syscall.SIGKILL)
		<-p.Ended()
	}
	return p.Code()
}

// running reports whether the program is still running.
func (p *prog) running() bool {
	select {
	case <-p.Ended():
		return false
	default:
		return true
	}
}

// stop does what systemctl stop does: it sends SIGTERM, and requires exit code 0 within the time limit.
func (p *prog) stop() {
	if !p.running() {
		p.r.wrong("muster %s has ended by itself: %s", p.command, p.Status())
		return
	}
	_ = p.Signal(syscall.SIGTERM)
	code := p.wait(endLimit)
	p.r.want(code == 0, "muster %s: want exit 0 after SIGTERM, got %s", p.command, p.Status())
}

// kill sends SIGKILL.
func (p *prog) kill() {
	_ = p.Signal(syscall.SIGKILL)
	<-p.Ended()
}

// says waits until the program has printed all texts.
func (p *prog) says(limit time.Duration, texts ...string) bool {
	for _, text := range texts {
		if !p.r.await(p, limit, fmt.Sprintf("muster %s says %q", p.command, text), func() bool { return p.printed(text) }) {
			return false
		}
	}
	return true
}

func (p *prog) printed(text string) bool {
	return strings.Contains(p.stderr.String()+p.stdout.String(), text)
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

// run runs a muster command and waits until it exits.
func (r *rig) run(command string) *prog { return r.runHow(command, how{}) }

func (r *rig) runHow(command string, h how) *prog {
	p := r.start(command, h)
	p.wait(commandLimit)
	return p
}

// exits records an error unless the exit code is one of codes.
func (p *prog) exits(codes ...int) {
	p.r.want(slices.Contains(codes, p.Code()), "muster %s: want exit %v, got %s", p.command, codes, p.Status())
}

const agentCommand = "agent --cluster prod"

// agent starts muster agent as its unit does, and waits until it reports READY=1.
func (r *rig) agent(h how) *prog {
	before := r.systemd.count("READY=1")
	p := r.agentEarly(h)
	r.await(p, 30*time.Second, "muster agent is ready", func() bool { return r.systemd.count("READY=1") > before })
	return p
}

// agentEarly starts muster agent and does not wait.
func (r *rig) agentEarly(h how) *prog {
	h.env = append([]string{"NOTIFY_SOCKET=" + notifySocket}, h.env...)
	return r.start(agentCommand, h)
}

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

// queued is the number of data points in each minute that queue writes.
const queued = 3

// queue writes n minutes to the spool, as an agent does that cannot send them. The newest minute is five minutes old.
func (r *rig) queue(n int) {
	p := metrics.NewPublisher(metrics.Options{Dir: filepath.Join(r.Dir(), spoolDir), Log: slog.New(slog.DiscardHandler)})
	first := time.Now().Truncate(time.Minute).Add(-time.Duration(n+5) * time.Minute)
	for i := range n {
		m := metrics.Minute{At: first.Add(time.Duration(i) * time.Minute)}
		for k := range queued {
			m.Data = append(m.Data, metrics.Datum{Name: fmt.Sprintf("Queued%d", k), Unit: metrics.UnitCount, Value: float64(i),
				Dimensions: []metrics.Dimension{{Name: "ClusterName", Value: "prod"}}})
		}
		p.Add(m)
	}
	p.Close()
}

// arrived returns how many data points written by queue CloudWatch accepted.
func (r *rig) arrived() (n int) {
	for k := range queued {
		n += r.sends(fmt.Sprintf("Queued%d", k))
	}
	return n
}

// lead is the time between the start of an agent and the second at which it sends.
const lead = 6 * time.Second

// sending starts an agent that sends its queued minutes after lead. The agent sends at one second of the minute, which
// depends on its instance ID (docs/reference/metrics.md), so sending shifts its clock by less than a minute.
func sending(env ...string) how {
	h := fnv.New64a()
	_, _ = h.Write([]byte(instanceID))
	second := 5*time.Second + time.Duration(h.Sum64()%uint64(40*time.Second))
	now := time.Now()
	offset := second - lead - now.Sub(now.Truncate(time.Minute))
	if offset < -30*time.Second {
		offset += time.Minute
	}
	return how{spec: inject.Spec{Clock: true, Offset: offset}, env: env}
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
