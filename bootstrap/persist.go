package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"muster/internal/awsapi"
	"muster/internal/host/imds"
)

// backoff is the pause between two attempts: full jitter, with an upper bound that doubles from first to most. A fleet
// that boots at once is throttled at once, so its retries must be spread over time.
type backoff struct{ first, most time.Duration }

func (b backoff) after(failures int) time.Duration {
	bound := b.most
	if failures < 30 { // avoid overflow
		bound = min(b.most, b.first<<failures)
	}
	return rand.N(max(bound, 1))
}

// attempts summarizes the attempts of one call.
type attempts struct {
	n       int
	unclear bool // an attempt had an unclear result and may have taken effect
	passes  bool // the last error may be transient, so another run can retry
}

// persist calls until the call succeeds, fails permanently, or the time is up. Each attempt has its own time limit,
// which the overall limit does not shorten, so there is always at least one attempt. Package awsapi does not retry
// calls that change something, so this is their only retry. For lookups the SDK makes up to three quick attempts within
// each attempt here.
func (r *run) persist(
	ctx context.Context,
	until time.Time,
	each time.Duration,
	what string,
	call func(context.Context) error,
) (made attempts, err error) {
	again, stop := context.WithDeadline(ctx, until)
	defer stop()
	var logged awsapi.Kind
	for expired := false; ; {
		answer := bounded(ctx, each, call)
		if answer == nil {
			return made, nil
		}
		made.n++
		made.unclear = made.unclear || awsapi.MayHaveBeenTaken(answer)
		if err == nil || ctx.Err() == nil { // an interruption says nothing about the call
			err = answer
		}
		made.passes = passes(err) && (!expired || !awsapi.Expired(err))
		expired = awsapi.Expired(err) // also true for new credentials that AWS rejects, because they are not renewed
		if !made.passes {
			return made, err
		}
		pause := time.NewTimer(r.pace.backoff.after(made.n - 1))
		if kind := awsapi.KindOf(err); again.Err() == nil && (made.n == 1 || kind != logged) {
			logged = kind
			r.warn("retry", "%s: not done yet, retrying until %s: %v", what, until.UTC().Format(time.TimeOnly), err)
		}
		select {
		case <-again.Done():
			pause.Stop()
			return made, err
		case <-pause.C:
		}
	}
}

func bounded(ctx context.Context, each time.Duration, call func(context.Context) error) error {
	ctx, stop := context.WithTimeout(ctx, each)
	defer stop()
	return call(ctx)
}

// passes reports whether the same call may succeed later.
func passes(err error) bool {
	var metadata *imds.Error
	return awsapi.MayPass(err) || errors.As(err, &metadata) && !metadata.Kind.Final()
}

// count returns text such as "3 attempts in 2m0s".
func (a attempts) count(took time.Duration) string {
	noun := "attempts"
	if a.n == 1 {
		noun = "attempt"
	}
	return fmt.Sprintf("%d %s in %s", a.n, noun, took.Round(time.Second))
}
