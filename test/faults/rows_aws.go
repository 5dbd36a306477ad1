//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"muster/internal/sandbox"
)

// awsRows covers AWS services that throttle, fail or cannot be reached. They delay muster but do not change its result,
// and no request counts twice.
func awsRows() []row {
	rows := cloudWatchRows()
	rows = append(rows, signalServiceRows()...)
	return append(rows, otherServiceRows()...)
}

// put is a fault of PutMetricData that hits the first times requests.
type put struct {
	name, inject string
	fault        sandbox.Fault
	times        int
	// maybe is true if the client cannot know whether the first request was accepted. Its data points may be lost, and
	// must then be counted as dropped.
	maybe bool
}

func cloudWatchRows() (rows []row) {
	for _, p := range []put{
		{name: "throttle-400", inject: "400 Throttling twice", fault: sandbox.Fault{Kind: sandbox.KindThrottled}, times: 2},
		{name: "throttle-429", inject: "429 twice", fault: sandbox.Fault{Status: 429, Code: "TooManyRequestsException"}, times: 2},
		{name: "denied", inject: "AccessDenied twice", fault: sandbox.Fault{Kind: sandbox.KindAccessDenied}, times: 2},
		{name: "expired", inject: "ExpiredToken twice", fault: sandbox.Fault{Kind: sandbox.KindExpiredToken}, times: 2},
		{name: "500", inject: "500 after the request was read", fault: sandbox.Fault{Kind: sandbox.KindServer}, times: 1, maybe: true},
		{name: "500-taken", inject: "500, although the data was accepted", fault: sandbox.Fault{Kind: sandbox.KindServer, Done: true}, times: 1, maybe: true},
		{name: "503", inject: "503 after the request was read", fault: sandbox.Fault{Status: 503, Code: "ServiceUnavailable"}, times: 1, maybe: true},
		{name: "cut-before", inject: "the connection is reset after the request, and the data is not accepted", fault: sandbox.Fault{Reset: true}, times: 1, maybe: true},
		{name: "cut-after", inject: "the connection is reset, although the data was accepted", fault: sandbox.Fault{Reset: true, Done: true}, times: 1, maybe: true},
		{name: "half", inject: "the connection is closed after half of the response", fault: sandbox.Fault{Cut: true}, times: 1, maybe: true},
		{name: "garbage", inject: "200 with a response that is not CBOR", fault: sandbox.Fault{Body: "\x00garbage"}, times: 1, maybe: true},
		{name: "slow", inject: "the response takes 8 s", fault: sandbox.Fault{Delay: 8 * time.Second}, times: 1, maybe: true},
		{name: "skew", inject: "AWS's clock is 20 minutes ahead", fault: sandbox.ClockSkew("", 20*time.Minute)},
	} {
		must := "all queued minutes arrive exactly once"
		if p.maybe {
			must = "no data point counts twice; ambiguous data is counted as dropped, and the rest arrives"
		}
		rows = append(
			rows,
			row{
				name:    "aws/cloudwatch-" + p.name,
				command: "agent",
				inject:  "PutMetricData: " + p.inject,
				must:    must,
				takes:   40 * time.Second,
				play: func(r *rig) {
					f := p.fault
					f.Service, f.Action, f.Times = sandbox.CloudWatch, "PutMetricData", p.times
					r.Sandbox().Inject(f)
					r.queue(3)
					a := r.agent(sending("MUSTER_WATCH_PERIOD=2s"))
					r.settled(a, 60*time.Second)
					if !p.maybe {
						r.want(r.arrived() == queuedAll, "want all %d queued data, got %d", queuedAll, r.arrived())
					}
					a.stop()
				},
			},
		)
	}
	return append(rows, []row{
		{name: "aws/cloudwatch-portal", command: "agent", inject: "a captive portal returns 200 with HTML for 20 s", takes: 60 * time.Second,
			must: "no data point counts twice; ambiguous data is counted as dropped, and the rest arrives",
			play: func(r *rig) {
				r.AWS.Use(at("PutMetricData", first(2, answers(200, html, portal))))
				r.queue(3)
				a := r.agent(sending("MUSTER_WATCH_PERIOD=2s"))
				r.settled(a, 90*time.Second)
				a.stop()
			}},
		{
			name:    "aws/cloudwatch-login",
			command: "agent",
			inject:  "a captive portal redirects two requests to its login page",
			takes:   60 * time.Second,
			must:    "signature and credentials are sent to no other server; no data point counts twice",
			play: func(r *rig) {
				t := r.trap()
				r.AWS.Use(at("PutMetricData", first(2, redirect)))
				r.queue(3)
				a := r.agent(sending("MUSTER_WATCH_PERIOD=2s"))
				r.settled(a, 90*time.Second)
				a.stop()
				r.want(t.hits.Load() == 0, "the redirect was followed")
			},
		},
		{
			name:    "aws/refused",
			command: "agent",
			inject:  "all AWS endpoints refuse connections for 15 s",
			takes:   60 * time.Second,
			must:    "all queued minutes arrive exactly once",
			play: func(r *rig) {
				r.AWS.Shut()
				r.queue(3)
				a := r.agent(sending("MUSTER_WATCH_PERIOD=2s"))
				wait(15 * time.Second)
				r.broken(r.AWS.Open())
				r.settled(a, 60*time.Second)
				r.want(r.arrived() == queuedAll, "want all %d queued data, got %d", queuedAll, r.arrived())
				a.stop()
			},
		},
		{
			name:    "aws/unknown-ca",
			command: "agent",
			inject:  "in the first run, the AWS certificates are from an unknown CA (TLS inspection)",
			takes:   40 * time.Second,
			must:    "the first run sends nothing and the journal names the certificate; all queued minutes arrive in the second run",
			play: func(r *rig) {
				ca := r.read("etc/pki/ca.pem")
				r.broken(r.Write("etc/pki/ca.pem", []byte("")))
				r.queue(3)
				a := r.agent(how{})
				a.stop()
				r.want(a.printed("certificate"), "the journal does not name the certificate: %s", a.stderr.String())
				r.want(r.arrived() == 0, "data were sent to a server that nobody vouches for")
				r.broken(r.Write("etc/pki/ca.pem", []byte(ca)))
				a = r.agent(sending())
				r.settled(a, 60*time.Second)
				r.want(r.arrived() == queuedAll, "want all %d queued data, got %d", queuedAll, r.arrived())
				a.stop()
			},
		},
	}...)
}

