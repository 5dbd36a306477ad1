package awsapi

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"muster/internal/sandbox"
)

func TestTaskGroupsAreReadInBatchesOfAHundred(t *testing.T) {
	s := start(t, sandbox.Options{Clusters: []string{"prod"}})
	c := client(t, s.AWSConfig())
	want, arns := map[string]string{}, []string{"arn:aws:ecs:eu-central-1:123456789012:task/prod/gone"}
	for i := range 150 {
		task := sandbox.RunningTask{Service: fmt.Sprint("web-", i)}
		if i == 0 {
			task = sandbox.RunningTask{Family: "job"}
		}
		arn := s.AddTask("prod", task)
		arns, want[arn] = append(arns, arn), "service:"+task.Service
		if i == 0 {
			want[arn] = "family:job"
		}
	}
	got, err := c.TaskGroups(t.Context(), "prod", arns)
	if err != nil || c.Calls() != 2 {
		t.Errorf("%d calls, %v", c.Calls(), err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got, err := c.TaskGroups(t.Context(), "prod", nil); len(got) != 0 || err != nil || c.Calls() != 2 {
		t.Errorf("of none: %v, %v", got, err)
	}
}

func TestDeniedTaskGroupsNameTheAction(t *testing.T) {
	s := start(t, sandbox.Options{Clusters: []string{"prod"}})
	s.Inject(sandbox.AccessDenied(sandbox.ECS, "DescribeTasks"))
	if _, err := client(t, s.AWSConfig()).TaskGroups(t.Context(), "prod", []string{"arn:x"}); KindOf(err) != Denied {
		t.Errorf("got %v", err)
	}
}
