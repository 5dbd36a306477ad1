package announce_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"muster/agent/announce"
	"muster/internal/awsapi"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bus simulates EventBridge.
type bus struct {
	mu     sync.Mutex
	fail   func() (taken bool, err error)
	refuse string // error code for every second entry
	kind   awsapi.Kind
	events []awsapi.Event
	calls  []time.Time
}

func (b *bus) PutEvents(_ context.Context, _ string, events []awsapi.Event) ([]error, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.calls = append(b.calls, time.Now())
	taken, err := true, error(nil)
	if b.fail != nil {
		taken, err = b.fail()
	}
	out, size := make([]error, len(events)), 0
	for i, e := range events {
		size += len(e.Source) + len(e.DetailType) + len(e.Detail) + 14
		switch {
		case b.refuse != "" && i%2 == 1:
			out[i] = &awsapi.Error{Code: b.refuse, Kind: b.kind, Err: errors.New(b.refuse)}
		case taken:
			b.events = append(b.events, e)
		}
	}
	if len(events) > awsapi.MaxEvents || size > awsapi.MaxEventSize {
		return nil, fmt.Errorf("%d events of %d bytes", len(events), size)
	}
	return out, err
}

// kinds returns the kinds of the received events, with the number of repeats.
func (b *bus) kinds(t *testing.T) string {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []string
	for _, e := range b.events {
		var d struct {
			Kind     string
			Repeated int
		}
		if err := json.Unmarshal([]byte(e.Detail), &d); err != nil {
			t.Fatal(err)
		}
		if d.Repeated > 0 {
			d.Kind += fmt.Sprintf("+%d", d.Repeated)
		}
		out = append(out, d.Kind)
	}
	return strings.Join(out, " ")
}

type world struct {
	*announce.Announcer
	bus
	journal bytes.Buffer
}

// run runs an announcer until the test function returns.
func run(t *testing.T, test func(*world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{}
		w.Announcer = announce.New(announce.Options{Log: slog.New(slog.NewTextHandler(&w.journal, nil)), Bus: &w.bus, BusName: "ops"})
		ctx, stop := context.WithCancel(t.Context())
		var ended sync.WaitGroup
		ended.Go(func() { w.Run(ctx) })
		test(w)
		stop()
		ended.Wait()
	})
}

// after waits for d, and then until all goroutines are idle.
func after(d time.Duration) { <-time.After(d); synctest.Wait() }

func event(kind announce.Kind, container string) announce.Event {
	return announce.Event{Kind: kind, At: time.Now(), Cluster: "prod", Instance: "i-1", Service: "web", Family: "web",
		Task: "arn:aws:ecs:x:1:task/prod/1", Container: container, Reason: "it is so"}
}

func TestATransitionIsInTheJournalAtOnceAndOnTheBusWithinASecond(t *testing.T) {
	run(t, func(w *world) {
		w.Announce(event(announce.Unhealthy, "app"))
		for _, part := range []string{"level=ERROR", "phase=event", "kind=unhealthy", "service=web", "container=app", `msg="it is so"`} {
			if !strings.Contains(w.journal.String(), part) {
				t.Errorf("no %s in %s", part, w.journal.String())
			}
		}
		after(time.Second)
		if got := w.kinds(t); got != "unhealthy" || w.events[0].Source != "muster" || w.events[0].Resources[0] != "arn:aws:ecs:x:1:task/prod/1" {
			t.Errorf("%q: %+v", got, w.events)
		}
	})
}

func TestFlappingIsSaidOnceAWindowAndTheEndAlways(t *testing.T) {
	u, r := announce.Unhealthy, announce.Recovered
	for name, test := range map[string]struct {
		kinds []announce.Kind // one second apart
		want  string
	}{
		"there and back":    {[]announce.Kind{u, r}, "unhealthy recovered"},
		"ends unhealthy":    {[]announce.Kind{u, r, u}, "unhealthy recovered unhealthy+1"},
		"ends recovered":    {[]announce.Kind{u, r, u, r}, "unhealthy recovered recovered+2"},
		"the same again":    {[]announce.Kind{u, u, u}, "unhealthy unhealthy+2"},
		"held, then better": {[]announce.Kind{u, u, r}, "unhealthy recovered recovered+1"},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, func(w *world) {
				for _, k := range test.kinds {
					w.Announce(event(k, "app"))
					after(time.Second)
				}
				after(5 * time.Minute)
				if got := w.kinds(t); got != test.want {
					t.Errorf("got %q, want %q", got, test.want)
				}
				if s := w.Stats(); int(s.Said) != len(w.events) || s.Said != s.Sent || s.Queued != 0 {
					t.Errorf("%+v", s)
				}
			})
		})
	}
}

