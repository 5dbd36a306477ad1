package metrics_test

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"muster/agent/metrics"
	"muster/internal/awsapi"
	"muster/test/observe"
)

func TestMain(m *testing.M) {
	if os.Getenv(killVariable) != "" {
		publishUntilKilled()
	}
	if as := os.Getenv(childVariable); as != "" {
		beChild(as)
	}
	goleak.VerifyTestMain(m)
}

var cluster = []metrics.Dimension{{Name: "ClusterName", Value: "prod"}}

// minute returns a minute with n data points, whose values differ between minutes.
func minute(at time.Time, n int) metrics.Minute {
	m := metrics.Minute{At: at.Truncate(time.Minute).UTC()}
	for i := range n {
		m.Data = append(
			m.Data,
			metrics.Datum{Name: fmt.Sprint("M", i), Unit: metrics.UnitCount, Dimensions: cluster, Value: float64(at.Unix() / 60)},
		)
	}
	return m
}

// point is a data point that CloudWatch received.
type point struct {
	at   int64 // Unix time in minutes
	name string
}

// cloud is a CloudWatch that counts how often it received each data point.
type cloud struct {
	mu    sync.Mutex
	fail  func(data []metrics.Datum) (taken bool, err error)
	order []point
	times map[point]int
	calls []time.Time
	sizes []int
}

func (c *cloud) PutMetricData(_ context.Context, _ string, at time.Time, data []metrics.Datum) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls, c.sizes = append(c.calls, time.Now()), append(c.sizes, len(data))
	taken, err := true, error(nil)
	if c.fail != nil {
		taken, err = c.fail(data)
	}
	if !taken {
		return err
	}
	if c.times == nil {
		c.times = map[point]int{}
	}
	for _, d := range data {
		p := point{at.Unix() / 60, d.Name}
		c.order, c.times[p] = append(c.order, p), c.times[p]+1
	}
	return err
}

// want checks that CloudWatch has n data points, none of them twice, and in order.
func (c *cloud) want(t *testing.T, n int) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.times) != n {
		t.Errorf("%d points arrived, want %d", len(c.times), n)
	}
	for p, times := range c.times {
		if times > 1 {
			t.Errorf("%v arrived %d times", p, times)
		}
	}
	for i := 1; i < len(c.order); i++ {
		if c.order[i].at < c.order[i-1].at {
			t.Errorf("%v came after %v", c.order[i], c.order[i-1])
		}
	}
}

// journal is a log with methods to count its lines.
type journal struct{ observe.Journal }

func (j *journal) said(t *testing.T, n int, text string) {
	t.Helper()
	if got := j.Count(text); got != n {
		t.Errorf("said %d times, want %d: %q in\n%s", got, n, text, j)
	}
}

// world is a publisher with its disk and its CloudWatch.
type world struct {
	*metrics.Publisher
	dir   string
	clock time.Duration // how far the wall clock is ahead
	cloud
	journal
}

func (w *world) now() time.Time { return time.Now().Add(w.clock) }

// start starts a new run of the agent on the same disk.
func (w *world) start() {
	if w.Publisher != nil {
		w.Close()
	}
	w.Publisher = metrics.NewPublisher(metrics.Options{
		Dir: w.dir, MaxBytes: 1 << 30, Sender: &w.cloud, Namespace: "n", InstanceID: "i-0123456789abcdef0", Log: w.Logger(), Clock: w.now,
	})
}

func newWorld(t *testing.T) *world {
	w := &world{dir: t.TempDir() + "/spool"}
	w.start()
	return w
}

// pass runs the publisher for the given number of minutes, each with n data points.
func (w *world) pass(minutes, n int) {
	ctx, stop := context.WithCancel(context.Background())
	var ended sync.WaitGroup
	ended.Go(func() { w.Run(ctx) })
	for range minutes {
		now := time.Now()
		<-time.After(now.Truncate(time.Minute).Add(time.Minute).Sub(now))
		if n > 0 {
			w.Add(minute(w.now().Add(-time.Minute), n))
		}
	}
	<-time.After(59 * time.Second)
	stop()
	ended.Wait()
}

func (w *world) dropped(why metrics.Reason) int64 { return w.Stats().Dropped[why] }

// points returns the number of received data points of the minutes between two times.
func (c *cloud) points(from, to time.Time) (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for p := range c.times {
		if p.at >= from.Unix()/60 && p.at <= to.Unix()/60 {
			n++
		}
	}
	return n
}

func unanswered([]metrics.Datum) (bool, error) { return false, awsapi.ErrUnanswered }

// ended is a context that has already ended. A Flush with it sends one request.
var ended = func() context.Context {
	ctx, stop := context.WithCancel(context.Background())
	stop()
	return ctx
}()
