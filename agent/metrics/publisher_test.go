package metrics_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"muster/agent/metrics"
	"muster/internal/awsapi"
)

var errAway = &awsapi.Error{Action: "cloudwatch:PutMetricData", Kind: awsapi.Unreachable, Err: errors.New("connection refused")}

func TestOneRequestAMinuteInASecondOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.pass(10, 480)
		w.want(t, 4800)
		if len(w.calls) != 10 {
			t.Fatalf("%d requests", len(w.calls))
		}
		for _, at := range w.calls {
			second := at.Sub(at.Truncate(time.Minute))
			if second != w.calls[0].Sub(w.calls[0].Truncate(time.Minute)) || second < 5*time.Second || second > 45*time.Second {
				t.Errorf("sent at second %v", second)
			}
		}
		if s := w.Stats(); s.Sent != 4800 || s.Calls != 10 || s.Failed != 0 || s.Minutes != 0 || s.Bytes != 0 {
			t.Errorf("%+v", s)
		}
	})
}

func TestAFleetIsNeverInStep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		seconds := map[time.Duration]int{}
		for i := range 200 {
			w := &world{dir: t.TempDir()}
			p := metrics.NewPublisher(metrics.Options{Dir: w.dir, Sender: &w.cloud, InstanceID: fmt.Sprintf("i-%017x", i), Log: w.Logger()})
			p.Add(minute(time.Now(), 1))
			ctx, stop := context.WithCancel(t.Context())
			start := time.Now()
			go p.Run(ctx)
			<-time.After(time.Minute)
			stop()
			synctest.Wait()
			seconds[w.calls[0].Sub(start).Truncate(time.Second)]++
		}
		for second, n := range seconds {
			if n > 20 {
				t.Errorf("%d of 200 instances send in second %v", n, second)
			}
		}
	})
}

func TestADayWithoutCloudWatchArrivesLaterOnceAndInOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.fail = func([]metrics.Datum) (bool, error) { return false, errAway }
		w.pass(1440, 3)
		if s := w.Stats(); s.Why != errAway.Error() || time.Since(s.Failing) < 23*time.Hour || !s.LastSent.IsZero() {
			t.Errorf("failing since %v: %q", s.Failing, s.Why)
		}
		tries := len(w.calls)
		if tries < 200 || tries > 2000 {
			t.Errorf("%d requests in a day without an answer", tries)
		}
		w.start() // a restart in between
		w.fail = nil
		w.pass(60, 3)
		w.want(t, 1500*3)
		for i := tries + 1; i < len(w.calls); i++ {
			if w.calls[i].Sub(w.calls[i-1]) < time.Second {
				t.Fatalf("requests %v apart", w.calls[i].Sub(w.calls[i-1]))
			}
		}
		w.said(t, 1, "connection refused")
		if s := w.Stats(); s.Minutes != 0 || s.Dropped != (metrics.Stats{}.Dropped) || s.Why != "" || !s.Failing.IsZero() ||
			time.Since(s.LastSent) > 5*time.Minute {
			t.Errorf("%+v", s)
		}
	})
}

// CloudWatch fails for a day, and accepts some data without a response. Nothing may be duplicated, and each attempt may
// lose at most one data point.
func TestADayOfAmbiguousAnswersCostsADatumATry(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		calls := 0
		w.fail = func([]metrics.Datum) (bool, error) {
			calls++
			return calls%2 == 0, fmt.Errorf("%w: 500", awsapi.ErrUnanswered)
		}
		w.pass(1440, 10)
		taken := len(w.times)
		w.fail = nil
		w.pass(60, 10)
		lost := int(w.dropped(metrics.Ambiguous))
		w.want(t, 1500*10-lost+taken)
		if lost > calls+9 {
			t.Errorf("%d data were lost in %d requests", lost, calls)
		}
		w.said(t, 1, "the result is unknown")
	})
}

func TestWhatWasCertainlyNotTakenIsSentAgain(t *testing.T) {
	for _, kind := range []awsapi.Kind{awsapi.Throttled, awsapi.Denied, awsapi.NoIdentity, awsapi.ClockSkew, awsapi.Unreachable} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			left := 5
			w.fail = func([]metrics.Datum) (bool, error) {
				if left--; left >= 0 {
					return false, &awsapi.Error{Kind: kind, Err: errors.New("no")}
				}
				return true, nil
			}
			w.pass(10, 4)
			w.want(t, 40)
			if s := w.Stats(); s.Failed != 5 || s.Sent != 40 {
				t.Errorf("%s: %+v", kind, s)
			}
			w.said(t, 1, "was not published")
			w.said(t, 1, "published again")
		})
	}
}

