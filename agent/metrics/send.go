package metrics

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"muster/internal/awsapi"
)

const (
	maxData = awsapi.MaxData
	// CloudWatch takes two weeks; a minute is left for the way.
	maxAge = 14*24*time.Hour - time.Minute
	// maxBad is how many data of a minute may be refused one by one, before the
	// rest of it is taken for no better.
	maxBad = 3
	// sending is the problem that is over with the next success.
	sending = "sending "
)

// trip is the minute on its way.
type trip struct {
	limit    int // data in the next request
	failures int // requests that failed in a row

	minute Minute
	onDisk bool
	from   int      // data of the minute that are done with
	before progress // when the minute's first request was made
	latest int64    // likewise
	bad    int      // data of it that were refused
	taken  bool     // some of it may be with CloudWatch
}

// turn makes one request, if there is something to send, and says when the next
// is due.
func (p *Publisher) turn(ctx context.Context) (pause time.Duration, err error) {
	select {
	case p.turns <- struct{}{}:
		defer func() { <-p.turns }()
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	to, ok := p.depart()
	if !ok {
		return p.untilMySecond(time.Now()), nil
	}
	ctx, stop := context.WithTimeout(ctx, answerTime)
	defer stop()
	t := &p.trip // no other goroutine has it until it has arrived
	err = p.opts.Sender.PutMetricData(ctx, p.opts.Namespace, t.minute.At, t.minute.Data[t.from:to])
	return p.arrive(to, err), err
}

// depart picks the next data, t.from up to to, and notes on disk that they are
// sent, before they are.
func (p *Publisher) depart() (to int, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := &p.trip
	for p.board() {
		to = t.from + fitting(t.minute.Data[t.from:], t.limit)
		if p.spool.advance(t.minute.unix(), to, t.onDisk) {
			p.spool.flying = t.minute.unix()
			p.stats.Calls++
			return to, true
		}
	}
	return 0, false
}

// board makes the oldest minute that is worth sending the one on its way.
func (p *Publisher) board() bool {
	t := &p.trip
	for {
		m, onDisk, ok := p.spool.head()
		if !ok {
			return false
		}
		if !m.At.Equal(t.minute.At) || onDisk != t.onDisk {
			t.minute, t.onDisk, t.bad, t.taken = m, onDisk, 0, false
			t.before, t.latest = p.spool.progress.now, p.spool.latest
			t.from = p.spool.doneOf(m.unix(), onDisk)
		}
		switch {
		case t.from >= len(m.Data): // an earlier run was stopped after the last request
		case time.Since(m.At) > maxAge:
			p.drop(TooOld, len(m.Data)-t.from)
			p.say.problem("old", "minutes older than two weeks are dropped: CloudWatch does not take them")
		default:
			return true
		}
		p.leave()
	}
}

// leave ends the trip.
func (p *Publisher) leave() {
	p.spool.done(p.trip.onDisk)
	p.spool.flying, p.trip.minute = 0, Minute{}
}

// fitting is how many of the data go into one request.
func fitting(data []Datum, limit int) int {
	size := 0
	for i, d := range data[:min(len(data), limit)] {
		if size += d.Size(); size > awsapi.MaxRequestSize && i > 0 {
			return i
		}
	}
	return min(len(data), limit)
}

// arrive draws the consequences of a request, as the package's table has them,
// and says when the next is due.
func (p *Publisher) arrive(to int, err error) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	t, n := &p.trip, to-p.trip.from
	p.stats.note(n, err)
	switch {
	case err == nil:
		p.say.over(sending, "metrics are published again")
		t.from, t.taken, t.failures, t.limit = to, true, 0, min(2*t.limit, maxData)
	case errors.Is(err, awsapi.ErrUnanswered):
		p.drop(Ambiguous, n)
		t.from, t.taken, t.limit = to, true, 1
		p.failed(err)
	case errors.Is(err, awsapi.ErrInvalid), errors.Is(err, awsapi.ErrTooLarge):
		p.refused(to, err)
	default:
		p.spool.retreat(t.minute.unix(), t.from)
		p.failed(err)
	}
	return p.next()
}

func (p *Publisher) failed(err error) {
	p.trip.failures++
	p.say.problem(sending+string(awsapi.KindOf(err)), fmt.Sprintf("the minute %s was not published: %v", stamp(p.trip.minute.unix()), err))
}

// refused halves what is refused for what it is, until it is one datum.
func (p *Publisher) refused(to int, err error) {
	t, n := &p.trip, to-p.trip.from
	if n > 1 {
		t.limit = n / 2
		p.spool.retreat(t.minute.unix(), t.from)
		return
	}
	if t.bad++; t.bad >= maxBad {
		to, t.limit = len(t.minute.Data), maxData
	}
	p.drop(Invalid, to-t.from)
	p.say.problem("invalid", fmt.Sprintf("the metric %s of %v is left out: %v", t.minute.Data[t.from].Name, t.minute.Data[t.from].Dimensions, err))
	t.from = to
}

// next ends the trip if it is over, and says when the next request is due.
func (p *Publisher) next() time.Duration {
	t := &p.trip
	if t.from == 0 {
		p.spool.flying = 0
	}
	if t.from == len(t.minute.Data) {
		if !t.taken { // CloudWatch has nothing of it, so that it may come again
			p.spool.retreat(t.before.At, t.before.Done)
			p.spool.latest = t.latest
		}
		p.leave()
	}
	switch {
	case t.failures > 0:
		return backoff(t.failures)
	case len(p.spool.files)+len(p.spool.memory) == 0:
		return p.untilMySecond(time.Now())
	}
	return pace + rand.N(pace)
}
