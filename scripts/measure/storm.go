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

// The storm: every container turns unhealthy once and recovers once in it, so
// that each transition is to be announced (docs/reference/events.md: the same of a
// container within a minute is not said again).
const (
	stormContainers = 500
	stormTicks      = 2 * stormContainers // each with one transition
	stormTick       = 10 * time.Millisecond
	stormRate       = 10_000 // events a second, and so 100 a tick:
	stormProbes     = 13     // of three events each, which the agent did not ask for, and
	stormSignals    = 60     // that it did, and heeds, and the transition
	perTick         = 3*stormProbes + stormSignals + 1

	maxTold   = time.Second // p99 from an event to its line
	maxGrowth = 1.25        // RSS after the storm over that when a tenth of it was over
)

var errLost = errors.New("transitions were lost")

// storm lets it storm on a sandboxed Docker Engine, and reads what the agent
// says.
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
	h := newHearing()
	if err := weather(cmd, h, engine, ids); err != nil {
		return fmt.Errorf("the agent in a storm: %w: %s", err, h.others())
	}
	return h.judge()
}

// weather runs the agent in a calm, a storm, and the calm after it, and prints
// how hard it was and what memory the agent took.
func weather(cmd *exec.Cmd, h *hearing, engine *dockerd.Engine, ids []string) error {
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
	took, first := blow(engine, ids, h, func() int64 { return rssOf(cmd) })
	h.settle(30 * time.Second) // late is no loss
	after := rssOf(cmd)
	_ = cmd.Process.Signal(syscall.SIGTERM)
	<-read
	if err := cmd.Wait(); err != nil {
		return err
	}
	fmt.Printf("a storm of events            %6.0f a second for %.1f s, %d containers (aim %d)\n",
		stormTicks*perTick/took.Seconds(), took.Seconds(), stormContainers, stormRate)
	growth := float64(after) / float64(max(1, first))
	fmt.Printf("RSS in it                    %6.1f MB before, %.1f MB when a tenth is over, %.1f MB after: %.2f times the first, %.2f times the second (at most %.2f)\n",
		float64(calm)/1e6, float64(first)/1e6, float64(after)/1e6, float64(after)/float64(max(1, calm)), growth, maxGrowth)
	if growth > maxGrowth {
		fmt.Println("BELOW THE AIM: the agent grows as long as it storms")
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

// blow is the storm. It says how long it took, and how much memory the agent had
// when a tenth of it was over.
func blow(engine *dockerd.Engine, ids []string, h *hearing, rss func() int64) (took time.Duration, first int64) {
	began := time.Now()
	for n := range stormTicks {
		i, health, kind := n%stormContainers, "unhealthy", "unhealthy"
		if n >= stormContainers {
			health, kind = "healthy", "recovered"
		}
		other := ids[(i+stormContainers/2)%stormContainers]
		engine.Storm(other, stormProbes, true)
		for range stormSignals {
			engine.Kill(other, int(syscall.SIGHUP)) // heeded, and no end of it
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

// hearing is what was sent, and what the agent's journal says of it.
type hearing struct {
	mu   sync.Mutex
	sent map[string]time.Time
	told map[string]time.Duration // from the event to the line
	odd  []string                 // lines about what was not sent, or said already
	rest []string                 // other lines
}

func newHearing() *hearing {
	return &hearing{sent: map[string]time.Time{}, told: map[string]time.Duration{}}
}

func (h *hearing) sends(kind, task, container string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.sent[kind+" "+task+" "+container] = time.Now()
}

// read takes lines until they end.
func (h *hearing) read(journal io.Reader) {
	for lines := bufio.NewScanner(journal); lines.Scan(); {
		h.hear(lines.Text(), time.Now())
	}
}

func (h *hearing) hear(line string, now time.Time) {
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
	_, again := h.told[key]
	switch {
	case of["kind"] == "":
		h.rest = append(h.rest, line)
	case !known || again || of["repeated"] != "":
		h.odd = append(h.odd, line)
	default:
		h.told[key] = now.Sub(sent)
	}
}

// settle waits until all is told, or for so long.
func (h *hearing) settle(most time.Duration) {
	for began := time.Now(); time.Since(began) < most; time.Sleep(20 * time.Millisecond) {
		h.mu.Lock()
		all := len(h.told) == len(h.sent)
		h.mu.Unlock()
		if all {
			return
		}
	}
}

func (h *hearing) others() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return strings.Join(h.rest, "\n")
}

// judge prints what came of the transitions. That none is lost and none made up
// are counts, and gates; times are none.
func (h *hearing) judge() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	var took []time.Duration
	for _, d := range h.told {
		took = append(took, d)
	}
	slices.Sort(took)
	lost := len(h.sent) - len(took)
	fmt.Printf("transitions in the storm     %6d sent, %d announced, %d lost (limit 0)\n", len(h.sent), len(took), lost)
	if len(took) > 0 {
		p99 := took[len(took)*99/100]
		fmt.Printf("from event to announcement   %6.0f ms in the median, %.0f ms at p99, %.0f ms at most (p99 at most %s)\n",
			ms(took[len(took)/2]), ms(p99), ms(took[len(took)-1]), maxTold)
		if p99 > maxTold {
			fmt.Println("BELOW THE AIM: transitions are announced later than that")
		}
	}
	switch {
	case lost != 0 || len(h.sent) == 0:
		return fmt.Errorf("%w: %d of %d", errLost, lost, len(h.sent))
	case len(h.odd) > 0:
		return fmt.Errorf("the agent announced %d transitions that there were not, such as %s", len(h.odd), h.odd[0])
	}
	return nil
}
