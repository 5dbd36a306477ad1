package containers_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"muster/agent/containers"
	"muster/internal/host/dockerapi"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errDown = errors.New("nothing listens")

// docker is an Engine in memory.
type docker struct {
	mu       sync.Mutex
	fails    error // error of every call; an open stream ends with it
	broken   chan struct{}
	stream   chan dockerapi.Event
	list     []dockerapi.Summary
	calls    map[string]int
	silences time.Duration // time until a call fails
}

func newDocker(list ...dockerapi.Summary) *docker {
	return &docker{list: list, stream: make(chan dockerapi.Event), broken: make(chan struct{}), calls: map[string]int{}}
}

func (d *docker) call(ctx context.Context, name string) error {
	d.mu.Lock()
	d.calls[name]++
	fails, silence := d.fails, d.silences
	d.mu.Unlock()
	if fails != nil && silence > 0 {
		select {
		case <-time.After(silence):
		case <-ctx.Done():
		}
	}
	return fails
}

func (d *docker) Events(ctx context.Context, _ time.Time) (iter.Seq2[dockerapi.Event, error], error) {
	if err := d.call(ctx, "events"); err != nil {
		return nil, err
	}
	d.mu.Lock()
	broken := d.broken
	d.mu.Unlock()
	return func(yield func(dockerapi.Event, error) bool) {
		for {
			select {
			case e := <-d.stream:
				if !yield(e, nil) {
					return
				}
			case <-broken:
				yield(dockerapi.Event{}, errDown)
				return
			case <-ctx.Done():
				yield(dockerapi.Event{}, ctx.Err())
				return
			}
		}
	}, nil
}

func (d *docker) List(ctx context.Context, _ bool) ([]dockerapi.Summary, error) {
	err := d.call(ctx, "list")
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.list), err
}

func (d *docker) Inspect(ctx context.Context, id string) (dockerapi.Inspection, bool, error) {
	err := d.call(ctx, "inspect")
	return dockerapi.Inspection{ID: id, Running: true, Health: "healthy", Checked: true, StartedAt: time.Unix(1, 0), StopSignal: 15,
		MetadataURI: "http://169.254.170.2/v4/" + id}, err == nil, err
}

// fail makes every call fail from now on, or none if err is nil.
func (d *docker) fail(err error, after time.Duration, cut bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fails, d.silences = err, after
	if cut {
		close(d.broken)
		d.broken = make(chan struct{})
	}
}

func (d *docker) called(name string) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.calls[name]
}

// byFamily is a Resolver that knows no services.
type byFamily struct{}

func (byFamily) Resolve(_ context.Context, lookups []containers.Lookup) iter.Seq2[string, containers.TaskInfo] {
	return func(yield func(string, containers.TaskInfo) bool) {
		for _, l := range lookups {
			if !yield(l.TaskARN, containers.TaskInfo{}) {
				return
			}
		}
	}
}

func running(n int) (list []dockerapi.Summary) {
	for i := range n {
		id := fmt.Sprintf("%03d", i)
		list = append(list, dockerapi.Summary{ID: id, Name: id, State: "running", Health: "healthy", Labels: map[string]string{
			"com.amazonaws.ecs.cluster": "prod", "com.amazonaws.ecs.task-arn": "arn:" + id, "com.amazonaws.ecs.container-name": "node",
			"com.amazonaws.ecs.task-definition-family": "grid"}})
	}
	return list
}

// watched is a running Watcher with its transitions and its log.
type watched struct {
	*containers.Watcher
	log  bytes.Buffer
	said []containers.Transition
}

// watch runs a Watcher until the test ends. With read set, its transitions are received.
func watch(t *testing.T, d containers.Docker, services containers.Resolver, period time.Duration, read bool) *watched {
	t.Helper()
	out := &watched{}
	out.Watcher = containers.NewWatcher(d, services, period, slog.New(slog.NewTextHandler(&out.log, nil)))
	ctx, cancel := context.WithCancel(t.Context())
	var wait sync.WaitGroup
	wait.Go(func() {
		if err := out.Run(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("ended with %v", err)
		}
	})
	if read {
		wait.Go(func() {
			for {
				select {
				case tr := <-out.Transitions():
					out.said = append(out.said, tr)
				case <-ctx.Done():
					return
				}
			}
		})
	}
	t.Cleanup(func() { cancel(); wait.Wait() })
	return out
}

func (w *watched) kinds() string {
	var kinds []string
	for _, tr := range w.said {
		kinds = append(kinds, string(tr.Kind))
	}
	return strings.Join(kinds, " ")
}

func after(d time.Duration) { <-time.After(d); synctest.Wait() }

