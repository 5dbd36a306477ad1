package awsapi

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"muster/internal/sandbox"
)

func TestStoppedTasks(t *testing.T) {
	s := start(t, sandbox.Options{Clusters: []string{"prod"}})
	code := 137
	runs := s.AddTask("prod", sandbox.RunningTask{Service: "web"})
	stopped := s.AddTask("prod", sandbox.RunningTask{Service: "web", Stopped: &sandbox.TaskStop{Code: "EssentialContainerExited",
		Reason: "Essential container in task exited", Containers: []sandbox.ContainerStop{
			{Name: "app", ExitCode: &code, Reason: "OutOfMemoryError: Container killed due to memory usage"}, {Name: "side"}}}})
	c := client(t, s.AWSConfig())
	got, err := c.StoppedTasks(t.Context(), "prod", []string{runs, stopped, "arn:aws:ecs:eu-central-1:123456789012:task/prod/gone"})
	if err != nil {
		t.Fatal(err)
	}
	want := []StoppedTask{{ARN: stopped, Group: "service:web", StopCode: "EssentialContainerExited",
		Reason: "Essential container in task exited",
		Containers: []StoppedContainer{{Name: "app", Reason: "OutOfMemoryError: Container killed due to memory usage", ExitCode: &code},
			{Name: "side"}}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	s.Inject(sandbox.AccessDenied(sandbox.ECS, "DescribeTasks"))
	if _, err := c.StoppedTasks(t.Context(), "prod", []string{stopped}); KindOf(err) != Denied {
		t.Errorf("got %v", err)
	}
}
