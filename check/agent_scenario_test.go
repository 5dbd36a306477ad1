package check_test

import (
	"testing"
	"time"

	"muster/internal/host/dockerapi"
	"muster/internal/host/units"
	"muster/internal/sandbox"
)

// says arranges an instance whose agent exited after logging this message.
func says(message string) func(*testing.T, *world) {
	return func(t *testing.T, w *world) { w.gone(t, "error", message) }
}

// answers arranges an instance whose agent has registered and returns this introspection response.
func answers(a sandbox.Answer) func(*testing.T, *world) {
	return func(_ *testing.T, w *world) { w.plan.Answer = a }
}

func agentScenarios() []scenario {
	const failed = "Error registering container instance: operation error ECS: RegisterContainerInstance, "
	return []scenario{
		{"the role may not register", func(_ *testing.T, w *world) {
			w.Inject(sandbox.AccessDenied(sandbox.ECS, "RegisterContainerInstance"))
		}, []string{"access-denied"}},
		{"the agent has no credentials", says("Error getting valid credentials: no EC2 IMDS role found"), []string{"no-credentials"}},
		{"the agent does not reach the metadata service", says("Unable to communicate with EC2 Metadata service to infer region: EOF"),
			[]string{"agent-imds-unreachable"}},
		{"the agent is throttled", says(failed + "api error ThrottlingException: Rate exceeded"), []string{"throttled"}},
		{"the instance type was changed", says("Container instance type changes are not supported."), []string{"instance-type-changed"}},
		{"the agent knows that user data never ran", says("Cloud-init failure detected: cloud-init used DataSourceNone"),
			[]string{"agent-user-data-not-run"}},
		{
			"ECS refuses an attribute",
			says(failed + "InvalidParameterException: Attribute validation failed"),
			[]string{"invalid-attributes"},
		},
		{"the agent's clock was off", says(failed + "api error InvalidSignatureException: Signature expired: 1 is now earlier than 2"),
			[]string{"agent-clock-skew"}},
		{
			"the agent met another's certificate",
			says(failed + "x509: certificate signed by unknown authority"),
			[]string{"agent-tls-untrusted"},
		},
		{
			"the agent did not resolve",
			says(failed + "dial tcp: lookup ecs.eu-west-1.amazonaws.com: no such host"),
			[]string{"agent-dns-failure"},
		},
		{"the agent got no response", says(failed + "dial tcp 52.94.1.1:443: i/o timeout"), []string{"network-timeout"}},
		{"the agent was refused", says(failed + "dial tcp 10.0.0.7:3128: connect: connection refused"), []string{"connection-refused"}},
		{"the agent met a full disk", says("Failed to save agent metadata to disk: no space left on device"), []string{"agent-disk-full"}},
		{"an unknown error", says("Unable to turn the frobnicator: permission"), []string{"unrecognized"}},
		{"the agent ends without a word", func(t *testing.T, w *world) { w.gone(t) }, []string{"agent-exits"}},
		{"an error after which it registered", func(t *testing.T, w *world) {
			w.logged(t, "ecs-agent.log", "error", failed+"dial tcp 52.94.1.1:443: i/o timeout")
		}, nil},
		{"the agent has not registered yet", func(_ *testing.T, w *world) { w.plan.Hold = true }, []string{"introspection-refused"}},
		{"the agent waits in the warm pool", func(t *testing.T, w *world) {
			metadata("meta-data/autoscaling", 0, "Warmed:Running")(t, w)
			w.plan.Hold = true
		}, nil},
		{"the agent hangs", answers(sandbox.AnswerHangs), []string{"introspection-silent"}},
		{"somebody else answers", answers(sandbox.AnswerHalf), []string{"introspection-garbled"}},
		{"the agent has no ARN", answers(sandbox.AnswerNullARN), []string{"not-registered"}},
		{"the agent answers with an ARN as its cluster", answers(sandbox.AnswerClusterARN), nil},
		{"the agent runs in another cluster", func(_ *testing.T, w *world) { w.plan.Cluster = "default" }, []string{"wrong-cluster"}},
	}
}

// deadlock arranges running user data, and a job of ecs.service that waits for it.
func deadlock(w *world, job *units.Job) {
	w.plan.Hold = true
	w.systemd["ecs.service"] = units.State{LoadState: "loaded", ActiveState: "inactive", UnitFileState: "enabled", Job: job}
	w.systemd["cloud-final.service"] = units.State{LoadState: "loaded", ActiveState: "activating", SubState: "start"}
}

