package awsapi

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
)

const (
	// ECS refills the bucket of each kind of read with 20 tokens a second, for the whole
	// account (ECS API reference, request throttling). EC2 does the same for its filtered
	// reads (EC2 API reference, request throttling).
	politeRate  = 20
	politeBurst = 20
	// A throttled call is sent up to eight times: after 20 s at most, and at half the rate.
	politeAttempts = 8
	politeBackoff  = 20 * time.Second
	slowest        = 2 * time.Second // between two calls
)

// Polite returns a client for reading a whole cluster, which takes hundreds of calls. It
// begins at most 20 calls a second after a burst of 20, counting retries, and halves its
// rate each time that AWS throttles it. It shares the connections, the credentials and the
// count of c.
func (c *Client) Polite() *Client {
	standard := retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts, o.MaxBackoff, o.RateLimiter = politeAttempts, politeBackoff, ratelimit.None
	})
	cache, _ := c.credentials.(*aws.CredentialsCache)
	r := polite{retryer{standard, cache}, &pacer{base: time.Second / politeRate, gap: time.Second / politeRate}}
	out := *c
	out.ecs = ecs.New(c.ecs.Options(), func(o *ecs.Options) { o.Retryer = r })
	out.ec2 = ec2.New(c.ec2.Options(), func(o *ec2.Options) { o.Retryer = r })
	out.asg = autoscaling.New(c.asg.Options(), func(o *autoscaling.Options) { o.Retryer = r })
	return &out
}

// polite is a retryer that paces every attempt.
type polite struct {
	retryer
	pace *pacer
}

// GetAttemptToken waits until this attempt may start. The SDK calls it before each attempt, and the returned function
// after it (aws.RetryerV2).
func (p polite) GetAttemptToken(ctx context.Context) (func(error) error, error) {
	if err := p.pace.wait(ctx); err != nil {
		return nil, err
	}
	return func(err error) error {
		p.pace.saw(err)
		return nil
	}, nil
}

// pacer limits the rate of calls.
type pacer struct {
	mu        sync.Mutex
	base, gap time.Duration // the smallest and the present time between two calls
	next      time.Time     // when the next call may begin
}

// wait blocks until the next call may start.
func (p *pacer) wait(ctx context.Context) error {
	p.mu.Lock()
	now := time.Now()
	if oldest := now.Add(-politeBurst * p.base); p.next.Before(oldest) {
		p.next = oldest
	}
	at := p.next
	p.next = p.next.Add(p.gap)
	p.mu.Unlock()
	if !at.After(now) {
		return ctx.Err()
	}
	timer := time.NewTimer(at.Sub(now))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// saw adapts the rate: it halves the rate after a throttled call, and raises it by a tenth after any other call.
func (p *pacer) saw(err error) {
	var e *Error
	throttled := errors.As(named("", err), &e) && e.Kind == Throttled
	p.mu.Lock()
	defer p.mu.Unlock()
	if throttled {
		p.gap = min(p.gap*2, slowest)
		if now := time.Now(); p.next.Before(now) {
			p.next = now // the burst is over
		}
		return
	}
	p.gap = max(p.gap*9/10, p.base)
}
