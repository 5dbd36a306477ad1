package ecsagent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// DefaultTaskMetadataURL is where the agent serves the task metadata endpoint on the
// host; in containers 169.254.170.2 leads there (agent/config, AgentCredentialsPort).
const DefaultTaskMetadataURL = "http://127.0.0.1:51679"

// TaskMetadata is what the endpoint (version 4) tells of a task.
type TaskMetadata struct {
	TaskARN     string
	ServiceName string // empty: of no service, or the agent is older than 1.63.1
	// Checked names the containers whose task definition has a health check. An
	// image's own is not among them (agent/handlers/v2, NewContainerResponse).
	Checked map[string]bool
}

// TaskMetadataEndpoint asks the agent's task metadata endpoint.
type TaskMetadataEndpoint struct{ local *Introspection }

// NewTaskMetadataEndpoint returns the endpoint at baseURL, or at
// DefaultTaskMetadataURL if that is empty; hc is as for NewIntrospection.
func NewTaskMetadataEndpoint(baseURL string, hc *http.Client) *TaskMetadataEndpoint {
	if baseURL == "" {
		baseURL = DefaultTaskMetadataURL
	}
	return &TaskMetadataEndpoint{NewIntrospection(baseURL, hc)}
}

// Task asks for the task of the container that has this
// ECS_CONTAINER_METADATA_URI_V4. Only the id is taken from it, never the host: what
// a container's environment says is not to be trusted.
func (e *TaskMetadataEndpoint) Task(ctx context.Context, containerURI string) (TaskMetadata, error) {
	_, id, ok := strings.Cut(containerURI, "/v4/")
	if !ok || !isMetadataID(id) {
		return TaskMetadata{}, fmt.Errorf("%+.80q is no task metadata URI of version 4", containerURI)
	}
	return ask(ctx, e.local, "/v4/"+id+"/task", decodeTaskMetadata)
}

// isMetadataID accepts what the agent makes: a UUID, or on newer versions a task's id
// and a number, of hexadecimal digits and hyphens.
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
		return TaskMetadata{}, errors.New(`no "TaskARN" in the answer`)
	}
	task := TaskMetadata{wire.TaskARN, wire.ServiceName, map[string]bool{}}
	for _, c := range wire.Containers {
		if len(c.Health) > 0 && string(c.Health) != "null" {
			task.Checked[c.Name] = true
		}
	}
	return task, nil
}
