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

// send makes one request, if there is something to send, and returns when the next
// is due.
func (p *Publisher) send(ctx context.Context) (pause time.Duration, err error) {
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
	to, err := p.nextRequest()
	if to == 0 {
		return p.untilMySecond(time.Now()), err
	}
	ctx, stop := context.WithTimeout(ctx, answerTime)
	defer stop()
	c := &p.current // no other goroutine has it until the answer is there
	err = p.opts.Sender.PutMetricData(ctx, p.opts.Namespace, c.minute.At, c.minute.Data[c.from:to])
	return p.handleAnswer(to, err), err
}

// nextRequest chooses the next data, current.from up to to, and notes on disk that they are
// sent, before they are. Without data to send, to is 0.
func (p *Publisher) nextRequest() (to int, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = p.spool.ready()
	for p.nextMinute() {
		c := &p.current
		to = c.from + fitting(c.minute.Data[c.from:], c.limit)
		if p.spool.beginSend(c.minute.unix(), to, c.onDisk) {
			p.spool.sendingAt = c.minute.unix()
			p.stats.Calls++
			return to, nil
		}
	}
	return 0, p.spool.err
}

// nextMinute makes the oldest minute the current one, unless a part of one was sent and
// the rest can be.
func (p *Publisher) nextMinute() bool {
	c := &p.current
	for p.spool.sendingAt == 0 || c.onDisk && p.spool.err != nil {
		m, onDisk, ok := p.spool.oldest()
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
		p.ackMinute() // an earlier run was stopped after the last request
	}
	return !p.spool.lockedElsewhere()
}

// ackMinute removes the current minute, of which nothing is left to send.
func (p *Publisher) ackMinute() {
	c := &p.current
	p.spool.ack(c.minute.unix(), c.onDisk)
	p.spool.sendingAt, c.minute = 0, Minute{}
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

// handleAnswer does what the package's table says for the answer to a request, and
// returns when the next is due.
func (p *Publisher) handleAnswer(to int, err error) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	c, n := &p.current, to-p.current.from
	p.stats.note(n, err)
	switch {
	case err == nil:
		p.failures.resolved(sending, "metrics are published again")
		c.from, c.failures, c.limit = to, 0, min(2*c.limit, maxData)
		p.due = time.Now()
	case errors.Is(err, awsapi.ErrUnanswered):
		p.drop(Ambiguous, n)
		c.from, c.limit = to, 1
		p.retry(err)
	case errors.Is(err, awsapi.ErrInvalid), errors.Is(err, awsapi.ErrTooLarge):
		p.reject(to, err)
	default:
		p.spool.undoSend(c.minute.unix(), c.from)
		p.retry(err)
	}
	return p.pauseAfter(err == nil)
}

func (p *Publisher) retry(err error) {
	p.current.failures++
	p.failures.log(
		sending+string(awsapi.KindOf(err)),
		fmt.Sprintf("the minute %s was not published: %v", stamp(p.current.minute.unix()), err),
	)
}

// reject halves data that CloudWatch rejects for what they are, until it is a single
// data point, which is dropped.
func (p *Publisher) reject(to int, err error) {
	c, n := &p.current, to-p.current.from
	if n > 1 {
		c.limit = n / 2
		p.spool.undoSend(c.minute.unix(), c.from)
		return
	}
	if c.bad++; c.bad >= maxBad {
		to, c.limit = len(c.minute.Data), maxData
	}
	p.drop(Invalid, to-c.from)
	bad := c.minute.Data[c.from]
	p.failures.log("invalid", fmt.Sprintf("the metric %s of %v is left out: %v", bad.Name, bad.Dimensions, err))
	c.from = to
}

// pauseAfter ends the minute if all of it was sent, and returns when the next request is
// due.
func (p *Publisher) pauseAfter(sent bool) time.Duration {
	c := &p.current
	if c.from == 0 {
		p.spool.sendingAt = 0
	}
	if c.from == len(c.minute.Data) {
		p.ackMinute()
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
