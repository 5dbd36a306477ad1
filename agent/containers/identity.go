package containers

import "strings"

// The labels that the ECS agent puts on the containers of a task
// (agent/engine/docker_task_engine.go, labelPrefix).
const (
	labelCluster   = "com.amazonaws.ecs.cluster"
	labelTask      = "com.amazonaws.ecs.task-arn"
	labelContainer = "com.amazonaws.ecs.container-name"
	labelFamily    = "com.amazonaws.ecs.task-definition-family"
	labelRevision  = "com.amazonaws.ecs.task-definition-version"
)

// internalPrefix begins the names of what the ECS agent adds to a task, such as the
// pause container (agent/api/task, NetworkPauseContainerName). They are not counted.
const internalPrefix = "~internal~ecs~"

// Identity says which container it is, as Docker and its labels say it: nothing is
// shortened or replaced. All but ID and Name are empty for one that ECS did not
// start.
type Identity struct {
	ID, Name  string // Docker's
	Cluster   string // name or ARN, as the ECS agent was configured
	TaskARN   string
	Container string // as in the task definition
	Family    string
	Revision  string
	// Service is empty while it is not known, and for a task of no service.
	Service string
}

func identify(id, name string, labels map[string]string) Identity {
	return Identity{ID: id, Name: name, Cluster: labels[labelCluster], TaskARN: labels[labelTask],
		Container: labels[labelContainer], Family: labels[labelFamily], Revision: labels[labelRevision]}
}

// Internal says whether the ECS agent runs it for itself.
func (i Identity) Internal() bool { return strings.HasPrefix(i.Container, internalPrefix) }

// role is what stays the same when a failing container is replaced by a new one.
type role struct{ cluster, family, container string }

func (i Identity) role() role {
	if i.TaskARN == "" && i.Container == "" {
		return role{container: i.Name}
	}
	return role{i.Cluster, i.Family, i.Container}
}