func TestDockerAbsentAtStartIsSaidOnceAndThenFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDocker(running(2)...)
		d.fail(errDown, 0, false)
		w := watch(t, d, byFamily{}, time.Minute, true)
		after(time.Hour)
		if n := d.called("events"); n < 110 || n > 300 {
			t.Errorf("%d attempts in an hour", n)
		}
		if s := w.Snapshot(); s.Docker || s.Why != errDown.Error() || !s.Listed.IsZero() || w.Totals().Docker {
			t.Errorf("%+v", s)
		}
		d.fail(nil, 0, false)
		after(time.Minute)
		if s := w.Snapshot(); !s.Docker || s.Running != 2 || s.Listed.IsZero() {
			t.Errorf("%+v", s)
		}
		if w.kinds() != "docker-lost docker-regained" || strings.Count(w.log.String(), "\n") != 2 {
			t.Errorf("said %s, logged:\n%s", w.kinds(), w.log.String())
		}
	})
}

func TestHangIsSeenByTheNextListAndSaidOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDocker(running(1)...)
		w := watch(t, d, byFamily{}, time.Minute, true)
		after(30 * time.Second)
		d.fail(dockerapi.ErrHung, 10*time.Second, false)
		after(time.Minute)
		if w.kinds() != "docker-lost" {
			t.Errorf("said %q", w.kinds())
		}
		after(time.Hour)
		d.fail(nil, 0, false)
		after(time.Minute)
		if w.kinds() != "docker-lost docker-regained" || strings.Count(w.log.String(), "\n") != 2 {
			t.Errorf("said %s, logged:\n%s", w.kinds(), w.log.String())
		}
	})
}

func TestStreamThatBreaksIsNoLossOfDocker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDocker(running(1)...)
		w := watch(t, d, byFamily{}, time.Minute, true)
		after(30 * time.Second)
		d.fail(nil, 0, true)
		after(time.Second)
		d.mu.Lock()
		d.list[0].Health = "unhealthy"
		d.mu.Unlock()
		after(time.Minute)
		if w.kinds() != "unhealthy" || w.log.Len() > 0 || d.called("events") != 2 {
			t.Errorf("said %q, %d subscriptions, logged %q", w.kinds(), d.called("events"), w.log.String())
		}
	})
}

func TestQuietHourCostsOneListAPeriod(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDocker(running(20)...)
		w := watch(t, d, byFamily{}, time.Minute, true)
		after(time.Hour + 30*time.Second)
		if d.called("list") != 61 || d.called("inspect") != 20 || d.called("events") != 1 {
			t.Errorf("calls %v", d.calls)
		}
		got := w.Totals()
		want := containers.Totals{Docker: true, Series: []containers.Counts{
			{Key: containers.Key{Cluster: "prod", Service: "grid"}, Gauges: containers.Gauges{TasksHealthy: 20}},
			{Key: containers.Key{Cluster: "prod", Service: "grid", Container: "node"}, Gauges: containers.Gauges{Running: 20, Healthy: 20}},
		}}
		if !cmp.Equal(got, want) {
			t.Errorf("took %+v", got)
		}
	})
}

func TestTransitionComesWithinASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDocker(running(1)...)
		w := watch(t, d, byFamily{}, time.Minute, true)
		after(10 * time.Second)
		began := time.Now()
		d.stream <- dockerapi.Event{Action: "health_status", ID: "000", Health: "unhealthy", Time: began}
		d.stream <- dockerapi.Event{Action: "oom", ID: "000", Time: began}
		after(time.Second)
		if w.kinds() != "unhealthy child-oom" {
			t.Fatalf("said %q", w.kinds())
		}
		if got := w.said[0]; got.At.Sub(began) > 300*time.Millisecond || got.Container.TaskARN != "arn:000" || got.Times != 1 {
			t.Errorf("%+v after %s", got, got.At.Sub(began))
		}
	})
}

func TestConsumerThatSleepsHoldsUpNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDocker(running(1)...)
		w := watch(t, d, byFamily{}, time.Minute, false)
		after(time.Second)
		for i := range 20000 {
			health := []string{"unhealthy", "healthy"}[i%2]
			d.stream <- dockerapi.Event{Action: "health_status", ID: "000", Health: health, Time: time.Now()}
			<-time.After(100 * time.Microsecond)
		}
		after(time.Second)
		if s := w.Snapshot(); len(s.Unhealthy) != 0 || s.Dropped != 0 {
			t.Errorf("%+v", s)
		}
		total, n, last := 0, 0, containers.Kind("")
		for total < 20000 {
			tr := <-w.Transitions()
			total, n, last = total+tr.Times, n+1, tr.Kind
		}
		if total != 20000 || n > 1100 || last != containers.Recovered {
			t.Errorf("%d in %d, the last of them %s", total, n, last)
		}
	})
}
