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
	// maxBad is how many data points of a minute may be rejected individually before the rest of the minute is dropped.
	maxBad = 3
	// sending is the key prefix of problems that the next success resolves.
	sending = "sending "
)

// current is the minute that is being sent.
type current struct {
	limit    int // maximum number of data points in the next request
	failures int // consecutive failed requests

	minute Minute
	onDisk bool
	from   int // number of data points of the minute that are finished
	bad    int // number of rejected data points of the minute
}

// send sends one request, if there is something to send. It returns the time until the next one is due.
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
	c := &p.current // no other goroutine uses it until the response arrives
	err = p.opts.Sender.PutMetricData(ctx, p.opts.Namespace, c.minute.At, c.minute.Data[c.from:to])
	return p.handleAnswer(to, err), err
}

// nextRequest selects the next data points, from current.from up to to, and records on disk that they are sent. It
// returns 0 if there is nothing to send.
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

// nextMinute makes the oldest minute the current one, unless a partly sent minute can be continued.
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
		p.ackMinute() // an earlier run ended after the last request
	}
	return !p.spool.lockedElsewhere()
}

// ackMinute removes the current minute after all of it was sent.
func (p *Publisher) ackMinute() {
	c := &p.current
	p.spool.ack(c.minute.unix(), c.onDisk)
	p.spool.sendingAt, c.minute = 0, Minute{}
}

// fitting returns how many of the data points fit into one request.
func fitting(data []Datum, limit int) int {
	size := 0
	for i, d := range data[:min(len(data), limit)] {
		if size += d.Size(); size > awsapi.MaxRequestSize && i > 0 {
			return i
		}
	}
	return min(len(data), limit)
}

// handleAnswer handles the result of a request as the table in the package comment specifies. It returns the time until
// the next request is due.
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

// reject halves the number of data points after CloudWatch rejected their content. A single rejected data point is
// dropped.
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

// pauseAfter removes the minute if all of it was sent. It returns the time until the next request is due.
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
