package agent

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"muster/agent/agentstate"
	"muster/agent/announce"
	"muster/agent/containers"
	"muster/agent/metrics"
	"muster/agent/registration"
	"muster/internal/config"
	"muster/internal/host/ecsagent"
	"muster/internal/term"
)

// stage runs an agent whose parts are simulated by the test.
type stage struct {
	*Agent
	mu          sync.Mutex
	totals      containers.Totals
	unresolved  []containers.Counts // what CountByFamily adds to totals
	running     []containers.Identity
	failedTasks []string
	seen        containers.Snapshot
	transitions chan containers.Transition
	minutes     []metrics.Minute
	flushed     int
	calls       int           // number of AWS API calls so far
	spool       metrics.Stats // the publisher's statistics of its spool
	last        time.Time     // the minute that an earlier run published
	events      []announce.Event
	forwarded   []announce.Event // sent only to the bus
	refusals    int              // number of notifications that systemd still rejects
	journal     bytes.Buffer
	notified    []string
	silence     time.Duration // longest time between two watchdog notifications
	heard       time.Time
	hangup      chan os.Signal
	metadata    map[string]string
	stopping    bool
	slow        time.Duration // duration of each request to the ECS agent
	lost        bool
	deaf        bool // the flushes at the end never return
}

func newStage(t *testing.T, variables ...string) *stage {
	t.Helper()
	flags := map[string]string{"MUSTER_ROOT": t.TempDir()}
	for i := 0; i < len(variables); i += 2 {
		flags["MUSTER_"+variables[i]] = variables[i+1]
	}
	cfg, err := config.Load(config.Set{Flags: flags})
	if err != nil {
		t.Fatal(err)
	}
	s := &stage{transitions: make(chan containers.Transition), hangup: make(chan os.Signal), metadata: map[string]string{}, calls: 7}
	s.seen = containers.Snapshot{Docker: true, Listed: time.Now(), Running: 2}
	log := slog.New(term.NewHandler(&s.journal, true))
	s.Agent = &Agent{
		Settings: Settings{cfg, "prod"}, Version: "test", InstanceID: "i-1",
		Parts: Parts{
			Log: log, Containers: (*engine)(s), Publisher: (*sink)(s), Announcer: (*voice)(s), Metadata: s,
			Registration: &registration.Watch{Agent: (*ecs)(s), Expected: "prod", Log: log},
			Calls:        s.called, ShuttingDown: func(context.Context) bool { return s.stopping },
			Notify: s.notify, Watchdog: time.Minute, Hangup: s.hangup,
		},
	}
	return s
}

func (s *stage) called() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls
}

// live runs the agent for d of the bubble's time.
func (s *stage) live(t *testing.T, d time.Duration) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), d)
	defer stop()
	s.heard = time.Now()
	s.Run(ctx)
}

func (s *stage) notify(state string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refusals > 0 {
		s.refusals--
		return errors.New("sendto: no such file or directory")
	}
	s.notified = append(s.notified, state)
	s.silence, s.heard = max(s.silence, time.Since(s.heard)), time.Now()
	return nil
}

type engine stage

func (s *engine) Run(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

func (s *engine) Transitions() <-chan containers.Transition { return s.transitions }

func (s *engine) Totals() containers.Totals {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.totals
}

func (s *engine) CountByFamily() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.totals.Series = append(s.totals.Series, s.unresolved...)
	s.unresolved = nil
}

func (s *engine) TaskFailed(id containers.Identity, why string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failedTasks = append(s.failedTasks, id.TaskARN+": "+why)
}

func (s *engine) Running() ([]containers.Identity, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.running, s.seen.Docker
}

func (s *engine) Snapshot() containers.Snapshot {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seen
}

func (s *stage) Metadata(_ context.Context, path string) (string, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.metadata == nil {
		return "", false, errors.New("no metadata service")
	}
	value, ok := s.metadata[path]
	return value, ok, nil
}

func (s *stage) setMetadata(path, value string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.metadata[path] = value
}

type ecs stage

func (e *ecs) Metadata(ctx context.Context) (ecsagent.Metadata, error) {
	select {
	case <-time.After(e.slow):
	case <-ctx.Done():
		return ecsagent.Metadata{}, ctx.Err()
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.lost {
		return ecsagent.Metadata{}, errors.New("nothing listens")
	}
	return ecsagent.Metadata{Cluster: "prod", ContainerInstanceARN: "arn:1"}, nil
}

type sink stage

func (s *sink) Run(ctx context.Context) { <-ctx.Done() }
func (s *sink) Add(m metrics.Minute)    { s.minutes = append(s.minutes, m) }
func (s *sink) Flush(ctx context.Context) error {
	s.flushed++
	return (*stage)(s).takes(ctx)
}
func (s *sink) Stats() metrics.Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	is := s.spool
	is.Sent, is.Last = int64(len(s.minutes)), s.last
	return is
}

type voice stage

func (v *voice) Run(ctx context.Context) { <-ctx.Done() }
func (v *voice) Announce(e announce.Event) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.events = append(v.events, e)
}
func (v *voice) Forward(e announce.Event) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.forwarded = append(v.forwarded, e)
}
func (v *voice) Flush(ctx context.Context) error { return (*stage)(v).takes(ctx) }
func (v *voice) Stats() announce.Stats           { return announce.Stats{} }