func unitScenarios() []scenario {
	is := func(s units.State) func(*testing.T, *world) {
		return func(_ *testing.T, w *world) { w.plan.Hold, w.systemd["ecs.service"] = true, s }
	}
	job := &units.Job{Type: "start", State: "waiting"}
	return []scenario{
		{"there is no ecs.service", func(t *testing.T, w *world) {
			w.plan.Hold, w.docker.noAgent = true, true
			delete(w.systemd, "ecs.service")
			w.write(t, "/var/cache/ecs/state", "0")
		}, []string{"ecs-unit-missing"}},
		{"ecs.service is masked", is(units.State{LoadState: units.Masked, UnitFileState: "masked", ActiveState: "inactive"}),
			[]string{"ecs-unit-masked"}},
		{"ecs.service is held back", is(units.State{LoadState: units.Masked, UnitFileState: "masked-runtime", ActiveState: "inactive"}),
			[]string{"ecs-unit-held-back"}},
		{"ecs.service is disabled", is(units.State{LoadState: "loaded", UnitFileState: "disabled", ActiveState: "inactive"}),
			[]string{"ecs-unit-not-started"}},
		{"ecs.service was stopped", func(t *testing.T, w *world) {
			is(units.State{LoadState: "loaded", UnitFileState: "enabled", ActiveState: "inactive"})(t, w)
			w.logged(t, "ecs-init.log", "info", "Agent exited with code 0")
		}, []string{"ecs-unit-not-started"}},
		{"user data waits for the agent", func(_ *testing.T, w *world) {
			w.plan.Hold = true
			w.systemd["ecs.service"] = units.State{LoadState: "loaded", ActiveState: "inactive", UnitFileState: "enabled", Job: job}
			w.systemd["cloud-final.service"] = units.State{LoadState: "loaded", ActiveState: "activating", SubState: "start"}
		}, []string{"ecs-unit-waiting"}},
		{"user data waits for the agent, and Docker waits too", func(t *testing.T, w *world) {
			deadlock(w, job)
			w.realDocker(t)
			w.systemd["docker.service"] = units.State{LoadState: "loaded", ActiveState: "inactive", Job: job}
		}, []string{"ecs-unit-waiting"}},
		{"user data waits for the agent, and Docker's socket hangs", func(_ *testing.T, w *world) {
			deadlock(w, job)
			w.docker.ping = dockerapi.ErrHung
			w.systemd["docker.service"] = units.State{LoadState: "loaded", ActiveState: "inactive", Job: job}
		}, []string{"ecs-unit-waiting"}},
		{"user data restarts Docker and waits", func(_ *testing.T, w *world) {
			deadlock(w, nil)
			w.docker.ping = dockerapi.ErrNotRunning
			w.systemd["docker.service"] = units.State{LoadState: "loaded", ActiveState: "inactive",
				Job: &units.Job{Type: "restart", State: "waiting"}}
		}, []string{"ecs-unit-waiting"}},
		{"ecs.service ran and exited with 0", is(units.State{LoadState: "loaded", ActiveState: "inactive", UnitFileState: "enabled",
			Active: time.Now().Add(-time.Hour), Ended: time.Now(), Result: "success", ExecMainCode: 1}), []string{"ecs-unit-not-started"}},
		{"ecs.service was stopped together with Docker", func(t *testing.T, w *world) {
			is(units.State{LoadState: "loaded", ActiveState: "inactive", UnitFileState: "enabled", Active: time.Now().Add(-time.Hour),
				Ended: time.Now().Add(-time.Minute), Result: "success", ExecMainCode: 1})(t, w)
			docker := active("running")
			docker.Ended = time.Now().Add(-58 * time.Second)
			w.systemd["docker.service"] = docker
		}, []string{"ecs-unit-not-started"}},
		{"ecs.service was stopped, and only the agent's container remembers", func(_ *testing.T, w *world) {
			is(units.State{LoadState: "loaded", ActiveState: "inactive", UnitFileState: "enabled"})(nil, w)
			w.docker.agent = dockerapi.AgentContainer{Image: "amazon/amazon-ecs-agent:latest", Status: "exited", ExitCode: 143}
		}, []string{"ecs-unit-not-started"}},
		{"there is no ecs.service, and the agent has registered", func(_ *testing.T, w *world) { delete(w.systemd, "ecs.service") }, nil},
		{"ecs.service fails without a word", is(units.State{LoadState: "loaded", ActiveState: "failed", Result: "exit-code",
			ExecMainStatus: 203}), []string{"ecs-unit-failed"}},
		{"ecs.service is restarted without end", is(units.State{LoadState: "loaded", ActiveState: "activating", SubState: "auto-restart",
			NRestarts: 9}), []string{"ecs-unit-restarting"}},
		{"ecs.service failed because of its agent", func(t *testing.T, w *world) {
			w.gone(t, "critical", "Container instance type changes are not supported.")
			w.systemd["ecs.service"] = units.State{LoadState: "loaded", ActiveState: "failed", Result: "exit-code", ExecMainStatus: 5}
		}, []string{"instance-type-changed"}},
	}
}
