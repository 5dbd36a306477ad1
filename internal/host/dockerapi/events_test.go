package dockerapi_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"iter"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"muster/internal/host/dockerapi"
	"muster/internal/sandbox/dockerd"
)

func engine(t testing.TB, opts dockerd.Options) (*dockerd.Engine, *dockerapi.Client) {
	t.Helper()
	e, err := dockerd.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	c, err := dockerapi.New(e.Host(), 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	return e, c
}

// subscribe returns a function that returns the next event, or fails the test.
func subscribe(t testing.TB, c *dockerapi.Client, since time.Time) func() dockerapi.Event {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	events, err := c.Events(ctx, since)
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	next, stop := iter.Pull2(events)
	t.Cleanup(func() { stop(); cancel() })
	return func() dockerapi.Event {
		t.Helper()
		e, err, ok := next()
		if err != nil || !ok {
			t.Fatalf("the stream ended: %v", err)
		}
		return e
	}
}

var ecsLabels = map[string]string{"com.amazonaws.ecs.cluster": "prod", "com.amazonaws.ecs.container-name": "Käse"}

func TestEventsAreReadWithoutThoseOfExec(t *testing.T) {
	for _, api := range []string{"1.41", "1.52"} {
		at := time.Unix(1767323045, 123456789)
		e, c := engine(t, dockerd.Options{API: api, Now: func() time.Time { return at }})
		labels := map[string]string{"Action": "exec_me", "secret": "hunter2"}
		for key, value := range ecsLabels {
			labels[key] = value
		}
		next := subscribe(t, c, time.Time{})
		id := e.Run(dockerd.Spec{Name: "x", Labels: labels, Check: true})
		e.Storm(id, 100, true)
		e.Health(id, "unhealthy")
		e.OOM(id)
		e.Kill(id, 9)
		at = at.Add(70 * time.Second)
		e.Die(id, 137)
		e.Destroy(id)
		base := dockerapi.Event{ID: id, Name: "x", Labels: ecsLabels, Time: at.Add(-70 * time.Second)}
		want := slices.Repeat([]dockerapi.Event{base}, 7)
		for i, action := range []string{"create", "start", "health_status", "oom", "kill", "die", "destroy"} {
			want[i].Action = action
		}
		want[2].Health, want[4].Signal, want[5].ExitCode, want[5].Ran = "unhealthy", 9, 137, 70*time.Second
		want[5].Time, want[6].Time = at, at
		for _, w := range want {
			if diff := cmp.Diff(w, next()); diff != "" {
				t.Errorf("API %s: %s", api, diff)
			}
		}
	}
}

func TestEventsSince(t *testing.T) {
	e, c := engine(t, dockerd.Options{})
	id := e.Run(dockerd.Spec{})
	e.Kill(id, 1)
	first := subscribe(t, c, time.Unix(1, 0))
	first() // create
	first()
	kill := first()
	if got := subscribe(t, c, kill.Time)(); got.Action != "kill" || !got.Time.Equal(kill.Time) {
		t.Errorf("got %+v, want it from the nanosecond of %+v", got, kill)
	}
}

func TestStreamOutlivesTheTimeoutAndLongEventsPass(t *testing.T) {
	e, err := dockerd.New(dockerd.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	c, err := dockerapi.New(e.Host(), 50*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	next := subscribe(t, c, time.Time{})
	long := e.Run(dockerd.Spec{Labels: map[string]string{"com.amazonaws.ecs.x": strings.Repeat("x", 1<<20)}})
	next()
	<-time.After(100 * time.Millisecond)
	for range 2 {
		e.Kill(long, 1)
		if got := next(); len(got.Labels["com.amazonaws.ecs.x"]) != 1<<20 {
			t.Fatalf("cut off: %d", len(got.Labels["com.amazonaws.ecs.x"]))
		}
	}
}

func TestHungEngineDoesNotLetSubscribe(t *testing.T) {
	e, _ := engine(t, dockerd.Options{})
	c, err := dockerapi.New(e.Host(), 50*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	e.Hang()
	defer e.Resume()
	if _, err := c.Events(t.Context(), time.Time{}); !errors.Is(err, dockerapi.ErrHung) {
		t.Errorf("got %v", err)
	}
}

func TestStreamEndsWithItsContextAndWithTheEngine(t *testing.T) {
	e, c := engine(t, dockerd.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	for _, end := range []struct {
		by  func()
		how func(error) bool
	}{
		{cancel, func(err error) bool { return errors.Is(err, context.Canceled) }},
		{e.Vanish, func(err error) bool { return err != nil && !errors.Is(err, context.Canceled) }},
	} {
		events, err := c.Events(ctx, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		ctx = t.Context()
		end.by()
		for event, err := range events {
			if !end.how(err) {
				t.Errorf("got %+v, %v", event, err)
			}
		}
	}
	if _, err := c.Events(t.Context(), time.Time{}); !errors.Is(err, dockerapi.ErrNotRunning) {
		t.Errorf("got %v", err)
	}
}

func TestEngineThatComesBackAsAnotherVersion(t *testing.T) {
	e, c := engine(t, dockerd.Options{})
	if _, err := c.List(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	e.Vanish()
	if err := e.Return(dockerd.Options{API: "1.52", MinAPI: "1.44"}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.List(t.Context(), true); err == nil || !strings.Contains(err.Error(), "too old") {
		t.Fatalf("got %v: the test shows nothing", err)
	}
	next := subscribe(t, c, time.Time{})
	e.Run(dockerd.Spec{})
	next()
	if list, err := c.List(t.Context(), true); err != nil || len(list) != 1 || list[0].Health != "none" {
		t.Errorf("got %+v, %v", list, err)
	}
}

func TestListedHealth(t *testing.T) {
	for _, api := range []string{"1.41", "1.52"} {
		e, c := engine(t, dockerd.Options{API: api})
		want := map[string]string{"plain": "none", "new": "starting", "well": "healthy", "sick": "unhealthy"}
		for name := range want {
			id := e.Run(dockerd.Spec{Name: name, Check: name != "plain"})
			if name == "well" || name == "sick" {
				e.Health(id, want[name])
			}
		}
		dead := e.Run(dockerd.Spec{Name: "dead", Labels: ecsLabels})
		e.Die(dead, 1)
		list, err := c.List(t.Context(), true)
		if err != nil || len(list) != 5 {
			t.Fatalf("got %+v, %v", list, err)
		}
		for _, s := range list {
			if s.Name == "dead" && !isDead(s, dead) || s.Name != "dead" && (s.Health != want[s.Name] || !s.Running()) {
				t.Errorf("API %s: %+v", api, s)
			}
		}
		if running, err := c.List(t.Context(), false); err != nil || len(running) != 4 {
			t.Errorf("API %s: got %d, %v", api, len(running), err)
		}
	}
}

// isDead reports whether a summary is that of a container of ECS that has exited.
func isDead(s dockerapi.Summary, id string) bool {
	return s.State == "exited" && !s.Running() && s.ID == id && !s.Created.IsZero() && cmp.Equal(s.Labels, ecsLabels)
}

func TestInspectKeepsOfTheEnvironmentOneVariable(t *testing.T) {
	e, c := engine(t, dockerd.Options{})
	uri := "http://169.254.170.2/v4/0f1e-12"
	id := e.Run(dockerd.Spec{Name: "x", Labels: ecsLabels, Check: true, StopSignal: "SIGUSR1",
		Env: []string{"PASSWORD=hunter2", "ECS_CONTAINER_METADATA_URI_V4=" + uri}})
	e.OOM(id)
	e.Die(id, 137)
	e.Respawn(id)
	got, found, err := c.Inspect(t.Context(), id)
	if err != nil || !found || got.StartedAt.IsZero() || got.FinishedAt.IsZero() {
		t.Fatalf("got %+v, %v, %v", got, found, err)
	}
	got.StartedAt, got.FinishedAt = time.Time{}, time.Time{}
	want := dockerapi.Inspection{ID: id, Name: "x", Labels: ecsLabels, Running: true, Health: "starting", Checked: true,
		Due:      3 * time.Minute, // Docker's defaults: 3 retries of 30 s each, 30 s apart
		ExitCode: 137, StopSignal: 10, RestartCount: 1, MetadataURI: uri}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if _, found, err := c.Inspect(t.Context(), strings.Repeat("0", 64)); found || err != nil {
		t.Errorf("got %v, %v for none", found, err)
	}
}

// answering is an Engine that returns the same body for every request.
type answering []byte

func (a answering) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Api-Version", "1.41")
	_, _ = w.Write(a)
}

// Each health probe sends three events. Users never see them, so they must cost almost nothing.
func TestEventsOfExecCostNoAllocation(t *testing.T) {
	const line = `{"status":"exec_start: /p","id":"1","from":"i","Type":"container","Action":"exec_start: ` +
		`/p","Actor":{"ID":"1","Attributes":{"a":"b"}},"scope":"local","time":1,"timeNano":1}` + "\n"
	storm := strings.Repeat(line, 1000)
	in := strings.NewReader(storm)
	quiet := dockerapi.WithoutExecs(in)
	p := make([]byte, 512)
	if allocs := testing.AllocsPerRun(10, func() {
		in.Reset(storm)
		if n, err := quiet.Read(p); n != 0 || err != io.EOF {
			t.Fatal(n, err)
		}
	}); allocs > 0 {
		t.Errorf("%v allocations for 1000 events", allocs)
	}
}

// FuzzWithoutExecs compares the filtered stream with a simple line-by-line implementation.
func FuzzWithoutExecs(f *testing.F) {
	f.Add([]byte("{\"Action\":\"exec_die\"}\n{\"Action\":\"die\"}\n"), uint16(3))
	f.Add([]byte("{\"Action\":\"die\",\"Action\":\"exec_x\"}"), uint16(0))
	f.Fuzz(func(t *testing.T, stream []byte, pad uint16) {
		long := append(bytes.Repeat([]byte("x"), int(pad)), stream...)
		var want []byte
		for line := range bytes.Lines(long) {
			// Only the part of a line that fits the buffer is checked.
			if _, action, _ := bytes.Cut(line[:min(len(line), 32<<10)], []byte(`"Action":"`)); !bytes.HasPrefix(action, []byte("exec_")) {
				want = append(want, line...)
			}
		}
		got, err := io.ReadAll(dockerapi.WithoutExecs(bytes.NewReader(long)))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("got %d bytes, %v; want %d", len(got), err, len(want))
		}
	})
}

func FuzzEventsListInspect(f *testing.F) {
	f.Add([]byte(`{"Action":"die","Actor":{"ID":"a","Attributes":{"exitCode":"1"}},"timeNano":5}`))
	f.Add([]byte(`[{"Id":"a","Status":"Up 2 seconds (healthy)","State":"running"}]`))
	f.Add([]byte(`{"Id":"a","State":{},"Config":{"StopSignal":"99999999999999999999","Healthcheck":{}}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		c := dockerapi.Serving(t, answering(body))
		if events, err := c.Events(t.Context(), time.Time{}); err == nil {
			for range events {
			}
		}
		_, _ = c.List(t.Context(), true)
		_, _, _ = c.Inspect(t.Context(), "a")
	})
}

// An event without an end once took 1 GB. If it is an exec event, which is dropped, it must still end the stream.
func TestAnEventWithoutAnEndEndsTheStream(t *testing.T) {
	for _, action := range []string{"start", "exec_create"} {
		in := strings.NewReader(`{"Action":"` + action + `","x":"` + strings.Repeat("x", 16<<20))
		passed, err := io.Copy(io.Discard, dockerapi.WithoutExecs(in))
		read := in.Size() - int64(in.Len())
		if err == nil || !strings.Contains(err.Error(), "an event has more than 4 MiB") || passed > 4<<20 || read > 5<<20 {
			t.Errorf("%s: read %d bytes, passed %d: %v", action, read, passed, err)
		}
	}
}

// A container ID is 64 hexadecimal digits, and an exit code is a 32-bit number (moby api/types/events). Anything else
// is not a container's event, or not an exit code.
func TestAnEventOfNoContainerIsNone(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Api-Version", "1.41")
		if strings.HasSuffix(r.URL.Path, "/events") {
			_, _ = io.WriteString(w, `{"Type":"container","Action":"die","Actor":{"ID":"","Attributes":{"exitCode":"3"}}}
{"Type":"container","Action":"die","Actor":{"ID":"../../etc","Attributes":{"exitCode":"3"}}}
{"Type":"container","Action":"die"}
{"Type":"container","Action":"die","Actor":{"ID":"0a1b","Attributes":{"exitCode":"99999999999999999999"}}}
`)
		}
	}))
	t.Cleanup(server.Close)
	c, err := dockerapi.New(strings.Replace(server.URL, "http://", "tcp://", 1), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	events, err := c.Events(t.Context(), time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for e, err := range events {
		if err != nil {
			break
		}
		if ids = append(ids, e.ID); e.ExitCode != 0 {
			t.Errorf("the exit code of %q is %d", e.ID, e.ExitCode)
		}
	}
	if !slices.Equal(ids, []string{"0a1b"}) {
		t.Errorf("events of %q", ids)
	}
}
