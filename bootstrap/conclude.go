package bootstrap

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"muster/bootstrap/bootreport"
	"muster/internal/awsapi"
	"muster/internal/base/exitcode"
	"muster/internal/base/fix"
	"muster/internal/config"
)

// conclude sends the result to everything that waits for this instance (launch hook, CloudFormation stack, Auto Scaling
// group), writes the report, and writes one line to the console. It returns the report with the deliveries filled in.
func (r *run) conclude(ctx context.Context, report bootreport.Report) bootreport.Report {
	report.WaitedSeconds = time.Since(r.started).Round(time.Millisecond).Seconds()
	if r.aws != nil {
		report.Deliveries = r.deliverAll(ctx, report)
		report.AWSCalls = r.aws.Calls()
	}
	if undelivered := len(report.Undelivered()); report.ExitCode == exitcode.Healthy && undelivered > 0 {
		report.ExitCode = exitcode.SignalUndelivered
		report.Reason += fmt.Sprintf(", but %d of %s not delivered", undelivered, signals(len(report.Deliveries), undelivered))
	}
	if r.Config != nil {
		r.publish(report)
	}
	return report
}

// deliverAll sends all signals concurrently, so that throttling of one does not delay the others. The signals may use
// the rest of --timeout, but always get at least pace.deliver (or --timeout, if that is shorter), because waiting for
// the registration may have used up --timeout.
func (r *run) deliverAll(ctx context.Context, report bootreport.Report) []bootreport.Delivery {
	until := r.started.Add(r.Config.Timeout)
	if least := time.Now().Add(min(r.pace.deliver, r.Config.Timeout)); until.Before(least) {
		until = least
	}
	before := r.lastReport()
	hook := r.hookSignal(report)
	if hook == nil {
		r.stopHook()
	}
	var owed []*delivery
	for _, d := range []*delivery{hook, r.stackSignal(report), r.groupSignal(report)} {
		if d != nil {
			owed = append(owed, d)
		}
	}
	all := make([]bootreport.Delivery, len(owed))
	var sent sync.WaitGroup
	for i, d := range owed {
		sent.Go(func() {
			all[i] = r.deliver(ctx, until, d, report, before)
			if d == hook {
				r.stopHook()
			}
		})
	}
	sent.Wait()
	return all
}

// signals returns a phrase such as "1 signal was" or "2 signals was". The verb agrees with the number of undelivered
// signals.
func signals(all, undelivered int) string {
	noun, verb := "signals", "were"
	if all == 1 {
		noun = "signal"
	}
	if undelivered == 1 {
		verb = "was"
	}
	return fmt.Sprintf("%d %s %s", all, noun, verb)
}

// delivery is one signal to send.
type delivery struct {
	bootreport.Delivery
	send    func(context.Context) error
	over    error  // send returned this error: the receiver is no longer waiting, which is not a failure
	instead string // replaces What if send returned over
	settled string // replaces What if send returned over after an attempt with an unclear result
	fix     func(error) fix.Fix
}

// deliver sends the signal, unless an earlier run in this boot with the same outcome already delivered it.
// muster-verify.service runs verify again every minute.
func (r *run) deliver(ctx context.Context, until time.Time, d *delivery, report, before bootreport.Report) bootreport.Delivery {
	thisBoot := before.StartedAt.After(r.Record.At) && before.StartedAt.After(r.Record.Since())
	if before.Outcome == report.Outcome && thisBoot {
		if i := slices.IndexFunc(before.Deliveries, d.isDoneBy); i >= 0 {
			return before.Deliveries[i]
		}
	}
	began := time.Now()
	made, err := r.persist(ctx, until, r.pace.signal, d.To+": "+d.What, d.send)
	if over := d.over != nil && errors.Is(err, d.over); err != nil && !over {
		d.fail(err, made, time.Since(began))
		r.warn("signal", "%s: %s not delivered: %s", d.To, d.What, d.Error)
		return d.Delivery
	} else if over && made.unclear {
		d.What = d.settled
	} else if over {
		d.What = d.instead
	}
	r.info("signal", "%s: %s", d.To, d.What)
	return d.Delivery
}

