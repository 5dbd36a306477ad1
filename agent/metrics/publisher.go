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
	pace            = time.Second // between requests when minutes have piled up, at least
	answerTime      = 15 * time.Second
	grace           = 500 * time.Millisecond // for a request that is under way at the end, after Flush has waited for it
	// The instance's second is neither before its minute is known nor so late that
	// a slow answer would reach into the next minute.
	firstSecond, seconds = 5 * time.Second, 40 * time.Second
)

// Sender sends data of one minute, once; awsapi.Client is one. Its errors classify what
// became of them.
type Sender interface {
	PutMetricData(ctx context.Context, namespace string, at time.Time, data []Datum) error
}

// Options are what a Publisher needs to know.
type Options struct {
	Dir        string // of the spool, its own
	MaxBytes   int64  // of the spool; default 64 MB
	Sender     Sender
	Namespace  string
	InstanceID string // decides on the second within the minute
	Log        *slog.Logger
	Clock      func() time.Time // the wall clock; default time.Now
}

// Publisher sends minutes, each at most once, and keeps those that it cannot
// send. Its methods may be called concurrently.
type Publisher struct {
	opts  Options
	turns chan struct{} // one request at a time

	mu       sync.Mutex
	spool    spool
	stats    Stats
	failures *failureLog
	current  current
	due      time.Time // since when there have been data to send and none was sent
}

// NewPublisher claims the spool and reads what an earlier run has left in it. It
// never fails: what it cannot do yet is tried again with each minute and each
// request, and logged.
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
	_ = p.spool.ready() // an error is logged, and the next call tries again
	return p
}

// Close releases the spool for another publisher. The end of the process does, too.
func (p *Publisher) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.spool.release()
}

// Add keeps a minute, on disk if there is one, to be sent when its second comes.
// One that is not later than the last is dropped.
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

// Run sends until ctx ends. A request that is under way then has a moment to be
// answered: what is broken off is lost.
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

// Flush sends what there is, without waiting for the second. It ends with ctx, or
// when the next request is not due before that or only after long; its error names
// what is left.
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

// left is how many minutes can be sent.
func (p *Publisher) left() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.spool.waiting()
}

// Stats is the state of the publisher.
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

// untilMySecond is how long it is to the next second of this instance, which is
// the same in every minute and another one on another instance.
func (p *Publisher) untilMySecond(now time.Time) time.Duration {
	h := fnv.New64a()
	_, _ = h.Write([]byte(p.opts.InstanceID))
	mine := firstSecond + time.Duration(h.Sum64()%uint64(seconds))
	into := now.Sub(now.Truncate(time.Minute))
	return (mine-into+time.Minute-1)%time.Minute + 1
}

// backoff is a pause after so many failures in a row, with full jitter.
func backoff(failures int) time.Duration {
	most := min(maxBackoff, minBackoff<<min(failures, 10))
	return pace + rand.N(most)
}