func TestSubjectsAndMattersAreApart(t *testing.T) {
	run(t, func(w *world) {
		w.Announce(event(announce.Unhealthy, "app"))
		w.Announce(event(announce.Unhealthy, "sidecar"))
		w.Announce(event(announce.OutOfMemory, "app"))
		after(2 * time.Minute)
		w.Announce(event(announce.Unhealthy, "app"))
		after(2 * time.Minute)
		if got := w.kinds(t); got != "unhealthy unhealthy oom unhealthy" {
			t.Errorf("%q", got)
		}
	})
}

func TestConstantFlappingIsBounded(t *testing.T) {
	run(t, func(w *world) {
		for i := range 36_000 { // one hour, ten per second
			w.Announce(event([]announce.Kind{announce.Unhealthy, announce.Recovered}[i%2], "app"))
			after(100 * time.Millisecond)
		}
		after(2 * time.Minute)
		got := strings.Fields(w.kinds(t))
		if len(got) > 125 || !strings.HasPrefix(got[len(got)-1], "recovered+") {
			t.Errorf("%d events, the last %q", len(got), got[len(got)-1])
		}
	})
}

func TestManySubjectsShareAWindow(t *testing.T) {
	run(t, func(w *world) {
		for i := range 30_000 {
			w.Announce(event(announce.Unhealthy, fmt.Sprint(i)))
		}
		after(2 * time.Minute)
		s := w.Stats()
		if s.Said+s.Held < 30_000 || s.Said > 10_002 || s.Sent+s.Dropped != s.Said || s.Queued != 0 {
			t.Errorf("%+v", s)
		}
	})
}

func TestABusThatFailsIsTriedAgainWithPausesAndSaidOnce(t *testing.T) {
	for name, err := range map[string]error{
		"denied":    &awsapi.Error{Action: "events:PutEvents", Kind: awsapi.Denied, Err: errors.New("no")},
		"throttled": &awsapi.Error{Action: "events:PutEvents", Kind: awsapi.Throttled, Err: errors.New("no")},
		"hanging":   &awsapi.Error{Action: "events:PutEvents", Kind: awsapi.Unreachable, Err: errors.New("no")},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, func(w *world) {
				w.fail = func() (bool, error) { return false, err }
				for i := range 60 {
					w.Announce(event(announce.Unhealthy, fmt.Sprint(i)))
					after(time.Minute)
				}
				if n := len(w.calls); n < 12 || n > 100 {
					t.Errorf("%d calls in an hour", n)
				}
				if n := strings.Count(w.journal.String(), "do not reach the bus ops"); n != 1 {
					t.Errorf("said %d times", n)
				}
				w.mu.Lock()
				w.fail = nil
				w.mu.Unlock()
				after(10 * time.Minute)
				if len(w.events) != 60 || !strings.Contains(w.journal.String(), "reach the bus again") {
					t.Errorf("%d events arrived", len(w.events))
				}
			})
		})
	}
}

// PutEvents rejects a whole request with ValidationException (API reference, Errors).
func TestARequestThatIsRefusedForGoodHoldsUpNothing(t *testing.T) {
	run(t, func(w *world) {
		calls := 0
		w.fail = func() (bool, error) {
			if calls++; calls == 1 {
				return false, &awsapi.Error{Action: "events:PutEvents", Kind: awsapi.Failed, Code: "ValidationException", Status: 400,
					Err: errors.New("no")}
			}
			return true, nil
		}
		w.Announce(event(announce.Unhealthy, "first"))
		after(time.Minute)
		w.Announce(event(announce.Unhealthy, "second"))
		after(time.Minute)
		if s := w.Stats(); s.Sent != 1 || s.Dropped != 1 || s.Queued != 0 || calls != 2 {
			t.Errorf("%+v after %d calls", s, calls)
		}
		if n := strings.Count(w.journal.String(), "the bus ops refuses events"); n != 1 {
			t.Errorf("said %d times: %s", n, w.journal.String())
		}
	})
}

// If it is unknown whether an event was accepted, it is sent again with the same ID.
func TestAnEventKeepsItsID(t *testing.T) {
	run(t, func(w *world) {
		calls := 0
		w.fail = func() (bool, error) {
			if calls++; calls == 1 {
				return true, &awsapi.Error{Kind: awsapi.Unreachable, Err: errors.New("no response in time")}
			}
			return true, nil
		}
		w.Announce(event(announce.Unhealthy, "app"))
		after(time.Minute)
		if len(w.events) != 2 || w.events[0].Detail != w.events[1].Detail || !strings.Contains(w.events[0].Detail, `"id":"`) {
			t.Errorf("%+v", w.events)
		}
	})
}

func TestPartOfAnAnswerCanBeARefusal(t *testing.T) {
	for code, c := range map[string]struct {
		kind  awsapi.Kind
		again bool
	}{
		"InternalFailure": {awsapi.Failed, true}, "InternalException": {awsapi.Failed, true}, "ThrottlingException": {awsapi.Throttled, true},
		"MalformedDetail": {awsapi.Failed, false}, "InvalidArgument": {awsapi.Failed, false}, "NotAuthorizedForSourceException": {awsapi.Denied,
			false},
	} {
		run(t, func(w *world) {
			w.refuse, w.kind = code, c.kind
			for i := range 8 {
				w.Announce(event(announce.Unhealthy, fmt.Sprint(i)))
			}
			after(time.Second / 2)
			w.mu.Lock()
			w.refuse = ""
			w.mu.Unlock()
			after(time.Minute)
			if s := w.Stats(); (s.Sent == 8) != c.again || s.Sent+s.Dropped != 8 || s.Queued != 0 {
				t.Errorf("%s: %+v", code, s)
			}
		})
	}
}

func TestFlushSaysWhatIsHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bus
		var journal bytes.Buffer
		a := announce.New(announce.Options{Log: slog.New(slog.NewTextHandler(&journal, nil)), Bus: &b})
		a.Announce(event(announce.Unhealthy, "app"))
		a.Announce(event(announce.Recovered, "app"))
		a.Announce(event(announce.Unhealthy, "app"))
		a.Announce(announce.Event{Kind: announce.Leaving, At: time.Now()})
		if err := a.Flush(t.Context()); err != nil {
			t.Error(err)
		}
		if got := b.kinds(t); got != "unhealthy recovered leaving unhealthy+1" {
			t.Errorf("%q", got)
		}
		b.fail = func() (bool, error) { return false, errors.New("away") }
		a.Announce(event(announce.OutOfMemory, "app"))
		if err := a.Flush(t.Context()); err == nil || !strings.Contains(err.Error(), "events not announced: 1: away") {
			t.Error(err)
		}
	})
}

func TestWithoutABusThereIsTheJournal(t *testing.T) {
	var journal bytes.Buffer
	a := announce.New(announce.Options{Log: slog.New(slog.NewTextHandler(&journal, nil))})
	a.Announce(event(announce.Unhealthy, "app"))
	if err := a.Flush(t.Context()); err != nil || !strings.Contains(journal.String(), "kind=unhealthy") {
		t.Errorf("%v, %s", err, journal.String())
	}
}

var all = []announce.Kind{announce.Unhealthy, announce.Recovered, announce.OutOfMemory, announce.ChildOutOfMemory, announce.StartFailed,
	announce.CrashLoop,
	announce.CrashLoopOver, announce.RegistrationLost, announce.RegistrationRegained, announce.Leaving,
	announce.Orphan, announce.OrphanOver}

// Events of each kind, with hostile names, must match the published schema and be listed in the documentation. Ten of
// the largest must stay below EventBridge's limit, which the bus of this test enforces.
func TestEventsAreAsPublished(t *testing.T) {
	page, err := os.ReadFile("../../docs/reference/events.md")
	if err != nil {
		t.Fatal(err)
	}
	s := readSchema(t)
	hostile := []string{"web", "", "wéb", "\xff\xfe", strings.Repeat("\x01", 5000), strings.Repeat("日", 5000), "NaN"}
	run(t, func(w *world) {
		for _, name := range hostile {
			for _, kind := range all {
				w.Announce(announce.Event{Kind: kind, At: time.Now(), Cluster: name, Instance: name, Service: name, Family: name, Task: name,
					Container: name, Reason: name})
			}
		}
		after(2 * time.Minute)
		for _, e := range w.events {
			var detail any
			if err := json.Unmarshal([]byte(e.Detail), &detail); err != nil {
				t.Fatal(err)
			}
			if wrong := s.check("detail", detail); wrong != nil {
				t.Errorf("%v in %.300s", wrong, e.Detail)
			}
			if row := fmt.Sprintf("| %s | `%s` |", e.DetailType, detail.(map[string]any)["kind"]); !bytes.Contains(page, []byte(row)) {
				t.Errorf("docs/reference/events.md has no row %q", row)
			}
		}
		if len(w.events) != len(hostile)*len(all) {
			t.Errorf("%d events of %d", len(w.events), len(hostile)*len(all))
		}
		if n := len(s.Properties["kind"].Enum); n != len(all) {
			t.Errorf("the schema has %d kinds", n)
		}
	})
}

// A request that hangs must not delay the shutdown.
func TestFlushDoesNotWaitForAnswersThatNeverCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := announce.New(announce.Options{Log: slog.New(slog.DiscardHandler), Bus: silent{}})
		ctx, stop := context.WithCancel(t.Context())
		var ended sync.WaitGroup
		ended.Go(func() { a.Run(ctx) })
		a.Announce(event(announce.Unhealthy, "app"))
		synctest.Wait()
		a.Announce(event(announce.Unhealthy, "cache"))
		began := time.Now()
		flush, enough := context.WithTimeout(ctx, 4*time.Second)
		defer enough()
		if err := a.Flush(flush); err == nil || time.Since(began) > 4*time.Second {
			t.Errorf("%v after %s", err, time.Since(began))
		}
		stop()
		ended.Wait()
	})
}

// silent never responds.
type silent struct{}

func (silent) PutEvents(ctx context.Context, _ string, _ []awsapi.Event) ([]error, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}
