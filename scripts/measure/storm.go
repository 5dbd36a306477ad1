package main

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"muster/agent/agentstate"
	"muster/internal/sandbox"
	"muster/internal/sandbox/dockerd"
)

// In the storm, every container becomes unhealthy and recovers once. muster announces the same transition of a
// container at most once per minute (docs/reference/events.md), so this way every transition must be announced.
const (
	stormContainers = 500
	stormTicks      = 2 * stormContainers // one transition per tick
	stormTick       = 10 * time.Millisecond
	stormRate       = 10_000 // events per second, which is 100 per tick:
	stormProbes     = 13     // health probes of three events each, to which the agent does not subscribe,
	stormSignals    = 60     // signals, to which it does subscribe, and the transition
	perTick         = 3*stormProbes + stormSignals + 1

	maxDelay  = time.Second // 99th percentile of the delay from an event to its log line
	maxGrowth = 1.25        // RSS after the storm relative to RSS after a tenth of it
)

var errLost = errors.New("transitions were lost")

// storm sends an event storm through a simulated Docker Engine, and evaluates the agent's output.
func storm(int) error {
	engine, err := dockerd.New(dockerd.Options{})
	if err != nil {
		return err
	}
	defer engine.Close()
	ids := make([]string, stormContainers)
	for i := range ids {
		ids[i] = engine.Run(dockerd.Spec{Check: true, Labels: labels(i)})
		engine.Health(ids[i], "healthy")
	}
	box, done, err := instance(sandbox.AgentPlan{})
	if err != nil {
		return err
	}
	defer done()
	cmd := command(box, "bin/muster", "agent", "--cluster", "prod", "--spool-dir", "/spool", "--docker-host", engine.Host())
	h := newJournalReader()
	if err := runStorm(cmd, h, engine, ids); err != nil {
		return fmt.Errorf("the agent in a storm: %w: %s", err, h.others())
	}
	return h.evaluate()
}

// runStorm runs the agent before, during and after a storm. It prints the event rate and the agent's memory usage.
func runStorm(cmd *exec.Cmd, h *journalReader, engine *dockerd.Engine, ids []string) error {
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	defer func() { _ = cmd.Process.Kill() }()
	read := make(chan struct{})
	go func() { defer close(read); h.read(stderr) }()
	if err := untilSeen(cmd.Env); err != nil {
		return err
	}
	calm := rssOf(cmd)
	took, first := sendStorm(engine, ids, h, func() int64 { return rssOf(cmd) })
	h.waitForAll(30 * time.Second) // a late line does not count as lost
	after := rssOf(cmd)
	_ = cmd.Process.Signal(syscall.SIGTERM)
	<-read
	if err := cmd.Wait(); err != nil {
		return err
	}
	fmt.Printf("event storm                  %6.0f events/s for %.1f s, %d containers (target %d)\n",
		stormTicks*perTick/took.Seconds(), took.Seconds(), stormContainers, stormRate)
	growth := float64(after) / float64(max(1, first))
	fmt.Printf("RSS in the storm             %6.1f MB before, %.1f MB after a tenth, %.1f MB at the end: "+
		"%.2f times the first, %.2f times the second (limit %.2f)\n",
		float64(calm)/1e6, float64(first)/1e6, float64(after)/1e6, float64(after)/float64(max(1, calm)), growth, maxGrowth)
	if growth > maxGrowth {
		fmt.Println("TARGET MISSED: the agent's memory grows throughout the storm")
	}
	return nil
}

// untilSeen waits until the agent knows all containers.
func untilSeen(environ []string) error {
	root := ""
	for _, e := range environ {
		if value, ok := strings.CutPrefix(e, "MUSTER_ROOT="); ok {
			root = value
		}
	}
	var last error
	for began := time.Now(); time.Since(began) < 20*time.Second; time.Sleep(100 * time.Millisecond) {
		is, err := agentstate.Read(root + "/run/muster-agent/state.json")
		if err == nil && is.Docker.Healthy == stormContainers {
			return nil
		}
		last = cmp.Or(err, fmt.Errorf("the agent sees %d of %d containers", is.Docker.Healthy, stormContainers))
	}
	return last
}