func TestPoisonedDataAreLeftOutAlone(t *testing.T) {
	for name, test := range map[string]struct {
		bad  func(metrics.Datum) bool
		left int
	}{
		"one":  {func(d metrics.Datum) bool { return d.Name == "M77" }, 99},
		"two":  {func(d metrics.Datum) bool { return d.Name == "M0" || d.Name == "M99" }, 98},
		"all":  {func(metrics.Datum) bool { return true }, 0},
		"none": {func(metrics.Datum) bool { return false }, 100},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.fail = func(data []metrics.Datum) (bool, error) {
					for _, d := range data {
						if test.bad(d) {
							return false, fmt.Errorf("%w: %s", awsapi.ErrInvalid, d.Name)
						}
					}
					return true, nil
				}
				w.pass(3, 100)
				w.pass(1, 0) // this many requests can take longer than a minute
				w.want(t, 3*test.left)
				if got := w.dropped(metrics.Invalid); got != int64(3*(100-test.left)) {
					t.Errorf("%d dropped", got)
				}
				if len(w.calls) > 3*25 {
					t.Errorf("%d requests", len(w.calls))
				}
				w.said(t, min(1, 100-test.left), "is left out")
			})
		})
	}
}

func TestRequestsKeepTheLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.pass(1, 2500)
		w.want(t, 2500)
		if len(w.sizes) != 3 || w.sizes[0] != awsapi.MaxData {
			t.Errorf("requests of %v data", w.sizes)
		}
		w.sizes = nil
		wide := minute(time.Now(), 1000)
		for i := range wide.Data {
			for j := range 10 {
				wide.Data[i].Dimensions = append(
					wide.Data[i].Dimensions,
					metrics.Dimension{Name: fmt.Sprint(j), Value: fmt.Sprintf("%255d", i)},
				)
			}
		}
		w.Add(wide)
		w.pass(1, 0)
		w.want(t, 3500)
		if len(w.sizes) < 3 {
			t.Errorf("2.8 MB in requests of %v data", w.sizes)
		}
	})
}

func TestWhatIsTooLargeIsSplit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.fail = func(data []metrics.Datum) (bool, error) {
			if len(data) > 100 {
				return false, fmt.Errorf("%w: 413", awsapi.ErrTooLarge)
			}
			return true, nil
		}
		w.pass(2, 900)
		w.pass(1, 0)
		w.want(t, 1800)
	})
}

func TestFlushEndsWithItsTimeAndSaysWhatIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		for i := range 20 {
			w.Add(minute(time.Now().Add(time.Duration(i-20)*time.Minute), 1))
		}
		ctx, stop := context.WithTimeout(t.Context(), 5*time.Second)
		defer stop()
		start := time.Now()
		err := w.Flush(ctx)
		if err == nil || w.Stats().Minutes > 17 || time.Since(start) > 5*time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		w.fail = func([]metrics.Datum) (bool, error) { return false, errAway }
		if err := w.Flush(t.Context()); !errors.Is(err, error(errAway)) {
			t.Error(err)
		}
		w.fail = nil
		w.start()
		w.pass(1, 0)
		w.want(t, 20)
	})
}

// A minute that is being sent must not be dropped to free space. It must not be moved to disk when the disk works
// again, because another run would find it there.
func TestTheMinuteUnderWayStaysWhereItIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{dir: t.TempDir() + "/spool"}
		if err := os.WriteFile(w.dir, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		w.start()
		w.Add(minute(time.Now().Add(-2*time.Minute), 3))
		w.fail = func([]metrics.Datum) (bool, error) {
			w.fail = nil
			_ = os.Remove(w.dir)
			w.Add(minute(time.Now().Add(-time.Minute), 3))
			if n := len(w.files(t)); n > 0 {
				t.Errorf("%d minutes on disk", n)
			}
			return true, nil
		}
		_ = w.Flush(t.Context())
		w.want(t, 6)

		w.Close()
		w.Publisher = metrics.NewPublisher(metrics.Options{Dir: w.dir, MaxBytes: 4 * 4096, Sender: &w.cloud, Log: w.Logger()})
		<-time.After(time.Hour)
		start := time.Now().Add(-20 * time.Minute)
		w.Add(minute(start, 3))
		w.fail = func([]metrics.Datum) (bool, error) {
			w.fail = nil
			for i := range 10 {
				w.Add(minute(start.Add(time.Duration(i+1)*time.Minute), 3))
			}
			return true, nil
		}
		_ = w.Flush(t.Context())
		w.want(t, 6+4*3)
		if s := w.Stats(); s.Sent != 4*3 || s.Dropped[metrics.Oldest] != 7*3 || s.Bytes != 0 {
			t.Errorf("%+v", s)
		}
	})
}

// A request that hangs must not delay the shutdown, which may take 5 s.
func TestFlushDoesNotWaitForAnswersThatNeverCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := metrics.NewPublisher(metrics.Options{Dir: t.TempDir(), Sender: silent{}, Log: slog.New(slog.DiscardHandler)})
		p.Add(minute(time.Now().Add(-time.Minute), 1))
		ctx, stop := context.WithCancel(t.Context())
		var ended sync.WaitGroup
		ended.Go(func() { p.Run(ctx) })
		for p.Stats().Calls == 0 {
			<-time.After(time.Second)
		}
		began := time.Now()
		flush, enough := context.WithTimeout(ctx, 4*time.Second)
		defer enough()
		if err := p.Flush(flush); err == nil {
			t.Error("nothing is said to be left")
		}
		stop()
		ended.Wait()
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("it took %s", took)
		}
	})
}

// silent never responds.
type silent struct{}

func (silent) PutMetricData(ctx context.Context, _ string, _ time.Time, _ []metrics.Datum) error {
	<-ctx.Done()
	return ctx.Err()
}
