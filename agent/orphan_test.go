package agent

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"muster/agent/containers"
	"muster/agent/starts"
	"muster/internal/host/ecsagent"
)

// taskList is the ECS agent's list with one task, which it stops.
type taskList struct{ stopped, dead time.Time }

func (l taskList) Tasks(context.Context) ([]ecsagent.Task, error) {
	status := "RUNNING"
	if now := time.Now(); now.After(l.stopped) {
		status = "STOPPED"
	} else if now.After(l.dead) {
		return nil, errors.New("nothing listens")
	}
	return []ecsagent.Task{
		{ARN: "arn:task/1", KnownStatus: status, DesiredStatus: status, Containers: []ecsagent.Container{{DockerID: "c1", Name: "app"}}},
	}, nil
}

func TestAnOrphanIsAnnouncedPublishedAndInTheStateFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.running = []containers.Identity{
			{ID: "c1", Name: "ecs-web-1", Cluster: "prod", TaskARN: "arn:task/1", Container: "app", Family: "web", Service: "shop"},
		}
		s.Tasks = taskList{stopped: time.Now().Add(5 * time.Minute), dead: time.Now().Add(time.Hour)}
		time.AfterFunc(12*time.Minute, func() {
			is := s.stateFile(t)
			if len(is.Orphans) != 1 || is.Orphans[0].Name != "shop/app" || is.Problems(time.Now())[0].ID != "muster-orphan" {
				t.Errorf("%+v", is.Orphans)
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			s.running = nil
		})
		s.live(t, 20*time.Minute)
		if got := s.kinds(); got != "orphan orphan-over" {
			t.Errorf("announced %q", got)
		}
		count := 0
		for _, m := range s.minutes {
			if value, there := valueOf(m, "Orphans", "ClusterName=prod"); there && value == 1 {
				count++
			}
		}
		if count < 2 || count > 5 {
			t.Errorf("published in %d minutes", count)
		}
	})
}

func TestWithoutAnAnswerOfTheECSAgentOrphansAreUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.Tasks = taskList{stopped: time.Now().Add(time.Hour)}
		s.live(t, 10*time.Minute)
		for _, m := range s.minutes {
			if _, there := valueOf(m, "Orphans", "ClusterName=prod"); there {
				t.Errorf("published at %s", m.At)
			}
		}
	})
}

// failedList is a task that is gone before a container of it was started.
type failedList struct{ at time.Time }

func (l failedList) Tasks(context.Context) ([]ecsagent.Task, error) {
	if time.Now().Before(l.at) {
		return nil, nil
	}
	return []ecsagent.Task{{ARN: "arn:task/1", KnownStatus: "STOPPED", DesiredStatus: "STOPPED", Family: "web"}}, nil
}

func TestATaskThatDidNotStartIsToldToTheWatcherOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.Tasks = failedList{time.Now().Add(5 * time.Minute)}
		s.Starts = &starts.Watch{Cluster: s.Cluster, Log: func(time.Time) ([]ecsagent.TaskEnd, error) {
			return []ecsagent.TaskEnd{{Task: "1", Container: "app", Text: "CannotPullContainerError: no such host"}}, nil
		}}
		s.live(t, 20*time.Minute)
		want := []string{"arn:task/1: could not be started: the name of its registry cannot be resolved: CannotPullContainerError: no such host"}
		if !slices.Equal(s.failedTasks, want) {
			t.Errorf("failed tasks: %q", s.failedTasks)
		}
	})
}