// isDoneBy reports whether an earlier delivery makes this one unnecessary.
func (d *delivery) isDoneBy(was bootreport.Delivery) bool {
	return was.To == d.To && was.Error == "" && (was.What == d.What || was.What == d.instead || was.What == d.settled)
}

// fail records why the signal was not delivered.
func (d *delivery) fail(err error, made attempts, took time.Duration) {
	d.Error, d.Temporary, d.Fix = err.Error(), made.passes, d.fix(err)
	if made.n > 1 {
		d.Error += " (" + made.count(took) + ")"
	}
	if made.unclear {
		d.Error += "; one attempt had an unclear result, so the signal may have arrived"
	}
}

// hookSignal returns the signal that completes the launch hook: CONTINUE if the instance is ready, or ABANDON if it
// failed and the settings ask for it. In all other cases it returns nil, and the hook times out with its default
// result.
func (r *run) hookSignal(report bootreport.Report) *delivery {
	if r.Config.LifecycleHook == "" {
		return nil
	}
	result := "CONTINUE"
	switch {
	case report.Failed() && r.Config.OnFailure != config.OnFailureReport:
		result = "ABANDON"
	case report.Failed(), report.Outcome == bootreport.Undetermined:
		r.info("signal", "launch hook %s ends with its default result (--on-failure abandon would end it at once)", r.Config.LifecycleHook)
		return nil
	}
	return &delivery{
		Delivery: bootreport.Delivery{To: "launch hook " + r.Config.LifecycleHook, What: result},
		send:     func(ctx context.Context) error { return r.complete(ctx, result) },
		over:     awsapi.ErrHookOver, instead: "no longer waiting for " + result, fix: r.hookFix,
		settled: result + ", probably: one attempt had an unclear result, and the hook is no longer waiting",
	}
}

func (r *run) complete(ctx context.Context, result string) error {
	if gone := r.noHook.Load(); gone != nil {
		return *gone
	}
	r.completing.Store(true)
	group, err := r.mustGroup(ctx)
	if err != nil {
		return err
	}
	return r.aws.Complete(ctx, awsapi.Hook{Group: group, Name: r.Config.LifecycleHook}, r.Identity.InstanceID, result)
}

// hookFix returns the fix for a launch hook signal that failed with err. If the group has no hook with that name, the
// fix lists the group's hooks.
func (r *run) hookFix(err error) fix.Fix {
	group := r.group.Load()
	switch {
	case group == nil || *group == "":
		return fix.Fix{}
	case errors.Is(err, awsapi.ErrNoSuchHook):
		return fix.Do("List the hooks of the group, then use the right one:",
			fmt.Sprintf("aws autoscaling describe-lifecycle-hooks --auto-scaling-group-name %s --region %s", *group, r.Identity.Region),
			"sudo muster bootstrap --cluster "+r.wanted.Text+" --lifecycle-hook NAME")
	case awsapi.KindOf(err) == awsapi.Denied:
		return r.scopeFix(err, *group)
	}
	return fix.Do("Fix the error, or complete the hook yourself:",
		fmt.Sprintf("aws autoscaling complete-lifecycle-action --auto-scaling-group-name %s --lifecycle-hook-name %s",
			*group, r.Config.LifecycleHook)+fmt.Sprintf(" --instance-id %s --lifecycle-action-result CONTINUE --region %s", r.Identity.InstanceID,
			r.Identity.Region))
}

// stackSignal returns the signal for CloudFormation. It returns nil for a deferred instance, because the stack does not
// wait for it, and for an undetermined outcome, because that is neither success nor failure.
func (r *run) stackSignal(report bootreport.Report) *delivery {
	if r.Config.CFNStack == "" || report.Outcome == bootreport.Deferred || report.Outcome == bootreport.Undetermined {
		return nil
	}
	s := awsapi.Signal{Stack: r.Config.CFNStack, Resource: r.Config.CFNResource, InstanceID: r.Identity.InstanceID, Success: !report.Failed()}
	d := &delivery{
		Delivery: bootreport.Delivery{To: "CloudFormation stack " + s.Stack, What: "SUCCESS for " + s.Resource},
		send:     func(ctx context.Context) error { return r.signal(ctx, s) },
		over:     awsapi.ErrNotWaiting, instead: "not waiting for a signal", fix: r.stackFix,
	}
	if !s.Success {
		d.What = "FAILURE for " + s.Resource
	}
	d.settled = d.What + ", probably: one attempt had an unclear result, and the stack is no longer waiting"
	return d
}

