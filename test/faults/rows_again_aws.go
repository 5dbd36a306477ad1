//go:build linux

package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"muster/internal/sandbox"
)

// againAWS covers unusual responses of AWS.
func againAWS() []row {
	return []row{
		{name: "aws/endless-pages", command: "ports",
			inject: "every page of EC2's network interfaces and ECS's instances has a token for a next page", takes: 40 * time.Second,
			must: "exit 3 within the time limit and 128 MB", with: peered,
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
		{name: "aws/huge", command: "verify", inject: "DescribeContainerInstances returns 300 MB", takes: 40 * time.Second,
			must: "it exits within the time limit and 128 MB, and does not report a failed registration", with: inGroup,
			play: func(r *rig) {
				r.AWS.Use(byHost("ecs.", func(http.Handler) http.Handler {
					return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
						w.Header().Set("Content-Type", "application/x-amz-json-1.1")
						_, _ = io.WriteString(w, `{"containerInstances":[`)
						for range 300 {
							if _, err := io.WriteString(w, strings.Repeat(" ", 1<<20)); err != nil || q.Context().Err() != nil {
								return
							}
						}
						_, _ = io.WriteString(w, `],"failures":[]}`)
					})
				}))
				p := r.start("verify --cluster prod --timeout 10s"+hookFlag+stackFlags, how{})
				p.fitsFor(80 * time.Second)
				p.exits(0, 3, 10)
			}},
		{name: "aws/retry-after", command: "verify", inject: "every signal gets 503 with Retry-After: 86400 twice", takes: 60 * time.Second,
			must: "the signals are delivered, exit 0", with: inGroup,
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
		{name: "aws/stack-drips", command: "verify", inject: "the response of CloudFormation is endless, with one byte every 0.3 s", takes: 100 * time.Second,
			must: "the hook receives CONTINUE; exit 11 within the time limit", with: inGroup,
			play: func(r *rig) {
				r.AWS.Use(byHost("cloudformation.", dribbles))
				p := r.start("verify --cluster prod --timeout 8s"+hookFlag+stackFlags, how{})
				p.wait(100 * time.Second)
				p.exits(11)
				r.hookIs("CONTINUE")
			}},
		{name: "aws/stack-403", command: "verify", inject: "CloudFormation rejects the identity document with 403", takes: 60 * time.Second,
			must: "exit 11 within the time limit; the hook receives CONTINUE", with: inGroup,
			play: func(r *rig) {
				r.Sandbox().Inject(sandbox.AccessDenied("cloudformation", "SignalResource"))
				p := r.start("verify --cluster prod --timeout 8s"+hookFlag+stackFlags, how{})
				p.wait(100 * time.Second)
				p.exits(11)
				r.hookIs("CONTINUE")
			}},
		{name: "aws/cloudwatch-413", command: "agent", inject: "PutMetricData: 413 twice", takes: 60 * time.Second,
			must: "no data point counts twice; ambiguous data is counted as dropped, and the rest arrives",
			play: func(r *rig) { againQueue(r, sandbox.Fault{Status: 413, Code: "RequestEntityTooLarge", Times: 2}) }},
		{name: "aws/cloudwatch-408", command: "agent", inject: "PutMetricData: 408 RequestTimeout twice", takes: 60 * time.Second,
			must: "no data point counts twice; ambiguous data is counted as dropped, and the rest arrives",
			play: func(r *rig) { againQueue(r, sandbox.Fault{Status: 408, Code: "RequestTimeout", Times: 2}) }},
		{name: "aws/handshake", command: "verify", inject: "AWS accepts connections, but does not respond to TLS handshakes for 10 s", takes: 60 * time.Second,
			must: "the signals are delivered, exit 0", with: inGroup,
			play: func(r *rig) {
				r.AWS.Shut()
				var all []net.Listener
				for i := range 8 {
					if l, err := net.Listen("tcp", fmt.Sprintf("52.94.1.%d:443", i+1)); err == nil {
						all = append(all, l)
					}
				}
				r.in(10*time.Second, func() error {
					for _, l := range all {
						_ = l.Close()
					}
					return r.AWS.Open()
				})
				p := r.start(verify+hookFlag+stackFlags, how{})
				p.wait(100 * time.Second)
				p.exits(0)
				r.signaled()
			}},
		{name: "aws/disconnected", command: "verify", inject: "ECS returns agentConnected=false for 8 s", takes: 40 * time.Second,
			must: "finally exit 0, signals are sent", with: inGroup,
			play: func(r *rig) {
				arn := r.Sandbox().ContainerInstances("prod")[0].Arn
				r.Sandbox().EditContainerInstance(arn, func(ci *sandbox.ContainerInstance) { ci.AgentConnected = false })
				r.in(8*time.Second, func() error {
					r.Sandbox().EditContainerInstance(arn, func(ci *sandbox.ContainerInstance) { ci.AgentConnected = true })
					return nil
				})
				r.run(verify + hookFlag + stackFlags).exits(0)
				r.signaled()
			}},
	}
}

func againQueue(r *rig, f sandbox.Fault) {
	r.queue(3)
	f.Service = sandbox.CloudWatch
	r.Sandbox().Inject(f)
	a := r.agent(sending("MUSTER_WATCH_PERIOD=2s"))
	r.settled(a, 90*time.Second)
	r.want(r.arrived() > 0 && r.arrived()+r.dropped() >= queuedAll, "%d arrived, %d dropped of %d", r.arrived(), r.dropped(), queuedAll)
	a.stop()
}
