package metrics

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"
)

const (
	defaultMaxBytes = 64 << 20
	minBackoff      = 2 * time.Second
	maxBackoff      = 5 * time.Minute
	pace            = time.Second // minimum time between two requests if several minutes are queued
	answerTime      = 15 * time.Second
	grace           = 500 * time.Millisecond // for a request in flight at the end, after Flush has waited for it
	// The instance's second of the minute. It is not before the previous minute's data is known, and not so late that a
	// slow response reaches into the next minute.
	firstSecond, seconds = 5 * time.Second, 40 * time.Second
)

// Sender sends data points of one minute, once. awsapi.Client implements it. Its errors show whether CloudWatch
// accepted the data.
type Sender interface {
	PutMetricData(ctx context.Context, namespace string, at time.Time, data []Datum) error
}

// Options configures a Publisher.
type Options struct {
	Dir        string // the spool directory; not shared with other files
	MaxBytes   int64  // maximum size of the spool; default 64 MB
	Sender     Sender
	Namespace  string
	InstanceID string // determines the second within the minute
	Log        *slog.Logger
	Clock      func() time.Time // wall clock; default time.Now
}

// Publisher sends minutes, each at most once, and keeps those that it cannot send. Its methods are safe for concurrent
// use.
type Publisher struct {
	opts  Options
	turns chan struct{} // allows one request at a time

	mu       sync.Mutex
	spool    spool
	stats    Stats
	failures *failureLog
	current  current
	due      time.Time // since when data points have been due without any being sent
}

// NewPublisher locks the spool and reads what an earlier run left in it. It never fails. If that is not possible yet,
// it logs the error and tries again with each minute and each request.
func NewPublisher(opts Options) *Publisher {
	if opts.MaxBytes == 0 {
		opts.MaxBytes = defaultMaxBytes
	}
	if opts.Clock == nil {
		opts.Clock = time.Now
	}
	p := &Publisher{opts: opts, turns: make(chan struct{}, 1), failures: newFailureLog(opts.Log)}
	p.current.limit = maxData
	p.spool = spool{dir: opts.Dir, max: opts.MaxBytes, failures: p.failures, drop: p.drop, clock: opts.Clock}
	_ = p.spool.ready() // errors are logged, and the next call tries again
	return p
}

// Close releases the spool for another publisher. The end of the process has the same effect.
func (p *Publisher) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.spool.release()
}

// Add queues a minute, on disk if possible, for the instance's next second. It drops a minute that is not later than
// the last one.
func (p *Publisher) Add(m Minute) {
	if len(m.Data) == 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.due.IsZero() {
		p.due = time.Now()
	}
	if !p.spool.add(m) {
		p.drop(Late, len(m.Data))
		p.failures.log("late", fmt.Sprintf("the minute %s is dropped, since the minute %s was added before: "+
			"muster-agent was restarted within it, or the clock went back", stamp(m.unix()), stamp(p.spool.last())))
		return
	}
	p.failures.resolved("late", "minutes are in order again")
}

func stamp(unix int64) string { return time.Unix(unix, 0).UTC().Format(time.RFC3339) }

// Run sends minutes until ctx ends. A request in flight then has a short time to finish, because the data of a canceled
// request is lost.
func (p *Publisher) Run(ctx context.Context) {
	sending, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(grace, stop) })()
	next := time.NewTimer(p.untilMySecond(time.Now()))
	defer next.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-next.C:
			pause, _ := p.send(sending)
			next.Reset(pause)
		}
	}
}

// Flush sends all queued minutes, without waiting for the instance's second. It stops when ctx ends, or if the next
// request is only due after that or much later. Its error contains the number of unsent minutes.
func (p *Publisher) Flush(ctx context.Context) error {
	for {
		pause, err := p.send(ctx)
		left := p.left()
		if left == 0 {
			return nil
		}
		end, ends := ctx.Deadline()
		if ctx.Err() != nil || pause > 2*pace || ends && time.Until(end) < pause {
			return fmt.Errorf("unsent minutes left in the spool %s: %d: %w", p.opts.Dir, left, cmp.Or(err, ctx.Err(), errLater))
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
	}
}

var errLater = errors.New("they are sent later")

// left returns the number of minutes that can be sent.
func (p *Publisher) left() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.spool.waiting()
}

// Stats returns the state of the publisher.
func (p *Publisher) Stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.stats
	s.Minutes, s.Bytes, s.Last = len(p.spool.files)+len(p.spool.memory), p.spool.bytes, time.Unix(p.spool.last(), 0)
	s.LastSent, s.Failing, s.Overdue = wall(s.LastSent), wall(s.Failing), wall(p.due)
	if !p.due.IsZero() && (s.Why == "" || p.spool.err != nil && !p.spool.memoryOnly()) {
		s.Why, s.Cause = p.spool.why()
	}
	return s
}

func (p *Publisher) drop(why Reason, n int) { p.stats.Dropped[why] += int64(n) }

// untilMySecond returns the time until this instance's next second. It is the same second in every minute, and differs
// between instances.
func (p *Publisher) untilMySecond(now time.Time) time.Duration {
	h := fnv.New64a()
	_, _ = h.Write([]byte(p.opts.InstanceID))
	mine := firstSecond + time.Duration(h.Sum64()%uint64(seconds))
	into := now.Sub(now.Truncate(time.Minute))
	return (mine-into+time.Minute-1)%time.Minute + 1
}

// backoff returns a pause with full jitter after consecutive failures.
func backoff(failures int) time.Duration {
	most := min(maxBackoff, minBackoff<<min(failures, 10))
	return pace + rand.N(most)
}
