//go:build linux

package main

import (
	"bytes"
	"io"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"time"

	"muster/internal/sandbox"
	"muster/test/field/fieldcase"
)

// tagged makes a first boot in an Auto Scaling group whose tag names the cluster.
func tagged(c *fieldcase.Case) {
	fresh(c)
	booting(c)
	inGroup(c)
	c.Instance.Group.Tags = map[string]string{"muster:cluster": "prod"}
}

func otherServiceRows() []row {
	return []row{
		{
			name:    "aws/ecs-throttle",
			command: "verify",
			inject:  "DescribeContainerInstances: throttled 4 times",
			takes:   30 * time.Second,
			must:    "exit 0, signals are sent",
			with:    inGroup,
			play: func(r *rig) {
				r.Sandbox().
					Inject(sandbox.Fault{Service: sandbox.ECS, Action: "DescribeContainerInstances", Kind: sandbox.KindThrottled, Times: 4})
				r.run(verify + hookFlag + stackFlags).exits(0)
				r.signaled()
			},
		},
		{name: "aws/ecs-500", command: "bootstrap", inject: "ECS: 500 for every call", takes: 20 * time.Second,
			must: "it joins the cluster although the check failed, exit 0", with: fresh,
			play: func(r *rig) {
				r.Sandbox().Inject(sandbox.Fault{Service: sandbox.ECS, Kind: sandbox.KindServer})
				r.run(bootstrap).exits(0)
				r.joins()
			}},
		{
			name:    "aws/ecs-denied",
			command: "bootstrap",
			inject:  "ECS: AccessDenied",
			must:    "it joins the cluster although the check failed, exit 0, and names the IAM action",
			with:    fresh,
			play: func(r *rig) {
				r.Sandbox().Inject(sandbox.AccessDenied(sandbox.ECS, ""))
				p := r.run(bootstrap)
				p.exits(0)
				p.says(0, "ecs:DescribeClusters")
				r.joins()
			},
		},
		{
			name:    "aws/ecs-portal",
			command: "bootstrap",
			inject:  "a captive portal returns 200 with HTML for every request",
			takes:   20 * time.Second,
			must:    "the cluster is not reported as missing: it joins the cluster, exit 0",
			with:    fresh,
			play: func(r *rig) {
				r.AWS.Use(answers(200, html, portal))
				r.run(bootstrap).exits(0)
				r.joins()
			},
		},
		{name: "aws/ecs-hangs", command: "bootstrap", inject: "AWS accepts connections and never responds", takes: 40 * time.Second,
			must: "it joins the cluster within 45 s, because the boot waits for it", with: fresh,
			play: func(r *rig) {
				r.AWS.Use(hangs)
				p := r.run(bootstrap)
				p.exits(0)
				p.within(45 * time.Second)
				r.joins()
			}},
		{name: "aws/ecs-unknown-ca", command: "debug", inject: "the AWS certificates are from an unknown CA", takes: 20 * time.Second,
			must: "exit 1 names the certificate",
			play: func(r *rig) {
				r.broken(r.Write("etc/pki/ca.pem", []byte("")))
				p := r.run("debug")
				p.exits(1)
				p.says(0, "certificate")
			}},
		{
			name:    "aws/tags-throttle",
			command: "bootstrap",
			inject:  "the group's tags name the cluster; each call is throttled once",
			takes:   20 * time.Second,
			must:    "the tag is found, exit 0",
			with:    tagged,
			play: func(r *rig) {
				for _, action := range []string{"DescribeTags", "DescribeAutoScalingInstances"} {
					r.Sandbox().Inject(sandbox.Fault{Service: sandbox.AutoScaling, Action: action, Kind: sandbox.KindThrottled, Times: 1})
				}
				r.run("bootstrap").exits(0)
				r.joins()
			},
		},
		{name: "aws/tags-denied", command: "bootstrap", inject: "reading the tag that names the cluster is denied", takes: 10 * time.Second,
			must: "exit 3 names the IAM action; nothing is written, because a denied call does not mean that there is no tag", with: tagged,
			play: func(r *rig) {
				r.Sandbox().Inject(sandbox.AccessDenied(sandbox.AutoScaling, ""))
				p := r.run("bootstrap")
				p.exits(3)
				p.says(0, "autoscaling:Describe")
				r.untouched()
			}},
		{name: "aws/ec2-denied", command: "ports", inject: "EC2: AccessDenied", takes: 10 * time.Second,
			must: "exit 3 names the IAM action; the ports are not reported as closed", with: peered,
			play: func(r *rig) {
				r.Sandbox().Inject(sandbox.AccessDenied(sandbox.EC2, ""))
				p := r.run(portsCommand)
				p.exits(3)
				p.says(0, "ec2:Describe")
			}},
		{name: "aws/ec2-throttle", command: "ports", inject: "EC2: each call is throttled twice", takes: 20 * time.Second,
			must: "the result is the same as without throttling: open, exit 0", with: peered,
			play: func(r *rig) {
				for _, action := range []string{"DescribeInstances", "DescribeSecurityGroups", "DescribeSubnets", "DescribeNetworkAcls", "DescribeNetworkInterfaces"} {
					r.Sandbox().Inject(sandbox.Fault{Service: sandbox.EC2, Action: action, Kind: sandbox.KindThrottled, Times: 2})
				}
				p := r.run(portsCommand)
				p.exits(0)
				p.says(0, "open")
			}},
		{
			name:    "aws/ec2-500",
			command: "ports",
			inject:  "EC2: 500 for every call",
			takes:   20 * time.Second,
			must:    "exit 3; the ports are not reported as closed",
			with:    peered,
			play: func(r *rig) {
				r.Sandbox().Inject(sandbox.Fault{Service: sandbox.EC2, Kind: sandbox.KindServer})
				r.run(portsCommand).exits(3)
			},
		},
		{name: "aws/events-503", command: "agent", inject: "EventBridge: 503 twice", takes: 30 * time.Second, must: "the event arrives",
			play: func(r *rig) { r.event(sandbox.Fault{Status: 503, Code: "ServiceUnavailable", Times: 2}, true) }},
		{
			name:    "aws/events-throttle",
			command: "agent",
			inject:  "EventBridge: throttled twice",
			takes:   30 * time.Second,
			must:    "the event arrives",
			play:    func(r *rig) { r.event(sandbox.Fault{Kind: sandbox.KindThrottled, Times: 2}, true) },
		},
		{
			name:    "aws/events-cut",
			command: "agent",
			inject:  "EventBridge: the connection is reset twice",
			takes:   30 * time.Second,
			must:    "the event arrives",
			play:    func(r *rig) { r.event(sandbox.Fault{Reset: true, Times: 2}, true) },
		},
		{
			name:    "aws/events-denied",
			command: "agent",
			inject:  "EventBridge: AccessDenied",
			takes:   20 * time.Second,
			must:    "the journal contains the transition and names the IAM action; metrics are still published",
			play:    func(r *rig) { r.event(sandbox.Fault{Kind: sandbox.KindAccessDenied}, false) },
		},
		{
			name:    "aws/ecs-empty",
			command: "verify",
			inject:  "DescribeContainerInstances returns neither an instance nor a failure, three times",
			takes:   100 * time.Second,
			must:    "the unknown state is retried, and is neither a success nor a failure: finally exit 0, signals are sent",
			with:    inGroup,
			play: func(r *rig) {
				r.Sandbox().Inject(sandbox.Fault{Service: sandbox.ECS, Action: "DescribeContainerInstances", Body: "{}", Times: 3})
				p := r.start("verify --cluster prod --timeout 3m"+hookFlag+stackFlags, how{})
				p.wait(150 * time.Second)
				p.exits(0)
				r.signaled()
			},
		},
		{
			name:    "aws/ecs-missing",
			command: "verify",
			inject:  "ECS does not know the new instance yet: it returns MISSING three times",
			takes:   100 * time.Second,
			must:    "it retries, because ECS is eventually consistent: finally exit 0, signals are sent",
			with:    inGroup,
			play: func(r *rig) {
				r.Sandbox().Inject(sandbox.Fault{Service: sandbox.ECS, Action: "DescribeContainerInstances", Times: 3,
					Body: `{"containerInstances":[],"failures":[{"arn":"` + arnPrefix + `0bb2","reason":"MISSING"}]}`})
				p := r.start("verify --cluster prod --timeout 3m"+hookFlag+stackFlags, how{})
				p.wait(150 * time.Second)
				p.exits(0)
				r.signaled()
			},
		},
		{
			name:    "aws/heartbeat-500",
			command: "verify",
			inject:  "every heartbeat gets 500; the ECS agent registers after 6 s",
			takes:   12 * time.Second,
			must:    "exit 0, signals are sent",
			with:    inGroup,
			play: func(r *rig) {
				r.Sandbox().
					Inject(sandbox.Fault{Service: sandbox.AutoScaling, Action: "RecordLifecycleActionHeartbeat", Kind: sandbox.KindServer})
				r.introspection.Shut()
				r.in(6*time.Second, r.introspection.Open)
				r.run(verify + hookFlag + stackFlags).exits(0)
				r.signaled()
			},
		},
		{
			name:    "aws/poison-minute",
			command: "agent",
			inject:  "CloudWatch rejects the first request permanently: 400 InvalidParameterValue",
			takes:   40 * time.Second,
			must:    "the other minutes arrive; the rejected data is counted as dropped, once",
			play: func(r *rig) {
				r.Sandbox().
					Inject(sandbox.Fault{Service: sandbox.CloudWatch, Action: "PutMetricData", Status: 400, Code: "InvalidParameterValue", Message: "The value NaN is invalid", Times: 1})
				r.queue(3)
				a := r.agent(sending("MUSTER_WATCH_PERIOD=2s"))
				r.settled(a, 60*time.Second)
				r.want(r.arrived() >= queued, "want at least %d data, got %d", queued, r.arrived())
				a.stop()
			},
		},
		{
			name:    "aws/cloudwatch-keys-invalid",
			command: "agent",
			inject:  "400 UnrecognizedClientException twice (a role that was just created)",
			takes:   40 * time.Second,
			must:    "all queued minutes arrive exactly once",
			play: func(r *rig) {
				r.Sandbox().
					Inject(sandbox.Fault{Service: sandbox.CloudWatch, Action: "PutMetricData", Status: 403, Code: "InvalidClientTokenId", Message: "The security token included in the request is invalid.", Times: 2})
				r.queue(3)
				a := r.agent(sending("MUSTER_WATCH_PERIOD=2s"))
				r.settled(a, 90*time.Second)
				r.want(r.arrived() == queuedAll, "want all %d queued data, got %d", queuedAll, r.arrived())
				a.stop()
			},
		},
		{
			name:    "aws/hook-done-stack-hangs",
			command: "verify",
			inject:  "SIGTERM while the stack's signal hangs and the hook is already completed; then a second run",
			takes:   30 * time.Second,
			must:    "exit 130; the second run signals the stack and does not complete the hook again",
			with:    inGroup,
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
			},
		},
		{
			name:    "aws/cloudwatch-signature",
			command: "agent",
			inject:  "PutMetricData: 403 SignatureDoesNotMatch twice",
			takes:   40 * time.Second,
			must:    "all queued minutes arrive exactly once",
			play: func(r *rig) {
				r.Sandbox().
					Inject(sandbox.Fault{Service: sandbox.CloudWatch, Action: "PutMetricData", Status: 403, Code: "SignatureDoesNotMatch", Times: 2})
				r.queue(3)
				a := r.agent(sending("MUSTER_WATCH_PERIOD=2s"))
				r.settled(a, 60*time.Second)
				r.want(r.arrived() == queuedAll, "want all %d queued data, got %d", queuedAll, r.arrived())
				a.stop()
			},
		},
		{
			name:    "aws/hook-gone",
			command: "verify",
			inject:  "the launch hook has timed out: No active Lifecycle Action found",
			takes:   30 * time.Second,
			must:    "it does not retry a final error: it exits within 30 s and reports it; the stack receives its signal",
			with:    inGroup,
			play: func(r *rig) {
				r.Sandbox().
					Inject(sandbox.Fault{Service: sandbox.AutoScaling, Action: "CompleteLifecycleAction", Status: 400, Code: "ValidationError",
						Message: "No active Lifecycle Action found with instance ID " + instanceID})
				p := r.run(verify + hookFlag + stackFlags)
				p.within(30 * time.Second)
				p.says(0, "no longer waiting")
				r.stackIs("SUCCESS")
			},
		},
		{
			name:    "aws/stack-complete",
			command: "verify",
			inject:  "the stack is complete and cannot be signaled any more",
			takes:   30 * time.Second,
			must:    "it does not retry a final error: it exits within 30 s; the hook receives CONTINUE",
			with:    inGroup,
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
			},
		},
		{
			name:    "aws/dead-proxy",
			command: "bootstrap",
			inject:  "HTTP_PROXY and HTTPS_PROXY name a proxy that does not exist, without NO_PROXY",
			takes:   45 * time.Second,
			must:    "it reaches the metadata service and Docker directly; it joins the cluster within 45 s although the check failed, exit 0",
			with:    fresh,
			play: func(r *rig) {
				p := r.runHow(
					bootstrap,
					how{
						env: []string{
							"HTTP_PROXY=http://127.0.0.1:9",
							"HTTPS_PROXY=http://127.0.0.1:9",
							"http_proxy=http://127.0.0.1:9",
							"NO_PROXY=",
							"no_proxy=",
						},
					},
				)
				p.exits(0)
				p.within(45 * time.Second)
				r.joins()
			},
		},
		{name: "aws/dns-silent", command: "bootstrap", inject: "the name server does not respond to queries for ECS", takes: 45 * time.Second,
			must: "it joins the cluster within 45 s although the check failed, exit 0",
			with: both(fresh, func(c *fieldcase.Case) { c.DNS = map[string]string{"ecs.": "silence"} }),
			play: func(r *rig) {
				p := r.run(bootstrap)
				p.exits(0)
				p.within(45 * time.Second)
				r.joins()
			}},
	}
}

const portsCommand = "ports --cluster prod --ports tcp/5701-5702"

// peered adds a peer that the security groups allow to reach the instance.
func peered(c *fieldcase.Case) {
	c.AWS.Groups = map[string][]string{"sg-cache": {"tcp 5701-5702 from sg-cache"}}
	c.AWS.Peers = []fieldcase.Peer{{ID: "i-0ddddddddddddddd1", Addr: "10.0.1.21", Group: "sg-cache"}}
	c.Network.SelfGroup = "sg-cache"
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

// byAction applies the fault spoil to query-protocol requests for an action.
func byAction(action string, spoil func(http.Handler) http.Handler) func(http.Handler) http.Handler {
	return func(behind http.Handler) http.Handler {
		bad := spoil(behind)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				return
			}
			r.Body = io.NopCloser(bytes.NewReader(body))
			if strings.Contains(string(body)+r.URL.RawQuery, "Action="+action) {
				bad.ServeHTTP(w, r)
				return
			}
			behind.ServeHTTP(w, r)
		})
	}
}