func (s *stage) takes(ctx context.Context) error {
	if s.deaf {
		<-ctx.Done()
	}
	return ctx.Err()
}

// stateFile returns the content of the state file while the agent runs.
func (s *stage) stateFile(t *testing.T) agentstate.State {
	t.Helper()
	is, err := agentstate.Read(s.Settings.Path(s.Settings.AgentState))
	if err != nil {
		t.Error(err)
	}
	return is
}

func TestEachMinuteIsPublishedOnceAndAligned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		<-time.After(17 * time.Second)
		s.live(t, 10*time.Minute)
		seen := map[time.Time]bool{}
		for _, m := range s.minutes {
			if seen[m.At] || !m.At.Equal(m.At.Truncate(time.Minute)) {
				t.Errorf("the minute %s comes twice, or askew", m.At)
			}
			seen[m.At] = true
		}
		if len(seen) != 11 || s.flushed != 1 {
			t.Errorf("%d minutes, flushed %d times", len(seen), s.flushed)
		}
	})
}

// A restart of the agent, as an upgrade does, must not lose a crash.
func TestWhatIsCountedAfterARestartWithinAMinuteGoesWithTheNext(t *testing.T) {
	for name, c := range map[string]struct {
		ended time.Duration // how long before this start the earlier run ended
		want  []float64     // metric Crashes of each minute
	}{
		"within this minute": {10 * time.Second, []float64{2, 0, 0}},
		"in the one before":  {30 * time.Second, []float64{2, 0, 0, 0}},
		"long ago":           {time.Hour, []float64{2, 0, 0, 0}},
		"by a faster clock":  {-2 * time.Minute, []float64{2}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t)
				s.totals = containers.Totals{
					Docker: true,
					Series: []containers.Counts{{Key: web(""), Counters: containers.Counters{Crashes: 2}}},
				}
				<-time.After(20 * time.Second)
				began := time.Now().Truncate(time.Minute)
				s.last = time.Now().Add(-c.ended).Truncate(time.Minute)
				s.live(t, 3*time.Minute)
				var got []float64
				for _, m := range s.minutes {
					crashes, _ := valueOf(m, "Crashes", "ClusterName=prod")
					got = append(got, crashes)
				}
				if first := s.minutes[0].At; !slices.Equal(got, c.want) || first.Equal(s.last) || first.Before(began) {
					t.Errorf("from %s on it published %v, not %v", first, got, c.want)
				}
			})
		})
	}
}

func TestReadyComesAfterTheFirstCycleAndTheWatchdogHearsFromTheLoop(t *testing.T) {
	for name, slow := range map[string]time.Duration{"all answer at once": 0, "the ECS agent hangs": time.Hour} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t, "WATCH_PERIOD", "7m")
				s.slow = slow
				s.seen.Listed = time.Time{}
				go func() {
					<-time.After(3 * time.Second)
					s.mu.Lock()
					defer s.mu.Unlock()
					if slices.Contains(s.notified, stateReady) {
						t.Error("ready before Docker was asked")
					}
					s.seen.Listed = time.Now()
				}()
				s.live(t, time.Hour)
				ready := 0
				for _, n := range s.notified {
					if n == stateReady {
						ready++
					}
				}
				if ready != 1 || s.silence > 45*time.Second || s.notified[len(s.notified)-1] != stateStopping {
					t.Errorf("ready %d times, silent for %s, at last %s", ready, s.silence, s.notified[len(s.notified)-1])
				}
			})
		})
	}
}

func TestTheStateFileTellsHowThingsAreAndGoesWithTheAgent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		sick := containers.Identity{
			ID:        "0123456789abcdef",
			Name:      "ecs-web-1",
			Cluster:   "prod",
			TaskARN:   "arn:task/1",
			Family:    "web",
			Service:   "shop",
			Container: "app",
		}
		s.totals = containers.Totals{
			Docker: true,
			Series: []containers.Counts{{Key: sick.Key(), Gauges: containers.Gauges{Running: 2, Unhealthy: 1, Healthy: 1}}},
		}
		go func() {
			<-time.After(90 * time.Second)
			s.mu.Lock()
			s.seen.Unhealthy = []containers.Identity{sick}
			s.mu.Unlock()
			s.transitions <- containers.Transition{At: time.Now(), Kind: containers.TurnedUnhealthy, Container: sick,
				Detail: "its health check fails"}
			<-time.After(2 * time.Second)
			is := s.stateFile(t)
			if is.Registration.State != "registered" || len(is.Services) != 1 || is.Services[0].Healthy != 1 || is.Self.Calls != 7 {
				t.Errorf("%+v", is)
			}
			if len(is.Unhealthy) != 1 || is.Unhealthy[0].Name != "shop/app" || len(is.Recent) == 0 || is.Recent[0].Kind != "unhealthy" {
				t.Errorf("after a transition: %+v", is)
			}
		}()
		s.live(t, 3*time.Minute)
		if _, err := os.Stat(s.Settings.Path(s.Settings.AgentState)); !os.IsNotExist(err) {
			t.Errorf("the file stays behind: %v", err)
		}
	})
}

func TestAStateFileThatCannotBeWrittenIsSaidOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		if err := os.WriteFile(filepath.Join(s.Settings.Root, "run"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		s.live(t, 10*time.Minute)
		if n := strings.Count(s.journal.String(), "muster status has no current state"); n != 1 {
			t.Errorf("said %d times: %s", n, s.journal.String())
		}
	})
}
