package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"muster/internal/sandbox"
	"muster/internal/sandbox/dockerd"
	"muster/test/observe"
)

// awaitsService shows an instance that signals only when the task of its service is healthy.
func awaitsService(s *stage) error {
	engine, err := dockerd.New(dockerd.Options{})
	if err != nil {
		return err
	}
	defer engine.Close()
	s.env = append(s.env, "MUSTER_DOCKER_HOST="+engine.Host())
	s.box.AddService("prod", sandbox.Service{Name: "grid", DesiredCount: 3, RunningCount: 2})
	s.comment("In a rolling update the next old instance ends as soon as this one signals, so its task of service grid must be healthy first.")
	if err := s.muster(0, userData("prod", "--await-service", "grid")...); err != nil {
		return err
	}
	if err := s.box.StartAgent(context.Background()); err != nil {
		return err
	}
	arn := s.box.AddTask("prod", sandbox.RunningTask{Service: "grid"})
	spec := task("cache")
	spec.Labels["com.amazonaws.ecs.task-arn"] = arn
	cache := engine.Run(spec) // its health is "starting"
	s.box.Agent.SetTasks(sandbox.Task{Arn: arn, DesiredStatus: "RUNNING", KnownStatus: "RUNNING", Family: "grid"})
	s.comment("ECS has placed the task, and its health check has not passed yet.")
	if err := s.verifyUntil("waiting for a healthy task", func() error {
		if len(s.box.Signals("web")) > 0 {
			return errors.New("the stack got its signal before the task was healthy")
		}
		fmt.Fprint(s.out, "# No signal yet. Now the health check passes.\n")
		engine.Health(cache, "healthy")
		return nil
	}); err != nil {
		return err
	}
	return s.outcome("SUCCESS", "CONTINUE")
}

// verifyUntil runs muster verify, and calls then once its output contains the text.
func (s *stage) verifyUntil(text string, then func() error) error {
	fmt.Fprint(s.out, "\n$ muster verify\n")
	said, ended := &observe.Journal{}, make(chan int, 1)
	hide := &rootless{s.out, s.root}
	go func() { ended <- s.run(hide, io.MultiWriter(hide, said), "verify") }()
	err := await("verify to say "+text, func() bool { return strings.Contains(said.String(), text) })
	if err == nil {
		err = then()
	}
	code := <-ended
	fmt.Fprintf(s.out, "(exit %d)\n", code)
	if err == nil && code != 0 {
		err = fmt.Errorf("muster verify exited with code %d", code)
	}
	return err
}