// sendStorm sends the storm. It returns the duration, and the agent's memory usage after a tenth of the storm.
func sendStorm(engine *dockerd.Engine, ids []string, h *journalReader, rss func() int64) (took time.Duration, first int64) {
	began := time.Now()
	for n := range stormTicks {
		i, health, kind := n%stormContainers, "unhealthy", "unhealthy"
		if n >= stormContainers {
			health, kind = "healthy", "recovered"
		}
		other := ids[(i+stormContainers/2)%stormContainers]
		engine.Storm(other, stormProbes, true)
		for range stormSignals {
			engine.Kill(other, int(syscall.SIGHUP)) // handled by the container, which keeps running
		}
		of := labels(i)
		h.sends(kind, of["com.amazonaws.ecs.task-arn"], of["com.amazonaws.ecs.container-name"])
		engine.Health(ids[i], health)
		if n == stormTicks/10 {
			first = rss()
		}
		time.Sleep(time.Until(began.Add(time.Duration(n+1) * stormTick)))
	}
	return time.Since(began), first
}

// journalReader compares the sent events with the lines in the agent's journal.
type journalReader struct {
	mu         sync.Mutex
	sent       map[string]time.Time
	delay      map[string]time.Duration // from the event to the log line
	unexpected []string                 // lines about events that were not sent, and duplicate lines
	otherLines []string                 // other lines
}

func newJournalReader() *journalReader {
	return &journalReader{sent: map[string]time.Time{}, delay: map[string]time.Duration{}}
}

func (h *journalReader) sends(kind, task, container string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.sent[kind+" "+task+" "+container] = time.Now()
}

// read reads lines until the end of the journal.
func (h *journalReader) read(journal io.Reader) {
	for lines := bufio.NewScanner(journal); lines.Scan(); {
		h.hear(lines.Text(), time.Now())
	}
}

func (h *journalReader) hear(line string, now time.Time) {
	of := map[string]string{}
	for _, field := range strings.Fields(line) {
		if key, value, ok := strings.Cut(field, "="); ok {
			of[key] = value
		}
	}
	key := of["kind"] + " " + of["task"] + " " + of["container"]
	h.mu.Lock()
	defer h.mu.Unlock()
	sent, known := h.sent[key]
	_, again := h.delay[key]
	switch {
	case of["kind"] == "":
		h.otherLines = append(h.otherLines, line)
	case !known || again || of["repeated"] != "":
		h.unexpected = append(h.unexpected, line)
	default:
		h.delay[key] = now.Sub(sent)
	}
}

// waitForAll waits until all events are announced, or until the time in most has passed.
func (h *journalReader) waitForAll(most time.Duration) {
	for began := time.Now(); time.Since(began) < most; time.Sleep(20 * time.Millisecond) {
		h.mu.Lock()
		all := len(h.delay) == len(h.sent)
		h.mu.Unlock()
		if all {
			return
		}
	}
}

func (h *journalReader) others() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return strings.Join(h.otherLines, "\n")
}

// evaluate prints the results. Lost or unexpected transitions fail the run; long delays do not.
func (h *journalReader) evaluate() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	var took []time.Duration
	for _, d := range h.delay {
		took = append(took, d)
	}
	slices.Sort(took)
	lost := len(h.sent) - len(took)
	fmt.Printf("transitions in the storm     %6d sent, %d announced, %d lost (limit 0)\n", len(h.sent), len(took), lost)
	if len(took) > 0 {
		p99 := took[len(took)*99/100]
		fmt.Printf("from event to announcement   %6.0f ms in the median, %.0f ms at p99, %.0f ms at most (p99 at most %s)\n",
			ms(took[len(took)/2]), ms(p99), ms(took[len(took)-1]), maxDelay)
		if p99 > maxDelay {
			fmt.Println("TARGET MISSED: transitions are announced too late")
		}
	}
	switch {
	case lost != 0 || len(h.sent) == 0:
		return fmt.Errorf("%w: %d of %d", errLost, lost, len(h.sent))
	case len(h.unexpected) > 0:
		return fmt.Errorf("the agent announced %d transitions that did not happen, such as %s", len(h.unexpected), h.unexpected[0])
	}
	return nil
}
