package orphans_test

import (
	"strings"
	"testing"
	"time"

	"muster/agent/containers"
	"muster/agent/orphans"
	"muster/internal/host/ecsagent"
)

func task(arn, known, desired string) ecsagent.Task {
	return ecsagent.Task{
		ARN:           arn,
		KnownStatus:   known,
		DesiredStatus: desired,
		Family:        "web",
		Containers:    []ecsagent.Container{{DockerID: "c1", Name: "app"}},
	}
}

var running = []containers.Identity{{ID: "c1", TaskARN: "t1", Container: "app", Family: "web"}}

func TestTheTwoViewsAreCompared(t *testing.T) {
	for name, c := range map[string]struct {
		tasks   []ecsagent.Task
		running []containers.Identity
		want    string // part of the reason; empty if there is no orphan
	}{
		"both run it":                        {[]ecsagent.Task{task("t1", "RUNNING", "RUNNING")}, running, ""},
		"ECS believes it stopped":            {[]ecsagent.Task{task("t1", "STOPPED", "STOPPED")}, running, "as STOPPED, and Docker runs"},
		"ECS is stopping it":                 {[]ecsagent.Task{task("t1", "RUNNING", "STOPPED")}, running, ""},
		"ECS is starting it":                 {[]ecsagent.Task{task("t1", "PENDING", "RUNNING")}, nil, ""},
		"ECS knows no such task":             {nil, running, "does not know its task"},
		"ECS believes it running":            {[]ecsagent.Task{task("t1", "RUNNING", "RUNNING")}, nil, "as RUNNING, and Docker runs none"},
		"it is stopped and gone":             {[]ecsagent.Task{task("t1", "STOPPED", "STOPPED")}, nil, ""},
		"a container that ECS did not start": {nil, []containers.Identity{{ID: "c2", Name: "redis"}}, ""},
		"one of two containers has exited": {[]ecsagent.Task{{ARN: "t1", KnownStatus: "RUNNING", DesiredStatus: "RUNNING",
			Containers: []ecsagent.Container{{DockerID: "c0", Name: "init"}, {DockerID: "c1", Name: "app"}}}}, running, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var w orphans.Watch
			now := time.Unix(1_800_000_000, 0)
			w.Compare(now, c.tasks, c.running)
			got := w.Compare(now.Add(3*time.Minute), c.tasks, c.running)
			if c.want == "" && len(got) > 0 ||
				c.want != "" && (len(got) != 1 || !strings.Contains(got[0].Why, c.want) || !got[0].Since.Equal(now)) {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestADifferenceThatDoesNotLastIsNoOrphan(t *testing.T) {
	var w orphans.Watch
	stopped, now := []ecsagent.Task{task("t1", "STOPPED", "STOPPED")}, time.Unix(1_800_000_000, 0)
	for minute, runs := range [][]containers.Identity{running, running, running, nil, running, running, running} {
		if got := w.Compare(now.Add(time.Duration(minute)*time.Minute), stopped, runs); len(got) > 0 {
			t.Errorf("minute %d: %+v", minute, got)
		}
	}
}
