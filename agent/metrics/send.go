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
	// maxBad is how many data of a minute may be refused one by one, before the
	// rest of it is dropped too.
	maxBad = 3
	// sending is the problem that is over with the next success.
	sending = "sending "
)

// current is the minute that is being sent.
type current struct {
	limit    int // data in the next request
	failures int // requests that failed in a row

	minute Minute
	onDisk bool
	from   int // data of the minute that are done with
	bad    int // data of it that were refused
}

// step makes one request, if there is something to send, and returns when the next
// is due.
func (p *Publisher) step(ctx context.Context) (pause time.Duration, err error) {
	select {
	case p.turns <- struct{}{}:
	default:
		select {
		case p.turns <- struct{}{}:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
	defer func() { <-p.turns }()
	to, err := p.pick()
	if to == 0 {
		return p.untilMySecond(time.Now()), err
	}
	ctx, stop := context.WithTimeout(ctx, answerTime)
	defer stop()
	c := &p.current // no other goroutine has it until the answer is there
	err = p.opts.Sender.PutMetricData(ctx, p.opts.Namespace, c.minute.At, c.minute.Data[c.from:to])
	return p.answered(to, err), err
}

// pick chooses the next data, current.from up to to, and notes on disk that they are
// sent, before they are. Without data to send, to is 0.
func (p *Publisher) pick() (to int, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = p.spool.ready()
	for p.choose() {
		c := &p.current
		to = c.from + fitting(c.minute.Data[c.from:], c.limit)
		if p.spool.advance(c.minute.unix(), to, c.onDisk) {
			p.spool.flying = c.minute.unix()
			p.stats.Calls++
			return to, nil
		}
	}
	return 0, p.spool.err
}

// choose makes the oldest minute the current one, unless a part of one was sent and
// the rest can be.
func (p *Publisher) choose() bool {
	c := &p.current
	for p.spool.flying == 0 || c.onDisk && p.spool.err != nil {
		m, onDisk, ok := p.spool.head()
		if !ok {
			return false
		}
		if !m.At.Equal(c.minute.At) || onDisk != c.onDisk {
			c.minute, c.onDisk, c.bad = m, onDisk, 0
			c.from = p.spool.doneOf(m.unix())
		}
		if c.from < len(m.Data) {
			return true
		}
		p.finish() // an earlier run was stopped after the last request
	}
	return !p.spool.foreign()
}

// finish ends the current minute.
func (p *Publisher) finish() {
	c := &p.current
	p.spool.done(c.minute.unix(), c.onDisk)
	p.spool.flying, c.minute = 0, Minute{}
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

// answered does what the package's table says for the answer to a request, and
// returns when the next is due.
func (p *Publisher) answered(to int, err error) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	c, n := &p.current, to-p.current.from
	p.stats.note(n, err)
	switch {
	case err == nil:
		p.say.over(sending, "metrics are published again")
		c.from, c.failures, c.limit = to, 0, min(2*c.limit, maxData)
		p.due = time.Now()
	case errors.Is(err, awsapi.ErrUnanswered):
		p.drop(Ambiguous, n)
		c.from, c.limit = to, 1
		p.failed(err)
	case errors.Is(err, awsapi.ErrInvalid), errors.Is(err, awsapi.ErrTooLarge):
		p.refused(to, err)
	default:
		p.spool.retreat(c.minute.unix(), c.from)
		p.failed(err)
	}
	return p.next(err == nil)
}

func (p *Publisher) failed(err error) {
	p.current.failures++
	p.say.problem(sending+string(awsapi.KindOf(err)), fmt.Sprintf("the minute %s was not published: %v", stamp(p.current.minute.unix()), err))
}

// refused halves what is refused for what it is, until it is one datum.
func (p *Publisher) refused(to int, err error) {
	c, n := &p.current, to-p.current.from
	if n > 1 {
		c.limit = n / 2
		p.spool.retreat(c.minute.unix(), c.from)
		return
	}
	if c.bad++; c.bad >= maxBad {
		to, c.limit = len(c.minute.Data), maxData
	}
	p.drop(Invalid, to-c.from)
	bad := c.minute.Data[c.from]
	p.say.problem("invalid", fmt.Sprintf("the metric %s of %v is left out: %v", bad.Name, bad.Dimensions, err))
	c.from = to
}

// next ends the minute if all of it was sent, and returns when the next request is
// due.
func (p *Publisher) next(sent bool) time.Duration {
	c := &p.current
	if c.from == 0 {
		p.spool.flying = 0
	}
	if c.from == len(c.minute.Data) {
		p.finish()
	}
	left := p.spool.waiting()
	if sent && left == 0 {
		p.due = time.Time{}
	}
	switch {
	case c.failures > 0:
		return backoff(c.failures)
	case left == 0:
		return p.untilMySecond(time.Now())
	}
	return pace + rand.N(pace)
}
