package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"muster/internal/sandbox/dockerd"
	"muster/test/observe"
)

// containerStory makes a container unhealthy while the agent is running.
func containerStory(s *stage) error {
	engine, err := dockerd.New(dockerd.Options{})
	if err != nil {
		return err
	}
	defer engine.Close()
	engine.Health(engine.Run(task("app")), "healthy")
	cache := engine.Run(task("cache"))
	engine.Health(cache, "healthy")
	if err := s.muster(0, "bootstrap", "--cluster", "prod"); err != nil {
		return err
	}
	if err := s.box.StartAgent(context.Background()); err != nil {
		return err
	}
	s.comment("muster-agent.service watches a sandboxed Docker Engine that runs a task of service web with two containers.")
	said := &observe.Journal{}
	fmt.Fprint(s.out, "\n$ muster agent --event-bus ops &\n")
	agent, err := s.background(said, engine.Host(), "agent", "--event-bus", "ops")
	if err != nil {
		return err
	}
	defer func() { _ = agent.Process.Kill() }()
	state := func() string {
		data, _ := os.ReadFile(filepath.Join(s.root, "run/muster-agent/state.json"))
		return string(data)
	}
	if err := await("the agent's first look", func() bool {
		return strings.Contains(state(), `"state": "registered"`) && strings.Contains(state(), `"healthy": 2`)
	}); err != nil {
		return err
	}
	if err := s.muster(0, "status"); err != nil {
		return err
	}
	if err := s.becomesUnhealthy(func() { engine.Health(cache, "unhealthy") }, said); err != nil {
		return err
	}
	if err := await("the state file", func() bool { return strings.Contains(state(), `"unhealthy": 1`) }); err != nil {
		return err
	}
	if err := s.muster(1, "status"); err != nil {
		return err
	}
	s.comment("The agent publishes each minute when it is over, and the last one when it stops, as now.")
	if err := errors.Join(agent.Process.Signal(syscall.SIGTERM), agent.Wait()); err != nil {
		return err
	}
	return s.published("UnhealthyContainers")
}

// task returns a container with the labels of the ECS agent.
func task(container string) dockerd.Spec {
	return dockerd.Spec{Name: "ecs-web-1-" + container, Check: true, Labels: map[string]string{
		"com.amazonaws.ecs.cluster": "prod", "com.amazonaws.ecs.task-arn": "arn:aws:ecs:eu-west-1:123456789012:task/prod/1",
		"com.amazonaws.ecs.container-name": container, "com.amazonaws.ecs.task-definition-family": "web",
	}}
}

// background starts the binary in the background, as systemd does.
func (s *stage) background(stderr *observe.Journal, docker string, args ...string) (*exec.Cmd, error) {
	cmd := exec.Command(s.binary, args...)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "MUSTER_DOCKER_HOST=" + docker}, s.box.Environ()...)
	cmd.Stderr = stderr
	return cmd, cmd.Start()
}

// becomesUnhealthy makes a container unhealthy, and shows the resulting log line and event.
func (s *stage) becomesUnhealthy(unhealthy func(), said *observe.Journal) error {
	s.comment("The health check of web/cache starts to fail. The journal and EventBridge get it at once:")
	began := time.Now()
	unhealthy()
	if err := await("the line in the journal", func() bool { return said.Count("kind=unhealthy") > 0 }); err != nil {
		return err
	}
	took := time.Since(began)
	if err := await("the event", func() bool { return len(s.box.Events()) > 0 }); err != nil {
		return err
	}
	for line := range strings.Lines(said.String()) {
		if strings.Contains(line, "kind=unhealthy") {
			fmt.Fprint(s.out, "\n", line)
		}
	}
	event := s.box.Events()[0]
	fmt.Fprintf(s.out, "\n# after %d ms; event of source %s, %q, on bus %s:\n%s\n", took.Milliseconds(), event.Source, event.DetailType,
		event.Bus, event.Detail)
	return nil
}

// dimensions formats dimensions as "ClusterName=prod ServiceName=web".
func dimensions(of map[string]string) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(of)) {
		parts = append(parts, name+"="+of[name])
	}
	return strings.Join(parts, " ")
}

// published shows the data points of a metric in CloudWatch.
func (s *stage) published(name string) error {
	sick := 0
	fmt.Fprintf(s.out, "\n# CloudWatch has %d data points, of which for %s:\n", len(s.box.Metrics()), name)
	for _, d := range s.box.Metrics() {
		if d.Name == name {
			fmt.Fprintf(s.out, "%s  %s  %v\n", d.Timestamp.UTC().Format(time.RFC3339), dimensions(d.Dimensions), d.Value)
			sick += int(d.Value)
		}
	}
	if sick == 0 {
		return errors.New(name + " was not published")
	}
	return nil
}

func await(what string, is func() bool) error {
	if !observe.Within(30*time.Second, 5*time.Millisecond, is) {
		return errors.New("timed out waiting for " + what)
	}
	return nil
}
