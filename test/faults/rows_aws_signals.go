//go:build linux

package main

import (
	"net/http"
	"syscall"
	"time"

	"muster/internal/sandbox"
)

// signalServiceRows covers the launch hook and the stack that muster verify signals.
var signalServiceRows = []row{
	{name: "aws/signals-refused", command: "verify", takes: 30 * time.Second, with: inGroup,
		inject: "all AWS endpoints refuse connections for 7 s",
		must:   "the signals are delivered, exit 0",
		play: func(r *rig) {
			r.AWS.Shut()
			r.in(7*time.Second, r.AWS.Open)
			p := r.start(verify+hookFlag+stackFlags, how{})
			p.wait(2 * time.Minute)
			p.exits(0)
			r.signaled()
		}},
	{name: "aws/signals-skew", command: "verify", takes: 10 * time.Second, with: inGroup,
		inject: "AWS's clocks are 20 minutes ahead",
		must:   "the signals are delivered, exit 0",
		play: func(r *rig) {
			r.Sandbox().Inject(sandbox.ClockSkew("", 20*time.Minute))
			r.run(verify + hookFlag + stackFlags + " --cfn-auth sigv4").exits(0)
			r.signaled()
		}},
	{name: "aws/retry-after", command: "verify", takes: 60 * time.Second, with: inGroup,
		inject: "every signal gets 503 with Retry-After: 86400 twice",
		must:   "the signals are delivered, exit 0",
		play: func(r *rig) {
			spoil := func(http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
					w.Header().Set("Retry-After", "86400")
					answers(503, "text/xml", "")(nil).ServeHTTP(w, q)
				})
			}
			cfn, asg := byHost("cloudformation.", first(2, spoil)), byHost("autoscaling.", first(2, spoil))
			r.AWS.Use(func(behind http.Handler) http.Handler { return cfn(asg(behind)) })
			p := r.start(verify+hookFlag+stackFlags, how{})
			p.wait(100 * time.Second)
			p.exits(0)
			r.signaled()
		}},
	{name: "aws/heartbeat-500", command: "verify", takes: 12 * time.Second, with: inGroup,
		inject: "every heartbeat gets 500; the ECS agent registers after 6 s",
		must:   "exit 0, signals are sent",
		play: func(r *rig) {
			r.Sandbox().Inject(sandbox.Fault{Service: sandbox.AutoScaling, Action: "RecordLifecycleActionHeartbeat", Kind: sandbox.KindServer})
			r.introspection.Shut()
			r.in(6*time.Second, r.introspection.Open)
			r.run(verify + hookFlag + stackFlags).exits(0)
			r.signaled()
		}},
	{name: "aws/hook-denied", command: "verify", takes: 10 * time.Second, with: inGroup,
		inject: "CompleteLifecycleAction is denied",
		must:   "exit 11 names the IAM action; the stack receives its signal",
		play: func(r *rig) {
			r.Sandbox().Inject(sandbox.AccessDenied(sandbox.AutoScaling, "CompleteLifecycleAction"))
			p := r.run(verify + hookFlag + stackFlags)
			p.exits(11)
			p.says(0, "autoscaling:CompleteLifecycleAction")
			r.stackIs("SUCCESS")
		}},
	{name: "aws/hook-denied-once", command: "verify", takes: 20 * time.Second, with: inGroup,
		inject: "the first run may not signal the hook; the second one may",
		must:   "exit 11, then exit 0; the hook and the stack receive one signal each",
		play: func(r *rig) {
			r.Sandbox().Inject(sandbox.Fault{Service: sandbox.AutoScaling, Action: "CompleteLifecycleAction", Times: 1,
				Kind: sandbox.KindAccessDenied})
			r.run(verify + hookFlag + stackFlags).exits(11)
			r.run(verify + hookFlag + stackFlags).exits(0)
			r.signaled()
			r.want(len(r.Sandbox().Signals(stack)) == 1, "the stack got %d signals", len(r.Sandbox().Signals(stack)))
		}},
	{name: "aws/hook-portal", command: "verify", takes: 30 * time.Second, with: inGroup,
		inject: "a captive portal returns 200 with HTML for CompleteLifecycleAction twice",
		must:   "HTML does not count as a delivery: the hook receives CONTINUE, exit 0",
		play: func(r *rig) {
			r.AWS.Use(byAction("CompleteLifecycleAction", first(2, answers(200, html, portal))))
			r.run(verify + hookFlag).exits(0)
			r.hookIs("CONTINUE")
		}},
	{name: "aws/hook-gone", command: "verify", takes: 30 * time.Second, with: inGroup,
		inject: "the launch hook has timed out: No active Lifecycle Action found",
		must:   "it does not retry a final error: it exits within 30 s and reports it; the stack receives its signal",
		play: func(r *rig) {
			r.Sandbox().Inject(sandbox.Fault{Service: sandbox.AutoScaling, Action: "CompleteLifecycleAction", Status: 400, Code: "ValidationError",
				Message: "No active Lifecycle Action found with instance ID " + instanceID})
			p := r.run(verify + hookFlag + stackFlags)
			p.within(30 * time.Second)
			p.says(0, "no longer waiting")
			r.stackIs("SUCCESS")
		}},
	{name: "aws/hook-done-stack-hangs", command: "verify", takes: 30 * time.Second, with: inGroup,
		inject: "SIGTERM while the stack's signal hangs and the hook is already completed; then a second run",
		must:   "exit 130; the second run signals the stack and does not complete the hook again",
		play: func(r *rig) {
			r.Sandbox().Inject(sandbox.Fault{Service: sandbox.CloudFormation, Hang: true})
			p := r.start(verify+hookFlag+stackFlags, how{})
			r.await(p, 20*time.Second, "the hook is completed", func() bool { return r.Sandbox().Hook(hook).Result != "" })
			wait(time.Second)
			_ = p.Signal(syscall.SIGTERM)
			p.wait(20 * time.Second)
			p.exits(130, 11)
			r.Sandbox().ClearFaults()
			r.run(verify + hookFlag + stackFlags).exits(0)
			r.signaled()
		}},
	{name: "aws/stack-403", command: "verify", takes: 60 * time.Second, with: inGroup,
		inject: "CloudFormation rejects the identity document with 403",
		must:   "exit 11 within the time limit; the hook receives CONTINUE",
		play: func(r *rig) {
			r.Sandbox().Inject(sandbox.AccessDenied("cloudformation", "SignalResource"))
			p := r.start("verify --cluster prod --timeout 8s"+hookFlag+stackFlags, how{})
			p.wait(100 * time.Second)
			p.exits(11)
			r.hookIs("CONTINUE")
		}},
	{name: "aws/stack-portal", command: "verify", takes: 30 * time.Second, with: inGroup,
		inject: "a captive portal returns 200 with HTML twice",
		must:   "HTML does not count as a delivery: the stack receives its signal, exit 0",
		play: func(r *rig) {
			r.AWS.Use(byHost("cloudformation.", first(2, answers(200, html, portal))))
			r.run(verify + stackFlags).exits(0)
			r.stackIs("SUCCESS")
		}},
	{name: "aws/stack-drips", command: "verify", takes: 100 * time.Second, with: inGroup,
		inject: "the response of CloudFormation is endless, with one byte every 0.3 s",
		must:   "the hook receives CONTINUE; exit 11 within the time limit",
		play: func(r *rig) {
			r.AWS.Use(byHost("cloudformation.", dribbles))
			p := r.start("verify --cluster prod --timeout 8s"+hookFlag+stackFlags, how{})
			p.wait(100 * time.Second)
			p.exits(11)
			r.hookIs("CONTINUE")
		}},
	{name: "aws/stack-complete", command: "verify", takes: 30 * time.Second, with: inGroup,
		inject: "the stack is complete and cannot be signaled any more",
		must:   "it does not retry a final error: it exits within 30 s; the hook receives CONTINUE",
		play: func(r *rig) {
			r.Sandbox().Inject(sandbox.Fault{
				Service: sandbox.CloudFormation,
				Status:  400,
				Code:    "ValidationError",
				Message: "Stack arn:aws:cloudformation:eu-central-1:123456789012:stack/fleet/x is in UPDATE_COMPLETE state and can not be signaled",
			})
			p := r.run(verify + hookFlag + stackFlags)
			p.within(30 * time.Second)
			r.hookIs("CONTINUE")
		}},
	{name: "aws/heartbeat-denied", command: "verify",
		inject: "the hook's heartbeats are denied, and the ECS agent registers after 8 s", takes: 20 * time.Second,
		must: "exit 0, signals are sent", with: inGroup,
		play: func(r *rig) {
			r.Sandbox().Inject(sandbox.AccessDenied(sandbox.AutoScaling, "RecordLifecycleActionHeartbeat"))
			r.introspection.Shut()
			r.in(8*time.Second, r.introspection.Open)
			r.run(verify + hookFlag + stackFlags).exits(0)
			r.signaled()
		}},
}

