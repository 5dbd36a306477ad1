package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"time"

	"muster/internal/awsapi"
	"muster/internal/bootreport"
	"muster/internal/config"
	"muster/internal/exitcode"
)

// conclude tells the verdict to all who wait for it: the launch hook, the
// CloudFormation stack, the group, the report and the console. It returns the
// report with what was delivered.
func (r *run) conclude(ctx context.Context, report bootreport.Report) bootreport.Report {
	report.WaitedSeconds = time.Since(r.started).Round(time.Millisecond).Seconds()
	if r.aws != nil {
		for _, tell := range []func(context.Context, bootreport.Report) *bootreport.Delivery{r.tellHook, r.tellStack, r.tellGroup} {
			ctx, stop := context.WithTimeout(ctx, r.pace.tell) // each: one who hangs keeps the word from nobody else
			d := tell(ctx, report)
			stop()
			if d != nil {
				report.Deliveries = append(report.Deliveries, *d)
				r.saidTo(*d)
			}
		}
		report.AWSCalls = r.aws.Calls()
	}
	if report.ExitCode == exitcode.Healthy && len(report.Undelivered()) > 0 {
		report.ExitCode = exitcode.SignalUndelivered
		report.Reason += "; but not everybody who waits for it could be told"
	}
	if r.cfg != nil {
		r.publish(report)
	}
	return report
}

func (r *run) saidTo(d bootreport.Delivery) {
	if d.Error != "" {
		r.warn("signal", "%s: %s not delivered: %s", d.To, d.What, d.Error)
		return
	}
	r.say("signal", "%s: %s", d.To, d.What)
}

// tellHook ends the launch hook: CONTINUE for an instance that may go on, and
// ABANDON for one that failed if that was asked for. Otherwise the hook is left
// to its own default result.
func (r *run) tellHook(ctx context.Context, report bootreport.Report) *bootreport.Delivery {
	if r.cfg.LifecycleHook == "" || report.Outcome == bootreport.Deferred && len(report.Deliveries) > 0 {
		return nil
	}
	result := "CONTINUE"
	switch {
	case report.Failed() && r.cfg.OnFailure != config.OnFailureReport:
		result = "ABANDON"
	case report.Failed(), report.Outcome == bootreport.Undetermined:
		r.say("signal", "launch hook %s is left to its default result; --on-failure abandon ends it at once when an instance is known to have failed", r.cfg.LifecycleHook)
		return nil
	}
	d := &bootreport.Delivery{To: "launch hook " + r.cfg.LifecycleHook, What: result}
	err := r.noHook
	if err == nil {
		err = r.complete(ctx, result)
	}
	if errors.Is(err, awsapi.ErrHookOver) {
		d.What, err = "no longer waiting for "+result, nil
	}
	return withError(d, err)
}

func (r *run) complete(ctx context.Context, result string) error {
	group, err := r.mustGroup(ctx)
	if err != nil {
		return err
	}
	return r.aws.Complete(ctx, awsapi.Hook{Group: group, Name: r.cfg.LifecycleHook}, r.id.InstanceID, result)
}

// tellStack signals CloudFormation. A deferred instance is none that the stack
// waits for, and of an undetermined one nothing is known.
func (r *run) tellStack(ctx context.Context, report bootreport.Report) *bootreport.Delivery {
	if r.cfg.CFNStack == "" || report.Outcome == bootreport.Deferred || report.Outcome == bootreport.Undetermined {
		return nil
	}
	s := awsapi.Signal{Stack: r.cfg.CFNStack, Resource: r.cfg.CFNResource, InstanceID: r.id.InstanceID, Success: !report.Failed()}
	d := &bootreport.Delivery{To: "CloudFormation stack " + s.Stack, What: "SUCCESS for " + s.Resource}
	if !s.Success {
		d.What = "FAILURE for " + s.Resource
	}
	err := r.signal(ctx, s)
	if errors.Is(err, awsapi.ErrNotWaiting) {
		d.What, err = "not waiting for a signal", nil
	}
	return withError(d, err)
}

func (r *run) signal(ctx context.Context, s awsapi.Signal) error {
	if r.cfg.CFNAuth == config.CFNSigV4 {
		return r.aws.SignalSigV4(ctx, s)
	}
	document, signature, err := r.imds.Signed(ctx)
	if err != nil {
		return fmt.Errorf("reading the signed identity document: %w", err)
	}
	return r.aws.SignalIdentity(ctx, s, document, signature)
}

// tellGroup has an instance that did not register replaced, if that was asked
// for and no launch hook has done it already. A bootstrap that failed is no
// reason: the next instance would fail alike, and a slip of a person's on a
// live instance must not end it.
func (r *run) tellGroup(ctx context.Context, report bootreport.Report) *bootreport.Delivery {
	if r.cfg.OnFailure != config.OnFailureUnhealthy || report.ExitCode != exitcode.NotRegistered || r.cfg.LifecycleHook != "" {
		return nil
	}
	d := &bootreport.Delivery{To: "Auto Scaling", What: "set to Unhealthy, to be replaced"}
	// The group's owner asked for the replacement of instances that do not
	// register, and all of them are young: not even the grace period keeps it.
	return withError(d, r.aws.SetUnhealthy(ctx, r.id.InstanceID, false))
}

func withError(d *bootreport.Delivery, err error) *bootreport.Delivery {
	if err != nil {
		d.Error = err.Error()
	}
	return d
}
