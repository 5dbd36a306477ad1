package ecsagent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// DefaultTaskMetadataURL is the agent's task metadata endpoint on the host. Containers reach it through 169.254.170.2
// (agent/config, AgentCredentialsPort).
const DefaultTaskMetadataURL = "http://127.0.0.1:51679"

// TaskMetadata describes a task, as returned by version 4 of the endpoint.
type TaskMetadata struct {
	TaskARN     string
	ServiceName string // empty if the task has no service or the agent is older than 1.63.1
	// Checked holds the containers whose task definition has a health check. It does not include health checks of the
	// image (agent/handlers/v2, NewContainerResponse).
	Checked map[string]bool
}

// TaskMetadataEndpoint is a client of the agent's task metadata endpoint.
type TaskMetadataEndpoint struct{ local *Introspection }

// NewTaskMetadataEndpoint returns a client of the endpoint at baseURL. An empty baseURL means DefaultTaskMetadataURL.
// hc has the same meaning as in NewIntrospection.
func NewTaskMetadataEndpoint(baseURL string, hc *http.Client) *TaskMetadataEndpoint {
	if baseURL == "" {
		baseURL = DefaultTaskMetadataURL
	}
	return &TaskMetadataEndpoint{NewIntrospection(baseURL, hc)}
}

// Task queries the task of the container with this ECS_CONTAINER_METADATA_URI_V4. It uses only the id of the URI, never
// its host, because the environment of a container is not trusted.
func (e *TaskMetadataEndpoint) Task(ctx context.Context, containerURI string) (TaskMetadata, error) {
	_, id, ok := strings.Cut(containerURI, "/v4/")
	if !ok || !isMetadataID(id) {
		return TaskMetadata{}, fmt.Errorf("%+.80q is not a version 4 task metadata URI", containerURI)
	}
	return ask(ctx, e.local, "/v4/"+id+"/task", decodeTaskMetadata)
}

// isMetadataID accepts the ids that the agent generates: a UUID, or in newer versions a task id and a number, in
// hexadecimal digits and hyphens.
func isMetadataID(s string) bool {
	return s != "" && len(s) <= 100 && strings.Trim(s, "0123456789abcdef-") == ""
}

func decodeTaskMetadata(body []byte) (TaskMetadata, error) {
	var wire struct {
		TaskARN     string
		ServiceName string
		Containers  []struct {
			Name   string
			Health json.RawMessage
		}
	}
	if err := json.Unmarshal(body, &wire); err != nil {
		return TaskMetadata{}, err
	}
	if wire.TaskARN == "" {
		return TaskMetadata{}, errors.New(`no "TaskARN" in the response`)
	}
	task := TaskMetadata{wire.TaskARN, wire.ServiceName, map[string]bool{}}
	for _, c := range wire.Containers {
		if len(c.Health) > 0 && string(c.Health) != "null" {
			task.Checked[c.Name] = true
		}
	}
	return task, nil
}