// queuedAll is the number of data points in the three minutes that most rows queue.
const queuedAll = 3 * queued

// settled waits until every queued data point has arrived or is counted as dropped.
func (r *rig) settled(a *prog, limit time.Duration) {
	r.await(a, limit, fmt.Sprintf("all %d queued data have arrived or are counted as dropped", queuedAll), func() bool {
		return r.arrived() == queuedAll || r.arrived()+r.dropped() >= queuedAll
	})
}

// dropped returns how many data points the running agent counts as dropped.
func (r *rig) dropped() int {
	data, err := r.regular(stateFile)
	if err != nil {
		return 0
	}
	var state struct {
		Publishing struct{ Dropped int } `json:"publishing"`
	}
	if json.Unmarshal(data, &state) != nil {
		return 0 // nothingTorn reports this error
	}
	return state.Publishing.Dropped
}

// signalServiceRows covers faults of the two services that muster verify signals. Each fault ends before verify's
// timeout, so each signal must be delivered.
func signalServiceRows() (rows []row) {
	type fault struct {
		name, inject string
		f            sandbox.Fault
		taken        bool // AWS accepted the first request, so a second one is refused or is a duplicate
	}
	kinds := []fault{
		{"throttle", "throttled 5 times", sandbox.Fault{Kind: sandbox.KindThrottled, Times: 5}, false},
		{"500", "500 four times", sandbox.Fault{Kind: sandbox.KindServer, Times: 4}, false},
		{"503", "503 four times", sandbox.Fault{Status: 503, Code: "ServiceUnavailable", Times: 4}, false},
		{"429", "429 four times", sandbox.Fault{Status: 429, Code: "TooManyRequestsException", Times: 4}, false},
		{"cut-before", "the connection is reset three times", sandbox.Fault{Reset: true, Times: 3}, false},
		{"cut-after", "the connection is reset, although the signal was accepted", sandbox.Fault{Reset: true, Done: true, Times: 1}, true},
		{"slow", "the response takes 5 s", sandbox.Fault{Delay: 5 * time.Second, Times: 1}, false},
	}
	for _, of := range []struct{ name, service, action, what string }{
		{"hook", sandbox.AutoScaling, "CompleteLifecycleAction", "CompleteLifecycleAction"},
		{"stack", sandbox.CloudFormation, "SignalResource", "SignalResource"},
	} {
		for _, k := range kinds {
			rows = append(
				rows,
				row{name: "aws/" + of.name + "-" + k.name, command: "verify", inject: of.what + ": " + k.inject, takes: 30 * time.Second,
					must: "the signals are delivered, exit 0", with: inGroup,
					play: func(r *rig) {
						f := k.f
						f.Service, f.Action = of.service, of.action
						r.Sandbox().Inject(f)
						r.run(verify + hookFlag + stackFlags).exits(0)
						r.signaled()
					}},
			)
		}
	}
	return append(rows, []row{
		{name: "aws/hook-denied", command: "verify", inject: "CompleteLifecycleAction is denied", takes: 10 * time.Second,
			must: "exit 11 names the IAM action; the stack receives its signal", with: inGroup,
			play: func(r *rig) {
				r.Sandbox().Inject(sandbox.AccessDenied(sandbox.AutoScaling, "CompleteLifecycleAction"))
				p := r.run(verify + hookFlag + stackFlags)
				p.exits(11)
				p.says(0, "autoscaling:CompleteLifecycleAction")
				r.stackIs("SUCCESS")
			}},
		{
			name:    "aws/hook-denied-once",
			command: "verify",
			inject:  "the first run may not signal the hook; the second one may",
			takes:   20 * time.Second,
			must:    "exit 11, then exit 0; the hook and the stack receive one signal each",
			with:    inGroup,
			play: func(r *rig) {
				r.Sandbox().
					Inject(sandbox.Fault{Service: sandbox.AutoScaling, Action: "CompleteLifecycleAction", Kind: sandbox.KindAccessDenied, Times: 1})
				r.run(verify + hookFlag + stackFlags).exits(11)
				r.run(verify + hookFlag + stackFlags).exits(0)
				r.signaled()
				r.want(len(r.Sandbox().Signals(stack)) == 1, "the stack got %d signals", len(r.Sandbox().Signals(stack)))
			},
		},
		{name: "aws/signals-refused", command: "verify", inject: "all AWS endpoints refuse connections for 7 s", takes: 30 * time.Second,
			must: "the signals are delivered, exit 0", with: inGroup,
			play: func(r *rig) {
				r.AWS.Shut()
				r.in(7*time.Second, r.AWS.Open)
				p := r.start(verify+hookFlag+stackFlags, how{})
				p.wait(2 * time.Minute)
				p.exits(0)
				r.signaled()
			}},
		{name: "aws/stack-portal", command: "verify", inject: "a captive portal returns 200 with HTML twice", takes: 30 * time.Second,
			must: "HTML does not count as a delivery: the stack receives its signal, exit 0", with: inGroup,
			play: func(r *rig) {
				r.AWS.Use(byHost("cloudformation.", first(2, answers(200, html, portal))))
				r.run(verify + stackFlags).exits(0)
				r.stackIs("SUCCESS")
			}},
		{
			name:    "aws/hook-portal",
			command: "verify",
			inject:  "a captive portal returns 200 with HTML for CompleteLifecycleAction twice",
			takes:   30 * time.Second,
			must:    "HTML does not count as a delivery: the hook receives CONTINUE, exit 0",
			with:    inGroup,
			play: func(r *rig) {
				r.AWS.Use(byAction("CompleteLifecycleAction", first(2, answers(200, html, portal))))
				r.run(verify + hookFlag).exits(0)
				r.hookIs("CONTINUE")
			},
		},
		{name: "aws/signals-skew", command: "verify", inject: "AWS's clocks are 20 minutes ahead", takes: 10 * time.Second,
			must: "the signals are delivered, exit 0", with: inGroup,
			play: func(r *rig) {
				r.Sandbox().Inject(sandbox.ClockSkew("", 20*time.Minute))
				r.run(verify + hookFlag + stackFlags + " --cfn-auth sigv4").exits(0)
				r.signaled()
			}},
	}...)
}

// byHost applies the fault spoil to requests whose host begins with prefix.
func byHost(prefix string, spoil func(http.Handler) http.Handler) func(http.Handler) http.Handler {
	return func(behind http.Handler) http.Handler {
		bad := spoil(behind)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.Host, prefix) {
				bad.ServeHTTP(w, r)
				return
			}
			behind.ServeHTTP(w, r)
		})
	}
}
