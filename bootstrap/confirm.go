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

// confirm asks the ECS API whether the instance is registered and its agent is
// connected. The last answer of ECS counts: a later call that fails or that the
// deadline cuts off takes nothing back. An API that never answers is a warning. One that
// throttles is asked again after the shorter pauses: a fleet that boots at once empties
// the bucket that all of it shares.
func (r *run) confirm(ctx context.Context, meta ecsagent.Metadata, report *bootreport.Report) error {
	r.settle(ctx)
	var last *known // what ECS answered last
	for n := 0; ; n++ {
		ci, err := r.aws.ContainerInstance(awsapi.WithoutThrottleRetries(ctx), r.wanted.Text, meta.ContainerInstanceARN)
		again := n < len(r.pace.confirm)
		switch answered := awsapi.KindOf(err) == ""; {
		case !answered && last == nil:
			throttled := awsapi.KindOf(err) == awsapi.Throttled && ctx.Err() == nil
			if again = again && throttled && r.pace.confirm[n] <= longestThrottled; !again {
				r.unconfirmed(report, err)
				return nil
			}
		case !answered:
			r.warn("verify", "no new answer from ECS: %v", err)
			last.Evidence = append(last.Evidence, fmt.Sprintf("no later answer from ECS: %v", err))
		default:
			if last = r.evaluate(meta.ContainerInstanceARN, ci, err); last == nil {
				report.Confirmed = true
				return nil
			}
		}
		if last != nil && !last.passes || !again {
			return last
		}
		pause := time.NewTimer(r.pace.confirm[n] + rand.N(max(1, r.pace.confirm[n]/2)))
		select {
		case <-ctx.Done():
			pause.Stop()
			if last == nil {
				r.unconfirmed(report, err)
				return nil
			}
			return last
		case <-pause.C:
		}
	}
}

// settle gives the ECS agent the time to connect.
func (r *run) settle(ctx context.Context) {
	if r.pace.settle == 0 {
		return
	}
	wait := time.NewTimer(r.pace.settle + rand.N(r.pace.settle/2))
	defer wait.Stop()
	select {
	case <-ctx.Done():
	case <-wait.C:
	}
}

// longestThrottled is the longest pause before an API that has not answered yet is asked
// again: the signals of this boot wait for the answer.
const longestThrottled = time.Minute

// unconfirmed reports a registration that only the ECS agent reports.
func (r *run) unconfirmed(report *bootreport.Report, err error) {
	report.Warnings = append(report.Warnings, "only the ECS agent reports the registration, ECS did not confirm it: "+err.Error())
	r.warn("verify", "not confirmed: %v", err)
}

// evaluate returns what is wrong with a registration, as the ECS API describes it.
func (r *run) evaluate(arn string, ci awsapi.ContainerInstance, err error) *known {
	r.confirmed = &answered{Clusters: r.aws, instance: ci, err: err}
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

// answered is the ECS API with its last answer: the checks ask it again for free.
type answered struct {
	Clusters
	instance awsapi.ContainerInstance
	err      error
}

func (a *answered) ContainerInstance(context.Context, string, string) (awsapi.ContainerInstance, error) {
	return a.instance, a.err
}

// asKnown is the known failure that err carries.
func asKnown(err error) (k *known, is bool) { return k, errors.As(err, &k) }
