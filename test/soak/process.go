//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"

	"muster/agent/agentstate"
)

// process is a run of the agent.
type process struct {
	cmd     *exec.Cmd
	root    string
	journal string // file with its stderr
	ended   chan struct{}

	mu      sync.Mutex
	samples []sample
}

// sample is the resource usage of the process at one time.
type sample struct{ rss, files, threads int } // rss in kB

func startAgent(muster, root, host string, environ []string, journal string) (*process, error) {
	out, err := os.Create(journal)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	cmd := exec.Command(muster, "agent", "--cluster", "prod", "--spool-dir", "/spool", "--docker-host", host)
	cmd.Env, cmd.Stderr = append([]string{"PATH=" + os.Getenv("PATH"), "MUSTER_CONSOLE="}, environ...), out
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{cmd: cmd, root: root, journal: journal, ended: make(chan struct{})}
	go func() { _ = cmd.Wait(); close(p.ended) }()
	return p, nil
}

func (p *process) state() (agentstate.State, error) {
	return agentstate.Read(filepath.Join(p.root, "run/muster-agent/state.json"))
}

// waitForContainers waits until the agent of this run reports n running containers.
func (p *process) waitForContainers(ctx context.Context, n int) error {
	var last string
	for range 300 {
		is, err := p.state()
		switch {
		case err != nil:
			last = err.Error()
		case is.PID == p.cmd.Process.Pid && is.Docker.Running == n:
			return nil
		default:
			last = fmt.Sprintf("it sees %d containers", is.Docker.Running)
		}
		wait(ctx, 100*time.Millisecond)
	}
	return fmt.Errorf("the agent does not report %d containers: %s", n, last)
}

// watch samples the process until ctx ends.
func (p *process) watch(ctx context.Context) {
	for ctx.Err() == nil {
		if s, err := p.sample(); err == nil {
			p.mu.Lock()
			p.samples = append(p.samples, s)
			p.mu.Unlock()
		}
		wait(ctx, 5*time.Second)
	}
}

// sample reads proc_pid_status(5) and proc_pid_fd(5).
func (p *process) sample() (s sample, err error) {
	dir := filepath.Join("/proc", strconv.Itoa(p.cmd.Process.Pid))
	status, err := os.ReadFile(filepath.Join(dir, "status"))
	if err != nil {
		return s, err
	}
	files, err := os.ReadDir(filepath.Join(dir, "fd"))
	return sample{number(status, "VmRSS:"), len(files), number(status, "Threads:")}, err
}

// peak returns the maximum resident memory, in kB.
func (p *process) peak() int {
	status, _ := os.ReadFile(filepath.Join("/proc", strconv.Itoa(p.cmd.Process.Pid), "status"))
	return number(status, "VmHWM:")
}

func number(status []byte, key string) (n int) {
	_, rest, _ := bytes.Cut(status, []byte(key))
	_, _ = fmt.Fscan(bytes.NewReader(rest), &n)
	return n
}

// dump stops the process with SIGQUIT, which makes the Go runtime print every goroutine, and counts them.
func (p *process) dump() (goroutines int, err error) {
	if err := p.cmd.Process.Signal(syscall.SIGQUIT); err != nil {
		return 0, err
	}
	select {
	case <-p.ended:
	case <-time.After(10 * time.Second):
		return 0, errors.New("the agent does not exit on SIGQUIT")
	}
	text, err := os.ReadFile(p.journal)
	return len(regexp.MustCompile(`(?m)^goroutine [0-9]+ `).FindAll(text, -1)), err
}

func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.ended
}

// quarters returns, for each quarter of the samples, the median of the values that of returns.
func (p *process) quarters(of func(sample) int) (medians [4]int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for q := range medians {
		var values []int
		for _, s := range p.samples[q*len(p.samples)/4 : (q+1)*len(p.samples)/4] {
			values = append(values, of(s))
		}
		if slices.Sort(values); len(values) > 0 {
			medians[q] = values[len(values)/2]
		}
	}
	return medians
}