func (r *run) signal(ctx context.Context, s awsapi.Signal) error {
	if r.Config.CFNAuth == config.CFNSigV4 {
		return r.aws.SignalSigV4(ctx, s)
	}
	document, signature, err := r.imds.Signed(ctx)
	if err != nil {
		return fmt.Errorf("reading the signed identity document: %w", err)
	}
	return r.aws.SignalIdentity(ctx, s, document, signature)
}

// stackFix returns the fix for a CloudFormation signal that failed with err. If CloudFormation rejected the name of the
// stack or resource, the fix lists the stack's resources.
func (r *run) stackFix(err error) fix.Fix {
	if awsapi.KindOf(err) == awsapi.Denied && r.Config.CFNAuth == config.CFNSigV4 {
		return r.scopeFix(err, "")
	}
	if awsapi.KindOf(err) != awsapi.Failed {
		return fix.Fix{}
	}
	return fix.Do("List the resources of the stack, then use the one that waits for the signal:",
		fmt.Sprintf("aws cloudformation list-stack-resources --stack-name %s --region %s", r.Config.CFNStack, r.Identity.Region),
		"sudo muster bootstrap --cluster "+r.wanted.Text+" --cfn-stack "+r.Config.CFNStack+" --cfn-resource LOGICAL_ID")
}

// groupSignal returns the signal that marks an unregistered instance as unhealthy, so that Auto Scaling replaces it. It
// returns nil unless the settings ask for it, and if a launch hook already does the same. It also returns nil if
// bootstrap itself failed: a replacement would fail in the same way, and a typo on a live instance must not terminate
// it.
func (r *run) groupSignal(report bootreport.Report) *delivery {
	if r.Config.OnFailure != config.OnFailureUnhealthy || report.ExitCode != exitcode.NotRegistered || r.Config.LifecycleHook != "" {
		return nil
	}
	return &delivery{
		Delivery: bootreport.Delivery{To: "Auto Scaling", What: "set to Unhealthy, to be replaced"},
		// The settings ask Auto Scaling to replace instances that do not register. Such instances are always new, so
		// the grace period is ignored.
		send: func(ctx context.Context) error { return r.aws.SetUnhealthy(ctx, r.Identity.InstanceID, false) },
		fix: func(err error) fix.Fix {
			if awsapi.KindOf(err) != awsapi.Denied {
				return fix.Fix{}
			}
			group := "GROUP"
			if known := r.group.Load(); known != nil {
				group = *known
			}
			return r.scopeFix(err, group)
		},
	}
}

// scopeFix returns the commands that set the tag that the policies in packaging/iam compare: on the role and, if group
// is not empty, on the group. IAM returns the same error if the role does not allow the action at all.
func (r *run) scopeFix(err error, group string) fix.Fix {
	role := cmp.Or(awsapi.DenialOf(err.Error()).Role, "ROLE")
	name := cmp.Or(r.wanted.Name, "CLUSTER")
	commands := []string{fmt.Sprintf("aws iam tag-role --role-name %s --tags Key=%s,Value=%s", role, awsapi.ScopeTag, name)}
	if group != "" {
		commands = append(commands, fmt.Sprintf("aws autoscaling create-or-update-tags --region %s --tags "+
			"ResourceId=%s,ResourceType=auto-scaling-group,Key=%s,Value=%s,PropagateAtLaunch=false",
			r.Identity.Region, group, awsapi.ScopeTag, name))
	}
	return fix.Do("Allow the action in the instance role. If it is allowed already, the tags that muster's policies compare are probably "+
		"missing:", commands...)
}
