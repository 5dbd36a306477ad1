package containers_test

import (
	"bytes"
	"context"
	"errors"
	"iter"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"muster/agent/containers"
	"muster/internal/base/arn"
	"muster/internal/host/dockerapi"
	"muster/internal/sandbox/dockerd"
	"muster/internal/term"
	"muster/test/observe"
)

// spoiled returns an Engine with a working list and a broken event stream, over HTTP.
func spoiled(t *testing.T, events http.HandlerFunc) (*dockerd.Engine, *dockerapi.Client) {
	t.Helper()
	e, err := dockerd.New(dockerd.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/events") {
			events(w, r)
			return
		}
		e.ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	c, err := dockerapi.New("tcp://"+strings.TrimPrefix(front.URL, "http://"), 2*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	return e, c
}

// A stream of garbage once hid an exit with code 3 permanently: there was no event and no log line.
func TestAnExitIsNoticedThoughTheEventStreamNeverWorks(t *testing.T) {
	for name, events := range map[string]http.HandlerFunc{
		"garbage": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("\x00\xff<html>garbage\n")) },
		"it closes at once": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusOK)
		},
		"it is refused": func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, `{"message":"no events here"}`, http.StatusInternalServerError)
		},
		"a redirect": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, c := spoiled(t, events)
			id := e.Run(member(0))
			w := containers.NewWatcher(c, byFamily{}, 200*time.Millisecond, slog.New(slog.DiscardHandler))
			ctx, cancel := context.WithCancel(t.Context())
			var wait sync.WaitGroup
			wait.Go(func() { _ = w.Run(ctx) })
			defer wait.Wait()
			defer cancel()
			if !observe.Within(time.Minute, 5*time.Millisecond, func() bool {
				s := w.Snapshot()
				return s.Docker && s.Running == 1 && s.Events.Failures > 0 && s.Events.Why != ""
			}) {
				t.Fatalf("the snapshot does not report the stream: %+v", w.Snapshot())
			}
			e.Die(id, 3)
			select {
			case got := <-w.Transitions():
				if got.Kind != containers.Crash || got.ExitCode != 3 {
					t.Errorf("%+v", got)
				}
			case <-time.After(time.Minute):
				t.Error("the exit is not noticed")
			}
		})
	}
}

// moody is an Engine in memory. While bad is set, its streams end immediately.
type moody struct {
	*docker
	bad     atomic.Bool
	streams atomic.Int32
}

func (m *moody) Events(ctx context.Context, since time.Time) (iter.Seq2[dockerapi.Event, error], error) {
	m.streams.Add(1)
	if !m.bad.Load() {
		return m.docker.Events(ctx, since)
	}
	return func(yield func(dockerapi.Event, error) bool) {
		yield(dockerapi.Event{}, errors.New("invalid character '<'"))
	}, nil
}

func TestABrokenStreamIsLoggedOnceBackedOffAndTakenBackWhenItWorks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		m := &moody{docker: newDocker(dockerapi.Summary{ID: "a", Name: "a", State: "running"})}
		m.bad.Store(true)
		w := containers.NewWatcher(m, byFamily{}, time.Minute, slog.New(term.NewHandler(&out, true)))
		ctx, cancel := context.WithCancel(t.Context())
		var wait sync.WaitGroup
		wait.Go(func() { _ = w.Run(ctx) })
		<-time.After(time.Hour)
		synctest.Wait()
		s := w.Snapshot()
		// The last stream may have failed while the list after it is not finished yet.
		if streams := int(m.streams.Load()); !s.Docker || s.Events.Failures != streams && s.Events.Failures != streams-1 || streams > 300 ||
			time.Since(s.Listed) > time.Minute || time.Since(s.Events.Since) < 59*time.Minute {
			t.Errorf("%d streams: %+v", streams, s)
		}
		m.bad.Store(false)
		<-time.After(time.Minute)
		if s := w.Snapshot(); s.Events != (containers.Stream{}) {
			t.Errorf("it works: %+v", s.Events)
		}
		cancel()
		wait.Wait()
		if got := out.String(); strings.Count(got, "event stream does not work") != 1 || strings.Count(got, "event stream works again") != 1 ||
			strings.Count(got, "\n") != 2 {
			t.Errorf("the journal: %s", got)
		}
	})
}

