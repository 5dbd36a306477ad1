package check_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"muster/internal/host/dockerapi"
	"muster/internal/host/hostports"
	"muster/internal/report/ports"
)

// judged arranges an instance with replication ports and these results.
func judged(report *ports.Report, err error, host hostports.Report) func(*testing.T, *world) {
	return func(_ *testing.T, w *world) {
		w.Config.Ports = "ignite2"
		w.Ports = func(context.Context) (*ports.Report, error) { return report, err }
		w.HostPorts = func(context.Context) hostports.Report { return host }
	}
}

// closedPorts arranges n problems. rest is the sentence about those that are not shown.
func closedPorts(n int) (arrange func(*testing.T, *world), rest string) {
	report := &ports.Report{Blocks: []ports.Block{{}}}
	for i := range n {
		report.Blocks[0].Outcomes = append(report.Blocks[0].Outcomes,
			ports.Outcome{Status: "MISSING", Sentence: fmt.Sprintf("tcp %d is closed", i)})
	}
	return judged(report, nil, hostports.Report{}), fmt.Sprintf("and %d more: muster ports shows all of them", n-10)
}

func portScenarios() []scenario {
	outcome := func(status string) *ports.Report {
		o := ports.Outcome{Status: status, Sentence: "tcp 47106-47109 is " + status,
			Fixes: []ports.Fix{{Command: "aws ec2 authorize-security-group-ingress"}}}
		return &ports.Report{Blocks: []ports.Block{{Outcomes: []ports.Outcome{o, o}}, {Outcomes: []ports.Outcome{o}}}}
	}
	found := func(id string, inferred bool) hostports.Report {
		return hostports.Report{Findings: []hostports.Finding{{ID: id, Summary: id, Evidence: "seen", Inferred: inferred}}}
	}
	well := outcome("OPEN")
	return []scenario{
		{"the ports are open", judged(well, nil, hostports.Report{}), nil},
		{"a port is closed to a peer", judged(outcome("MISSING"), nil, hostports.Report{}), []string{"replication-port-closed"}},
		{"a port could not be judged", judged(outcome("UNKNOWN"), nil, hostports.Report{}), nil},
		{"the peers could not be found", judged(nil, errors.New("ecs:ListContainerInstances is not allowed"), hostports.Report{}), nil},
		{"a port is not published", judged(well, nil, found("port-not-published", false)), []string{"port-not-published"}},
		{"a bridge address may be announced", judged(well, nil, found("bridge-address-announced", true)), nil},
		{"nobody listens yet", judged(well, nil, found("no-listener", false)), nil},
		{"Docker could not be asked for ports", judged(well, nil, hostports.Report{Notes: []string{"could not check: no"}}), nil},
	}
}

func healthScenarios() []scenario {
	return []scenario{
		{"a container is unhealthy", func(_ *testing.T, w *world) { w.docker.run("web", "running", "unhealthy") },
			[]string{"container-unhealthy"}},
		{"a container dies again and again", func(_ *testing.T, w *world) {
			for range 3 {
				w.docker.die("web", 1, time.Minute)
			}
		}, []string{"container-restarting"}},
		{
			"a container died twice",
			func(_ *testing.T, w *world) { w.docker.die("web", 1, time.Minute); w.docker.die("web", 1, time.Minute) },
			nil,
		},
		{"a container died often, long ago", func(_ *testing.T, w *world) {
			for range 5 {
				w.docker.die("web", 1, 2*time.Hour)
			}
		}, nil},
		{"tasks are replaced", func(_ *testing.T, w *world) {
			for _, code := range []int{143, 137, 143, 0} {
				w.docker.die("web", code, time.Minute)
			}
		}, nil},
		{
			"Docker restarts a container",
			func(_ *testing.T, w *world) { w.docker.run("web", "restarting", "") },
			[]string{"container-restarting"},
		},
		{"a container is killed for memory, each time", func(_ *testing.T, w *world) {
			for range 3 {
				id := w.docker.die("web", 137, time.Minute)
				w.docker.inspected[id] = dockerapi.Inspection{ExitCode: 137, OOMKilled: true, FinishedAt: time.Now()}
			}
		}, []string{"container-oom-killed"}},
		{"a child was killed for memory, and the container stopped later", func(_ *testing.T, w *world) {
			for _, code := range []int{143, 0, 143} {
				id := w.docker.die("web", code, time.Minute)
				w.docker.inspected[id] = dockerapi.Inspection{ExitCode: code, OOMKilled: true, FinishedAt: time.Now()}
			}
		}, nil},
		{"somebody else's container is unhealthy", func(_ *testing.T, w *world) {
			w.docker.run("web", "running", "unhealthy")
			w.docker.containers[len(w.docker.containers)-1].Labels = nil
		}, nil},
		{"the containers cannot be listed", func(_ *testing.T, w *world) { w.docker.broken = errors.New("listing: no") }, nil},
	}
}

// pairScenarios returns scenarios with two unrelated causes. Both must be reported.
func pairScenarios() []scenario {
	both := func(arrangements ...func(*testing.T, *world)) func(*testing.T, *world) {
		return func(t *testing.T, w *world) {
			for _, arrange := range arrangements {
				arrange(t, w)
			}
		}
	}
	sick := func(_ *testing.T, w *world) { w.docker.run("web", "running", "unhealthy") }
	down := func(t *testing.T, w *world) { w.realDocker(t); w.plan.Hold = true }
	return []scenario{
		{"a quoted cluster, and an unhealthy container", both(configures("ECS_CLUSTER=\"prod\"\n"), sick),
			[]string{"ecs-config-misread", "container-unhealthy"}},
		{"Docker down, and the wrong region", both(configures("ECS_CLUSTER=prod\nAWS_DEFAULT_REGION=us-east-1\n"), down),
			[]string{"docker-not-running", "wrong-region"}},
		{
			"a denied registration, and no such cluster",
			both(joins("prdo"), says("not authorized to perform: ecs:RegisterContainerInstance")),
			[]string{"access-denied", "cluster-missing"},
		},
	}
}
