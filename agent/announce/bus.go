package announce

import (
	"context"
	"crypto/rand"
	"fmt"
	mathrand "math/rand/v2"
	"slices"
	"time"

	"muster/internal/awsapi"
)

const (
	minBackoff = time.Second
	maxBackoff = 5 * time.Minute
	answerTime = 15 * time.Second
)

// Bus accepts events. awsapi.Client implements it.
type Bus interface {
	PutEvents(ctx context.Context, bus string, events []awsapi.Event) (taken []error, err error)
}

func newID() string { return rand.Text() }

// Run publishes held events when their windows end, and sends queued events to the bus, until ctx ends.
func (a *Announcer) Run(ctx context.Context) {
	failures := 0
	var retry time.Time
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-a.wake:
		}
		now := time.Now()
		pause := a.close(now)
		if !now.Before(retry) {
			if failures++; a.send(ctx) == nil {
				failures = 0
			}
			retry = time.Now().Add(backoff(failures))
		}
		if failures > 0 {
			pause = min(pause, time.Until(retry))
		}
		timer.Reset(max(pause, 0))
	}
}

// backoff returns a pause with full jitter after consecutive failures.
func backoff(failures int) time.Duration {
	if failures == 0 {
		return 0
	}
	return minBackoff + mathrand.N(min(maxBackoff, minBackoff<<min(failures, 10)))
}

// Flush publishes held events and sends the queue to the bus. It stops at the first failure, and returns an error with
// the number of events that are left.
func (a *Announcer) Flush(ctx context.Context) error {
	a.close(time.Now().Add(a.opts.Window))
	err := a.send(ctx)
	if left := a.Stats().Queued; left > 0 {
		return fmt.Errorf("events not announced: %d: %w", left, err)
	}
	return nil
}

// send sends the queue. It returns an error if a retry can help.
func (a *Announcer) send(ctx context.Context) error {
	select {
	case a.sending <- struct{}{}:
		defer func() { <-a.sending }()
	case <-ctx.Done():
		return ctx.Err()
	}
	for {
		batch := a.batch()
		if len(batch) == 0 {
			return nil
		}
		ctx, stop := context.WithTimeout(ctx, answerTime)
		taken, err := a.opts.Bus.PutEvents(ctx, a.opts.BusName, batch)
		stop()
		if err := a.answered(batch, taken, err); err != nil {
			return err
		}
	}
}

// batch takes the oldest events from the queue.
func (a *Announcer) batch() []awsapi.Event {
	a.mu.Lock()
	defer a.mu.Unlock()
	n := min(len(a.queue), awsapi.MaxEvents)
	batch := slices.Clone(a.queue[:n])
	a.queue = slices.Delete(a.queue, 0, n)
	if n > 0 {
		a.stats.Calls++
	}
	return batch
}

// answered puts the events that are worth a retry back at the front of the queue, and returns the reason.
func (a *Announcer) answered(batch []awsapi.Event, taken []error, err error) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	again := batch
	switch {
	case err == nil:
		again, err = a.sort(batch, taken)
	case awsapi.KindOf(err) == awsapi.Failed && !awsapi.MayPass(err): // the same request would always fail
		a.refused(len(batch), err)
		again, err = nil, nil
	}
	a.queue = slices.Concat(again, a.queue)
	for len(a.queue) > maxQueue {
		a.dropOldest()
	}
	switch {
	case err != nil:
		a.problem(string(awsapi.KindOf(err)), fmt.Sprintf("events do not reach the bus %s: %v", a.opts.BusName, err))
	case len(a.said) > 0 && !slices.ContainsFunc(taken, func(err error) bool { return err != nil }):
		clear(a.said)
		a.opts.Log.Info("events reach the bus again", "phase", "events")
	}
	return err
}

// sort counts the events that the bus accepted, and drops those that it rejected permanently. It returns the other
// events with the error of one of them.
func (a *Announcer) sort(batch []awsapi.Event, taken []error) (again []awsapi.Event, reason error) {
	for i, err := range taken {
		switch {
		case err == nil:
			a.stats.Sent++
		case awsapi.MayPass(err):
			again, reason = append(again, batch[i]), err
		default:
			a.refused(1, err)
		}
	}
	return again, reason
}

// refused counts events that the bus will never accept.
func (a *Announcer) refused(n int, err error) {
	a.stats.Dropped += int64(n)
	a.problem("refused", fmt.Sprintf("the bus %s refuses events: %v", a.opts.BusName, err))
}
