package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"muster/bootstrap/bootreport"
	"muster/check"
	"muster/check/ecs"
	"muster/check/subject"
	"muster/internal/awsapi"
	"muster/internal/host/ecsagent"
)

// confirm checks with the ECS API that the instance is registered and its agent is connected. If a later call fails or
// times out, the last response from ECS still counts. If no call succeeds at all, confirm only adds a warning. Throttled
// calls are retried after shorter pauses, because all instances of a fleet that boot at once share one bucket.
func (r *run) confirm(ctx context.Context, meta ecsagent.Metadata, report *bootreport.Report) error {
	r.settle(ctx)
	var last *known // the failure in the last response from ECS
	for n := 0; ; n++ {
		ci, err := r.aws.ContainerInstance(awsapi.WithoutThrottleRetries(ctx), r.wanted.Text, meta.ContainerInstanceARN)
		again := n < len(r.pace.confirm)
		switch responded := awsapi.KindOf(err) == ""; {
		case !responded && last == nil:
			throttled := awsapi.KindOf(err) == awsapi.Throttled && ctx.Err() == nil
			if again = again && throttled && r.pace.confirm[n] <= longestThrottled; !again {
				r.unconfirmed(report, err)
				return nil
			}
		case !responded:
			r.warn("verify", "no new response from ECS: %v", err)
			last.Evidence = append(last.Evidence, fmt.Sprintf("no later response from ECS: %v", err))
		default:
			if last = r.evaluate(meta.ContainerInstanceARN, ci, err); last == nil {
				report.Confirmed = true
				return nil
			}
		}
		if last != nil && !last.passes || !again {
			return last
		}
		if !sleep(ctx, r.pace.confirm[n]+rand.N(max(1, r.pace.confirm[n]/2))) {
			if last == nil {
				r.unconfirmed(report, err)
				return nil
			}
			return last
		}
	}
}

// sleep waits for d. It returns false if ctx ends first.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// settle waits until the ECS agent has had time to connect.
func (r *run) settle(ctx context.Context) {
	if r.pace.settle == 0 {
		return
	}
	sleep(ctx, r.pace.settle+rand.N(r.pace.settle/2))
}

// longestThrottled is the longest pause before a throttled call is retried while ECS has not confirmed the
// registration: the signals of this boot wait for the response.
const longestThrottled = time.Minute

// unconfirmed reports a registration that only the ECS agent reports.
func (r *run) unconfirmed(report *bootreport.Report, err error) {
	report.Warnings = append(report.Warnings, "only the ECS agent reports the registration, ECS did not confirm it: "+err.Error())
	r.warn("verify", "not confirmed: %v", err)
}

// evaluate returns the problem with the registration that the ECS API describes, or nil.
func (r *run) evaluate(arn string, ci awsapi.ContainerInstance, err error) *known {
	r.confirmed = &lastResponse{Clusters: r.aws, instance: ci, err: err}
	f, bad := ecs.Group{
		Instance: subject.New(subject.Instance{Config: r.Config, Identity: r.Identity}, subject.Sources{}),
	}.RegistrationFinding(
		r.wanted.Text,
		arn,
		ci,
		err,
	)
	if !bad || f.Status != check.Fail {
		return nil
	}
	f.Evidence = slices.Clone(f.Evidence)
	passes := []string{"container-instance-unknown", "still-registering", "agent-disconnected"}
	return &known{f, slices.Contains(passes, f.ID)}
}

// lastResponse wraps the ECS API and returns the last response again, so that the checks cause no further API call.
type lastResponse struct {
	Clusters
	instance awsapi.ContainerInstance
	err      error
}

func (a *lastResponse) ContainerInstance(context.Context, string, string) (awsapi.ContainerInstance, error) {
	return a.instance, a.err
}

// asKnown returns the known failure that err wraps, if any.
func asKnown(err error) (k *known, is bool) { return k, errors.As(err, &k) }
