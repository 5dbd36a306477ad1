//go:build linux

package main

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"muster/internal/sandbox"
)

// otherServiceRows covers Auto Scaling's tags, EC2 and EventBridge.
var otherServiceRows = []row{
	{name: "aws/tags-throttle", command: "bootstrap", takes: 20 * time.Second, with: tagged,
		inject: "the group's tags name the cluster; each call is throttled once",
		must:   "the tag is found, exit 0",
		play: func(r *rig) {
			for _, action := range []string{"DescribeTags", "DescribeAutoScalingInstances"} {
				r.Sandbox().Inject(sandbox.Fault{Service: sandbox.AutoScaling, Action: action, Kind: sandbox.KindThrottled, Times: 1})
			}
			r.run("bootstrap").exits(0)
			r.joins()
		}},
	{name: "aws/tags-denied", command: "bootstrap", takes: 10 * time.Second, with: tagged,
		inject: "reading the tag that names the cluster is denied",
		must:   "exit 3 names the IAM action; nothing is written, because a denied call does not mean that there is no tag",
		play: func(r *rig) {
			r.Sandbox().Inject(sandbox.AccessDenied(sandbox.AutoScaling, ""))
			p := r.run("bootstrap")
			p.exits(3)
			p.says(0, "autoscaling:Describe")
			r.untouched()
		}},
	{name: "aws/ec2-denied", command: "ports", takes: 10 * time.Second, with: peered,
		inject: "EC2: AccessDenied",
		must:   "exit 3 names the IAM action; the ports are not reported as closed",
		play: func(r *rig) {
			r.Sandbox().Inject(sandbox.AccessDenied(sandbox.EC2, ""))
			p := r.run(portsCommand)
			p.exits(3)
			p.says(0, "ec2:Describe")
		}},
	{name: "aws/ec2-throttle", command: "ports", takes: 20 * time.Second, with: peered,
		inject: "EC2: each call is throttled twice",
		must:   "the result is the same as without throttling: open, exit 0",
		play: func(r *rig) {
			for _, of := range []string{"Instances", "SecurityGroups", "Subnets", "NetworkAcls", "NetworkInterfaces"} {
				r.Sandbox().Inject(sandbox.Fault{Service: sandbox.EC2, Action: "Describe" + of, Kind: sandbox.KindThrottled, Times: 2})
			}
			p := r.run(portsCommand)
			p.exits(0)
			p.says(0, "open")
		}},
	{name: "aws/ec2-500", command: "ports", takes: 20 * time.Second, with: peered,
		inject: "EC2: 500 for every call",
		must:   "exit 3; the ports are not reported as closed",
		play: func(r *rig) {
			r.Sandbox().Inject(sandbox.Fault{Service: sandbox.EC2, Kind: sandbox.KindServer})
			r.run(portsCommand).exits(3)
		}},
	{name: "aws/endless-pages", command: "ports", takes: 40 * time.Second, with: peered,
		inject: "every page of EC2's network interfaces and ECS's instances has a token for a next page",
		must:   "exit 3 within the time limit and 128 MB",
		play: func(r *rig) {
			var pages atomic.Int64
			r.AWS.Use(byHost("ecs.", func(behind http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
					if strings.HasSuffix(q.Header.Get("X-Amz-Target"), "ListContainerInstances") {
						pages.Add(1)
						const page = `{"containerInstanceArns":["` + arnPrefix + `0123456789abcdef0123456789abcdef"],"nextToken":"again%d"}`
						answers(200, "application/x-amz-json-1.1", fmt.Sprintf(page, pages.Load()))(nil).ServeHTTP(w, q)
						return
					}
					behind.ServeHTTP(w, q)
				})
			}))
			p := r.start("ports --cluster prod --ports hazelcast", how{})
			p.fitsFor(50 * time.Second)
			p.exits(3)
			p.says(0, "does not end")
			r.want(pages.Load() < 500, "%d calls to AWS", pages.Load())
		}},
	{name: "aws/events-503", command: "agent", takes: 30 * time.Second,
		inject: "EventBridge: 503 twice",
		must:   "the event arrives",
		play:   func(r *rig) { r.event(sandbox.Fault{Status: 503, Code: "ServiceUnavailable", Times: 2}, true) }},
	{name: "aws/events-throttle", command: "agent", takes: 30 * time.Second,
		inject: "EventBridge: throttled twice",
		must:   "the event arrives",
		play:   func(r *rig) { r.event(sandbox.Fault{Kind: sandbox.KindThrottled, Times: 2}, true) }},
	{name: "aws/events-cut", command: "agent", takes: 30 * time.Second,
		inject: "EventBridge: the connection is reset twice",
		must:   "the event arrives",
		play:   func(r *rig) { r.event(sandbox.Fault{Reset: true, Times: 2}, true) }},
	{name: "aws/events-denied", command: "agent", takes: 20 * time.Second,
		inject: "EventBridge: AccessDenied",
		must:   "the journal contains the transition and names the IAM action; metrics are still published",
		play:   func(r *rig) { r.event(sandbox.Fault{Kind: sandbox.KindAccessDenied}, false) }},
	{name: "aws/events-partial", command: "agent",
		inject: "EventBridge: twice 200 with a failed entry", takes: 30 * time.Second, must: "the event arrives",
		play: func(r *rig) {
			const body = `{"FailedEntryCount":1,"Entries":[{"ErrorCode":"ThrottlingException","ErrorMessage":"slow down"}]}`
			r.event(sandbox.Fault{Body: body, Times: 2}, true)
		}},
	{name: "aws/events-no-bus", command: "agent", inject: "EventBridge: the event bus does not exist", takes: 30 * time.Second,
		must: "the journal says so; metrics are still published",
		play: func(r *rig) {
			r.Sandbox().Inject(sandbox.Fault{Service: sandbox.EventBridge, Action: "PutEvents", Status: 400,
				Code: "ResourceNotFoundException", Message: "Event bus ops does not exist."})
			id := r.container()
			a := r.agent(how{env: []string{"MUSTER_EVENT_BUS=ops"}})
			r.status(10*time.Second, []int{0}, "1 running")
			r.Engine().Health(id, "unhealthy")
			a.says(20*time.Second, "does not exist")
			a.stop()
			r.publishes()
		}},
}

// event makes a container unhealthy while EventBridge has a fault, and checks whether the event arrives.
func (r *rig) event(f sandbox.Fault, arrives bool) {
	const what = "its health check fails"
	f.Service, f.Action = sandbox.EventBridge, "PutEvents"
	r.Sandbox().Inject(f)
	id := r.container()
	a := r.agent(how{env: []string{"MUSTER_EVENT_BUS=ops"}})
	r.status(10*time.Second, []int{0}, "1 running")
	r.Engine().Health(id, "unhealthy")
	a.says(20*time.Second, what)
	arrived := func() bool {
		return slices.ContainsFunc(r.Sandbox().Events(), func(e sandbox.Event) bool { return strings.Contains(string(e.Detail), what) })
	}
	if arrives {
		r.await(a, 40*time.Second, "the bus has the event", arrived)
	} else {
		a.says(20*time.Second, "events:PutEvents")
	}
	a.stop()
	r.publishes()
}