// A restart of dockerd ends one or two streams, which does not mean that the stream is broken.
func TestARestartOfDockerIsNoBrokenStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		m := &moody{docker: newDocker()}
		w := containers.NewWatcher(m, byFamily{}, time.Minute, slog.New(term.NewHandler(&out, true)))
		ctx, cancel := context.WithCancel(t.Context())
		var wait sync.WaitGroup
		wait.Go(func() { _ = w.Run(ctx) })
		for range 10 {
			<-time.After(20 * time.Second)
			m.fail(nil, 0, true) // the stream ends, and the next one works
		}
		if s := w.Snapshot(); s.Events.Failures > 0 || out.Len() > 0 {
			t.Errorf("%+v, %s", s, out.String())
		}
		cancel()
		wait.Wait()
	})
}

// Any user who can start a container can set its labels.
func TestATaskOfAnotherAccountIsNoTaskOfECS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		labelled := func(id, task string) dockerapi.Summary {
			return dockerapi.Summary{ID: id, Name: id, State: "running", Labels: map[string]string{"com.amazonaws.ecs.cluster": "prod",
				"com.amazonaws.ecs.task-arn":       task,
				"com.amazonaws.ecs.container-name": "app", "com.amazonaws.ecs.task-definition-family": "web"}}
		}
		w := containers.NewWatcher(newDocker(
			labelled("ours", "arn:aws:ecs:eu-west-1:123456789012:task/prod/1"),
			labelled("account", "arn:aws:ecs:eu-west-1:999999999999:task/prod/1"),
			labelled("region", "arn:aws:ecs:us-east-1:123456789012:task/prod/1"),
			labelled("nonsense", "1")), byFamily{}, time.Minute, slog.New(slog.DiscardHandler))
		w.Own(arn.Owner{Region: "eu-west-1", Account: "123456789012"})
		ctx, cancel := context.WithCancel(t.Context())
		var wait sync.WaitGroup
		wait.Go(func() { _ = w.Run(ctx) })
		<-time.After(time.Minute)
		running := map[string]int{}
		for _, c := range w.Totals().Series {
			running[c.Cluster+"/"+c.Service] += c.Running
		}
		if running["prod/web"] != 1 || running["/"] != 3 {
			t.Errorf("%v", running)
		}
		cancel()
		wait.Wait()
	})
}

func TestOurOwnLimitMakesDockerUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		d := newDocker()
		d.fail(os.NewSyscallError("socket", syscall.EMFILE), 0, false)
		w := containers.NewWatcher(d, byFamily{}, time.Minute, slog.New(term.NewHandler(&out, true)))
		ctx, cancel := context.WithCancel(t.Context())
		var wait sync.WaitGroup
		wait.Go(func() { _ = w.Run(ctx) })
		wait.Go(func() {
			for {
				select {
				case <-w.Transitions():
				case <-ctx.Done():
					return
				}
			}
		})
		<-time.After(time.Minute)
		if s := w.Snapshot(); s.Docker || s.Limit != "this process is out of file descriptors" {
			t.Errorf("%+v", s)
		}
		d.fail(nil, 0, false)
		<-time.After(time.Minute)
		if s := w.Snapshot(); !s.Docker || s.Limit != "" {
			t.Errorf("%+v", s)
		}
		cancel()
		wait.Wait()
		if got := out.String(); !strings.Contains(got, "the state of Docker is unknown: this process is out of file descriptors") ||
			strings.Contains(got, "cannot be watched") {
			t.Error(got)
		}
	})
}
