package sandbox

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Task is a task in the format of introspection (ecs-agent/introspection/v1 TaskResponse).
type Task struct {
	Arn           string
	DesiredStatus string `json:",omitempty"`
	KnownStatus   string
	Family        string
	Version       string
	Containers    []Container
}

// Container is a container of a Task.
type Container struct {
	DockerID     string `json:"DockerId"`
	DockerName   string
	Name         string
	Image        string
	ImageID      string
	CreatedAt    *time.Time `json:",omitempty"`
	StartedAt    *time.Time `json:",omitempty"`
	RestartCount *int       `json:",omitempty"`
}

// SetTasks sets the tasks in /v1/tasks.
func (a *Agent) SetTasks(tasks ...Task) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.tasks = tasks
}

// serve handles the three paths of the agent's server; any other path returns the list of commands
// (ecs-agent/introspection setup).
func (a *Agent) serve(r *http.Request) answer {
	switch r.URL.Path {
	case MetadataPath:
		return a.serveMetadata()
	case "/v1/tasks":
		return a.serveTasks(r)
	}
	return introspectionAnswer(http.StatusOK, map[string][]string{
		"AvailableCommands": {MetadataPath, "/v1/tasks", "/license"},
	})
}

func (a *Agent) serveMetadata() answer {
	status := a.Status()
	out := struct {
		Cluster              string
		ContainerInstanceArn *string
		Version              string
	}{status.Cluster, &status.ARN, "Amazon ECS Agent - v" + agentVersion + " (" + agentCommit + ")"}
	switch a.currentPlan().Answer {
	case AnswerNullARN:
		out.ContainerInstanceArn = nil
	case AnswerEmptyARN:
		*out.ContainerInstanceArn = ""
	case AnswerClusterARN:
		if !strings.HasPrefix(out.Cluster, "arn:") {
			out.Cluster = a.s.arn("ecs", "cluster/"+out.Cluster)
		}
	}
	return introspectionAnswer(http.StatusOK, out)
}

// spoil adds the plan's response behavior to a fault.
func (a *Agent) spoil(f Fault) Fault {
	switch a.currentPlan().Answer {
	case AnswerHangs:
		f.Hang = true
	case AnswerHalf:
		f.Cut = true
	}
	return f
}

// serveTasks returns a single task for ?taskarn= or ?dockerid=. Both together are a bad request; an unknown one returns
// an empty task with 404 (ecs-agent TasksMetadataHandler).
func (a *Agent) serveTasks(r *http.Request) answer {
	a.mu.Lock()
	defer a.mu.Unlock()
	arn, docker := r.URL.Query().Get("taskarn"), r.URL.Query().Get("dockerid")
	switch {
	case arn != "" && docker != "":
		return introspectionAnswer(http.StatusBadRequest, Task{})
	case arn == "" && docker == "":
		return introspectionAnswer(http.StatusOK, map[string][]Task{"Tasks": slices.Concat([]Task{}, a.tasks)})
	}
	for _, t := range a.tasks {
		has := func(c Container) bool { return strings.HasPrefix(c.DockerID, docker) }
		if t.Arn == arn || docker != "" && slices.ContainsFunc(t.Containers, has) {
			return introspectionAnswer(http.StatusOK, t)
		}
	}
	return introspectionAnswer(http.StatusNotFound, Task{})
}

func introspectionAnswer(status int, v any) answer {
	body, _ := json.Marshal(v) // plain structs
	return answer{status: status, header: http.Header{"Content-Type": {"application/json"}}, body: body}
}
