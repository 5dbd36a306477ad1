//go:build linux

package main

import (
	"io"
	"net/http"
	"strings"
	"time"

	"muster/internal/sandbox"
)

// ecsRows covers the ECS API.
var ecsRows = []row{
	{name: "aws/ecs-throttle", command: "verify", takes: 30 * time.Second, with: inGroup,
		inject: "DescribeContainerInstances: throttled 4 times",
		must:   "exit 0, signals are sent",
		play: func(r *rig) {
			r.Sandbox().Inject(sandbox.Fault{Service: sandbox.ECS, Action: "DescribeContainerInstances", Kind: sandbox.KindThrottled, Times: 4})
			r.run(verify + hookFlag + stackFlags).exits(0)
			r.signaled()
		}},
	{name: "aws/ecs-500", command: "bootstrap", takes: 20 * time.Second, with: fresh,
		inject: "ECS: 500 for every call",
		must:   "it joins the cluster although the check failed, exit 0",
		play: func(r *rig) {
			r.Sandbox().Inject(sandbox.Fault{Service: sandbox.ECS, Kind: sandbox.KindServer})
			r.run(bootstrap).exits(0)
			r.joins()
		}},
	{name: "aws/ecs-denied", command: "bootstrap", with: fresh,
		inject: "ECS: AccessDenied",
		must:   "it joins the cluster although the check failed, exit 0, and names the IAM action",
		play: func(r *rig) {
			r.Sandbox().Inject(sandbox.AccessDenied(sandbox.ECS, ""))
			p := r.run(bootstrap)
			p.exits(0)
			p.says(0, "ecs:DescribeClusters")
			r.joins()
		}},
	{name: "aws/ecs-portal", command: "bootstrap", takes: 20 * time.Second, with: fresh,
		inject: "a captive portal returns 200 with HTML for every request",
		must:   "the cluster is not reported as missing: it joins the cluster, exit 0",
		play: func(r *rig) {
			r.AWS.Use(answers(200, html, portal))
			r.run(bootstrap).exits(0)
			r.joins()
		}},
	{name: "aws/ecs-hangs", command: "bootstrap", takes: 40 * time.Second, with: fresh,
		inject: "AWS accepts connections and never responds",
		must:   "it joins the cluster within 45 s, because the boot waits for it",
		play: func(r *rig) {
			r.AWS.Use(hangs)
			p := r.run(bootstrap)
			p.exits(0)
			p.within(45 * time.Second)
			r.joins()
		}},
	{name: "aws/ecs-unknown-ca", command: "debug", takes: 20 * time.Second,
		inject: "the AWS certificates are from an unknown CA",
		must:   "exit 1 names the certificate",
		play: func(r *rig) {
			r.broken(r.Write("etc/pki/ca.pem", []byte("")))
			p := r.run("debug")
			p.exits(1)
			p.says(0, "certificate")
		}},
	{name: "aws/ecs-empty", command: "verify", takes: 100 * time.Second, with: inGroup,
		inject: "DescribeContainerInstances returns neither an instance nor a failure, three times",
		must:   "the unknown state is retried, and is neither a success nor a failure: finally exit 0, signals are sent",
		play: func(r *rig) {
			r.Sandbox().Inject(sandbox.Fault{Service: sandbox.ECS, Action: "DescribeContainerInstances", Body: "{}", Times: 3})
			p := r.start("verify --cluster prod --timeout 3m"+hookFlag+stackFlags, how{})
			p.wait(150 * time.Second)
			p.exits(0)
			r.signaled()
		}},
	{name: "aws/ecs-missing", command: "verify", takes: 100 * time.Second, with: inGroup,
		inject: "ECS does not know the new instance yet: it returns MISSING three times",
		must:   "it retries, because ECS is eventually consistent: finally exit 0, signals are sent",
		play: func(r *rig) {
			r.Sandbox().Inject(sandbox.Fault{Service: sandbox.ECS, Action: "DescribeContainerInstances", Times: 3,
				Body: `{"containerInstances":[],"failures":[{"arn":"` + arnPrefix + `0bb2","reason":"MISSING"}]}`})
			p := r.start("verify --cluster prod --timeout 3m"+hookFlag+stackFlags, how{})
			p.wait(150 * time.Second)
			p.exits(0)
			r.signaled()
		}},
	{name: "aws/ecs-other-instance", command: "verify", takes: 15 * time.Second, with: inGroup,
		inject: "DescribeContainerInstances returns another EC2 instance",
		must:   "no success is signaled",
		play: func(r *rig) {
			r.Sandbox().Inject(sandbox.Fault{
				Service: sandbox.ECS,
				Action:  "DescribeContainerInstances",
				Body: `{"containerInstances":[{"containerInstanceArn":"` + arnPrefix + `0bb2","ec2InstanceId":"` + peerID + `",` +
					`"status":"ACTIVE","agentConnected":true}]}`,
			})
			p := r.run("verify --cluster prod --timeout 8s" + hookFlag + stackFlags)
			r.want(p.Code() != 0 && !r.stackHas("SUCCESS"), "exit 0, or SUCCESS")
		}},
	{name: "aws/disconnected", command: "verify", takes: 40 * time.Second, with: inGroup,
		inject: "ECS returns agentConnected=false for 8 s",
		must:   "finally exit 0, signals are sent",
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
	{name: "aws/huge", command: "verify", takes: 40 * time.Second, with: inGroup,
		inject: "DescribeContainerInstances returns 300 MB",
		must:   "it exits within the time limit and 128 MB, and does not report a failed registration",
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
}

// unknownClusters covers DescribeClusters responses without MISSING. Such a response does not mean that the cluster is
// missing.
func unknownClusters() (rows []row) {
	for _, c := range []struct{ name, body string }{
		{"failure", `{"clusters":[],"failures":[{"arn":"arn:aws:ecs:eu-central-1:123456789012:cluster/prod","reason":"INTERNAL"}]}`},
		{"nothing", `{"clusters":[],"failures":[]}`},
	} {
		rows = append(
			rows,
			row{name: "aws/cluster-" + c.name, command: "bootstrap", inject: "DescribeClusters: `" + c.body + "`", takes: 10 * time.Second,
				must: "it joins the cluster although the check failed, exit 0", with: fresh,
				play: func(r *rig) {
					r.Sandbox().Inject(sandbox.Fault{Service: sandbox.ECS, Action: "DescribeClusters", Body: c.body})
					r.run(bootstrap).exits(0)
					r.joins()
				}},
		)
	}
	return rows
}
