//go:build linux

package main

import (
	"bytes"
	"fmt"
	"hash/fnv"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"muster/test/faults/inject"
)

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

// sending returns h, changed so that the agent sends its queued minutes.
func (h how) sending() how {
	s := sending("MUSTER_WATCH_PERIOD=2s")
	h.spec.Clock, h.spec.Offset, h.env = true, s.spec.Offset, append(h.env, s.env...)
	return h
}

// peak returns the program's peak memory so far, in bytes.
func (p *prog) peak() (bytes int64) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.Pid()))
	if err != nil {
		return -1
	}
	for line := range strings.Lines(string(data)) {
		var kb int64
		if _, err := fmt.Sscanf(line, "VmHWM: %d kB", &kb); err == nil {
			return kb << 10
		}
	}
	return -1
}

// memoryMax is MemoryMax= in muster-agent.service.
const memoryMax = 128 << 20

// fits records an error if the program used more memory than MemoryMax= of its unit allows.
func (p *prog) fits() {
	if got := p.peak(); got < 0 || got > memoryMax {
		p.r.wrong("muster %s took %d MB, want at most the %d MB of its unit", p.command, got>>20, memoryMax>>20)
	}
}

// fitsFor waits until the program exits, and records an error if it used too much memory.
func (p *prog) fitsFor(limit time.Duration) {
	var most int64
	for p.running() && time.Since(p.began) < limit {
		most = max(most, p.peak())
		wait(tick)
	}
	p.wait(time.Second)
	p.r.want(most < memoryMax, "muster %s took %d MB", p.command, most>>20)
}

// within records an error if the program ran longer than d.
func (p *prog) within(d time.Duration) {
	took := time.Since(p.began)
	p.r.want(took <= d, "muster %s took %s, want at most %s", p.command, took.Round(time.Second), d)
}

// agentUser is a user ID without privileges, like the user that DynamicUser= creates for the agent.
const agentUser = 64123

// asUser makes muster run as the agent's user, and gives that user the agent's directories.
func (r *rig) asUser(h how) how {
	r.give(spoolDir, "run/muster-agent", "var/run/docker.sock")
	for _, f := range r.files(spoolDir + "/*") {
		r.give(f)
	}
	h.spec.UID = agentUser
	return h
}

// wrong starts muster with a wall clock that differs from the real one by offset.
func wrong(offset time.Duration) how {
	return how{spec: inject.Spec{Clock: true, Offset: offset}}
}

// limited starts muster under a resource limit.
func limited(which int, to uint64) how {
	return how{spec: inject.Spec{Limits: map[int]uint64{which: to}}}
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

// The command lines of most rows.
const (
	bootstrap    = "bootstrap --cluster prod"
	toDefault    = "bootstrap --cluster default"
	verify       = "verify --cluster prod --timeout 40s"
	verifyShort  = "verify --cluster prod --timeout 6s" + hookFlag + stackFlags
	portsCommand = "ports --cluster prod --ports tcp/5701-5702"
)
