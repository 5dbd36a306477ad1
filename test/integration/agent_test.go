//go:build integration

package integration

import (
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"muster/agent/agentstate"
	"muster/internal/sandbox"
	"muster/test/dockertest"
	"muster/test/observe"
)

// The test covers the whole path from a failing HEALTHCHECK to the journal line, the event and the metric.
func TestAContainerTurnsUnhealthyUnderTheAgent(t *testing.T) {
	engine := dockertest.Host(t)
	image := engine.Subject(`HEALTHCHECK --interval=100ms --retries=1 CMD ["/subject", "probe"]`)
	const label = "com.amazonaws.ecs."
	id := engine.Ready(
		engine.Run("--label", label+"cluster=prod", "--label", label+"task-definition-family=e2e", "--label", label+"container-name=app",
			"--label", label+"task-arn=arn:aws:ecs:eu-central-1:123456789012:task/prod/1", image),
	)
	health := func(want string) func() bool {
		return func() bool { return engine.Do("inspect", "--format", "{{.State.Health.Status}}", id) == want }
	}
	await(t, "docker to find it healthy", health("healthy"))
	root := t.TempDir()
	box, err := sandbox.New(sandbox.Options{Root: root, Clusters: []string{"prod"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(box.Close)
	said := &observe.Journal{}
	agent := exec.CommandContext(t.Context(), binary, "agent", "--cluster", "prod", "--event-bus", "ops", "--docker-host", engine.Host)
	agent.Env, agent.Stderr = box.Environ(), said
	if err := agent.Start(); err != nil {
		t.Fatal(err)
	}
	h := host{root: root}
	await(t, "the agent to see it", func() bool { return strings.Contains(h.file(t, "run/muster-agent/state.json"), `"name": "e2e"`) })

	engine.Do("exec", id, "/subject", "unhealthy")
	await(t, "docker to find it unhealthy", health("unhealthy"))
	began := time.Now()
	await(t, "the line", func() bool { return said.Count("kind=unhealthy family=e2e") > 0 })
	if took := time.Since(began); took > time.Second {
		t.Errorf("the line came %s after docker knew", took)
	}
	await(t, "the event", func() bool { return len(box.Events()) > 0 })
	if e := box.Events()[0]; e.DetailType != "Container Unhealthy" || !strings.Contains(string(e.Detail), `"containerName":"app"`) {
		t.Errorf("%+v %s", e, e.Detail)
	}
	if err := agent.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	began = time.Now()
	if err := agent.Wait(); err != nil || time.Since(began) > 5*time.Second {
		t.Errorf("the goodbye: %v after %s", err, time.Since(began))
	}
	for _, d := range box.Metrics() {
		if d.Name == "UnhealthyContainers" && d.Dimensions["ServiceName"] == "e2e" && d.Value == 1 {
			return
		}
	}
	t.Errorf("the metric is not among %+v", box.Metrics())
}

// The Engine is absent at the start, then hangs, stops and starts again. Each change is logged once, however often the
// agent retries, and the agent sees the running containers each time.
func TestARealEngineComesAndGoesUnderTheAgent(t *testing.T) {
	engine, root, said := dockertest.Stopped(t), t.TempDir(), &observe.Journal{}
	box, err := sandbox.New(sandbox.Options{Root: root, Clusters: []string{"prod"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(box.Close)
	agent := exec.CommandContext(t.Context(), binary, "agent", "--cluster", "prod", "--watch-period", "1s", "--docker-host", engine.Host)
	agent.Env, agent.Stderr = box.Environ(), said
	if err := agent.Start(); err != nil {
		t.Fatal(err)
	}
	sees := func(what string, reachable bool, running, lost, back int) {
		t.Helper()
		await(t, what, func() bool {
			is, err := agentstate.Read(root + "/run/muster-agent/state.json")
			return err == nil && is.Docker.Reachable == reachable && (!reachable || is.Docker.Running == running)
		})
		if l, b := said.Count("Docker cannot be watched"), said.Count("Docker responds again"); l != lost || b != back {
			t.Errorf("%s: lost is said %d times, not %d; back %d times, not %d", what, l, lost, b, back)
		}
	}
	sees("that there is no Engine", false, 0, 1, 0)
	engine.Start()
	sees("an Engine", true, 0, 1, 1)
	image := engine.Subject()
	engine.Run(image)
	sees("a container", true, 1, 1, 1)
	engine.Hang()
	sees("that it hangs", false, 0, 2, 1)
	engine.Resume()
	sees("that it goes on", true, 1, 2, 2)
	engine.Stop()
	sees("that it was stopped", false, 0, 3, 2)
	engine.Start()
	sees("that it was started, and its container ended", true, 0, 3, 3)
	engine.Run(image, "exit", "3")
	await(t, "the crash", func() bool { return said.Count("exited unexpectedly with code 3") > 0 })
	if err := agent.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := agent.Wait(); err != nil || said.Count("exited unexpectedly") != 1 {
		t.Errorf("it ended with %v, having said %s", err, said)
	}
}

func await(t *testing.T, what string, is func() bool) {
	t.Helper()
	if !observe.Within(time.Minute, 20*time.Millisecond, is) {
		t.Fatalf("waited in vain for %s", what)
	}
}
