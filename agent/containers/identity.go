package containers

import (
	"strings"

	"muster/internal/host/dockerapi"
)

// internalPrefix is the prefix of containers that the ECS agent adds to a task, such as the pause container
// (agent/api/task, NetworkPauseContainerName). They are not counted.
const internalPrefix = "~internal~ecs~"

// Identity identifies a container by Docker's data and its labels. Nothing is shortened or replaced. For a container
// that ECS did not start, all fields except ID and Name are empty.
type Identity struct {
	ID, Name  string // Docker's
	Cluster   string // name or ARN, as configured for the ECS agent
	TaskARN   string
	Container string // name in the task definition
	Family    string
	Revision  string
	// Service is empty while it is unknown, and for a task without a service.
	Service string
}

func identify(id, name string, labels map[string]string) Identity {
	return Identity{ID: id, Name: name, Cluster: labels[dockerapi.LabelCluster], TaskARN: labels[dockerapi.LabelTask],
		Container: labels[dockerapi.LabelContainer], Family: labels[dockerapi.LabelFamily], Revision: labels[dockerapi.LabelRevision]}
}

// Internal reports whether this is one of the ECS agent's own containers.
func (i Identity) Internal() bool { return strings.HasPrefix(i.Container, internalPrefix) }

// role identifies the containers that replace each other when one of them fails.
type role struct{ cluster, family, container string }

func (i Identity) role() role {
	if i.TaskARN == "" && i.Container == "" {
		return role{container: i.Name}
	}
	return role{i.Cluster, i.Family, i.Container}
}