// signalRetryRows covers faults of the launch hook and the stack that end before verify's timeout, so that each signal
// must be delivered.
func signalRetryRows() (rows []row) {
	for _, of := range []struct{ name, service, action string }{
		{"hook", sandbox.AutoScaling, "CompleteLifecycleAction"},
		{"stack", sandbox.CloudFormation, "SignalResource"},
	} {
		for _, k := range []struct {
			name, inject string
			fault        sandbox.Fault
		}{
			{"throttle", "throttled 5 times", sandbox.Fault{Kind: sandbox.KindThrottled, Times: 5}},
			{"500", "500 four times", sandbox.Fault{Kind: sandbox.KindServer, Times: 4}},
			{"503", "503 four times", sandbox.Fault{Status: 503, Code: "ServiceUnavailable", Times: 4}},
			{"429", "429 four times", sandbox.Fault{Status: 429, Code: "TooManyRequestsException", Times: 4}},
			{"cut-before", "the connection is reset three times", sandbox.Fault{Reset: true, Times: 3}},
			{"cut-after", "the connection is reset, although the signal was accepted", sandbox.Fault{Reset: true, Done: true, Times: 1}},
			{"slow", "the response takes 5 s", sandbox.Fault{Delay: 5 * time.Second, Times: 1}},
		} {
			rows = append(rows, row{name: "aws/" + of.name + "-" + k.name, command: "verify", takes: 30 * time.Second, with: inGroup,
				inject: of.action + ": " + k.inject,
				must:   "the signals are delivered, exit 0",
				play: func(r *rig) {
					f := k.fault
					f.Service, f.Action = of.service, of.action
					r.Sandbox().Inject(f)
					r.run(verify + hookFlag + stackFlags).exits(0)
					r.signaled()
				}})
		}
	}
	return rows
}
