//go:build linux

package main

import (
	"time"

	"muster/internal/sandbox"
)

// cloudWatchRows covers PutMetricData. No data point counts twice.
var cloudWatchRows = []row{
	{name: "aws/cloudwatch-portal", command: "agent", takes: 60 * time.Second,
		inject: "a captive portal returns 200 with HTML for 20 s",
		must:   "no data point counts twice; ambiguous data is counted as dropped, and the rest arrives",
		play: func(r *rig) {
			r.AWS.Use(at("PutMetricData", first(2, answers(200, html, portal))))
			r.queue(3)
			a := r.agent(sending("MUSTER_WATCH_PERIOD=2s"))
			r.settled(a, 90*time.Second)
			a.stop()
		}},
	{name: "aws/cloudwatch-login", command: "agent", takes: 60 * time.Second,
		inject: "a captive portal redirects two requests to its login page",
		must:   "signature and credentials are sent to no other server; no data point counts twice",
		play: func(r *rig) {
			t := r.trap()
			r.AWS.Use(at("PutMetricData", first(2, redirect)))
			r.queue(3)
			a := r.agent(sending("MUSTER_WATCH_PERIOD=2s"))
			r.settled(a, 90*time.Second)
			a.stop()
			r.want(t.hits.Load() == 0, "the redirect was followed")
		}},
	{name: "aws/cloudwatch-413", command: "agent", takes: 60 * time.Second,
		inject: "PutMetricData: 413 twice",
		must:   "no data point counts twice; ambiguous data is counted as dropped, and the rest arrives",
		play:   func(r *rig) { rejected(r, sandbox.Fault{Status: 413, Code: "RequestEntityTooLarge", Times: 2}) }},
	{name: "aws/cloudwatch-408", command: "agent", takes: 60 * time.Second,
		inject: "PutMetricData: 408 RequestTimeout twice",
		must:   "no data point counts twice; ambiguous data is counted as dropped, and the rest arrives",
		play:   func(r *rig) { rejected(r, sandbox.Fault{Status: 408, Code: "RequestTimeout", Times: 2}) }},
	{name: "aws/cloudwatch-keys-invalid", command: "agent", takes: 40 * time.Second,
		inject: "400 UnrecognizedClientException twice (a role that was just created)",
		must:   "all queued minutes arrive exactly once",
		play: func(r *rig) {
			r.Sandbox().Inject(sandbox.Fault{Service: sandbox.CloudWatch, Action: "PutMetricData", Times: 2, Status: 403,
				Code: "InvalidClientTokenId", Message: "The security token included in the request is invalid."})
			r.queue(3)
			a := r.agent(sending("MUSTER_WATCH_PERIOD=2s"))
			r.settled(a, 90*time.Second)
			r.want(r.arrived() == queuedAll, "want all %d queued data, got %d", queuedAll, r.arrived())
			a.stop()
		}},
	{name: "aws/cloudwatch-signature", command: "agent", takes: 40 * time.Second,
		inject: "PutMetricData: 403 SignatureDoesNotMatch twice",
		must:   "all queued minutes arrive exactly once",
		play: func(r *rig) {
			r.Sandbox().Inject(sandbox.Fault{Service: sandbox.CloudWatch, Action: "PutMetricData", Times: 2, Status: 403,
				Code: "SignatureDoesNotMatch"})
			r.queue(3)
			a := r.agent(sending("MUSTER_WATCH_PERIOD=2s"))
			r.settled(a, 60*time.Second)
			r.want(r.arrived() == queuedAll, "want all %d queued data, got %d", queuedAll, r.arrived())
			a.stop()
		}},
	{name: "aws/poison-minute", command: "agent", takes: 40 * time.Second,
		inject: "CloudWatch rejects the first request permanently: 400 InvalidParameterValue",
		must:   "the other minutes arrive; the rejected data is counted as dropped, once",
		play: func(r *rig) {
			r.Sandbox().Inject(sandbox.Fault{Service: sandbox.CloudWatch, Action: "PutMetricData", Times: 1, Status: 400,
				Code: "InvalidParameterValue", Message: "The value NaN is invalid"})
			r.queue(3)
			a := r.agent(sending("MUSTER_WATCH_PERIOD=2s"))
			r.settled(a, 60*time.Second)
			r.want(r.arrived() >= queued, "want at least %d data, got %d", queued, r.arrived())
			a.stop()
		}},
	{name: "aws/cloudwatch-late", command: "agent",
		inject: "PutMetricData: accepted, but the first two responses arrive after 20 s", takes: 120 * time.Second,
		must: "no data point counts twice; what does not arrive is counted as dropped",
		play: func(r *rig) {
			r.queue(3)
			r.Sandbox().Inject(sandbox.Fault{Service: sandbox.CloudWatch, Delay: 20 * time.Second, Done: true, Times: 2})
			a := r.agent(sending("MUSTER_WATCH_PERIOD=2s"))
			r.settled(a, 120*time.Second)
			a.stop()
			r.want(r.arrived() > 0, "nothing arrived")
		}},
	{name: "aws/cloudwatch-waf", command: "agent", inject: "a firewall returns 400 with HTML three times", takes: 60 * time.Second,
		must: "all queued minutes arrive exactly once",
		play: func(r *rig) {
			r.queue(3)
			r.AWS.Use(byHost("monitoring.", first(3, answers(400, html, portal))))
			a := r.agent(sending("MUSTER_WATCH_PERIOD=2s"))
			r.settled(a, 90*time.Second)
			r.want(r.arrived() == queuedAll, "want all %d queued data, got %d; %d dropped", queuedAll, r.arrived(), r.dropped())
			a.stop()
		}},
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

// rejected runs an agent with queued minutes while PutMetricData has the fault f, after which AWS may have taken a
// request.
func rejected(r *rig, f sandbox.Fault) {
	r.queue(3)
	f.Service = sandbox.CloudWatch
	r.Sandbox().Inject(f)
	a := r.agent(sending("MUSTER_WATCH_PERIOD=2s"))
	r.settled(a, 90*time.Second)
	r.want(r.arrived() > 0 && r.arrived()+r.dropped() >= queuedAll, "%d arrived, %d dropped of %d", r.arrived(), r.dropped(), queuedAll)
	a.stop()
}

var puts = []put{
	{name: "throttle-400", inject: "400 Throttling twice", fault: sandbox.Fault{Kind: sandbox.KindThrottled}, times: 2},
	{name: "throttle-429", inject: "429 twice", fault: sandbox.Fault{Status: 429, Code: "TooManyRequestsException"}, times: 2},
	{name: "denied", inject: "AccessDenied twice", fault: sandbox.Fault{Kind: sandbox.KindAccessDenied}, times: 2},
	{name: "expired", inject: "ExpiredToken twice", fault: sandbox.Fault{Kind: sandbox.KindExpiredToken}, times: 2},
	{name: "500", inject: "500 after the request was read", fault: sandbox.Fault{Kind: sandbox.KindServer}, times: 1, maybe: true},
	{name: "500-taken", inject: "500, although the data was accepted",
		fault: sandbox.Fault{Kind: sandbox.KindServer, Done: true}, times: 1, maybe: true},
	{name: "503", inject: "503 after the request was read",
		fault: sandbox.Fault{Status: 503, Code: "ServiceUnavailable"}, times: 1, maybe: true},
	{name: "cut-before", inject: "the connection is reset after the request, and the data is not accepted",
		fault: sandbox.Fault{Reset: true}, times: 1, maybe: true},
	{name: "cut-after", inject: "the connection is reset, although the data was accepted",
		fault: sandbox.Fault{Reset: true, Done: true}, times: 1, maybe: true},
	{name: "half", inject: "the connection is closed after half of the response", fault: sandbox.Fault{Cut: true}, times: 1, maybe: true},
	{name: "garbage", inject: "200 with a response that is not CBOR", fault: sandbox.Fault{Body: "\x00garbage"}, times: 1, maybe: true},
	{name: "slow", inject: "the response takes 8 s", fault: sandbox.Fault{Delay: 8 * time.Second}, times: 1, maybe: true},
	{name: "skew", inject: "AWS's clock is 20 minutes ahead", fault: sandbox.ClockSkew("", 20*time.Minute)},
}

// putRows has one row for each element of puts.
func putRows() (rows []row) {
	for _, p := range puts {
		must := "all queued minutes arrive exactly once"
		if p.maybe {
			must = "no data point counts twice; ambiguous data is counted as dropped, and the rest arrives"
		}
		rows = append(rows, row{name: "aws/cloudwatch-" + p.name, command: "agent", takes: 40 * time.Second,
			inject: "PutMetricData: " + p.inject,
			must:   must,
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
			}})
	}
	return rows
}
