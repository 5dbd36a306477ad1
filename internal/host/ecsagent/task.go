package ecsagent

import "time"

// States of a task, of those that introspection reports (ecs-agent/api/task/status, TaskStatus).
const (
	Running = "RUNNING" // every essential container runs
	Stopped = "STOPPED"
)

// Task is a task known to the agent on this instance. It does not include health
// (ecs-agent/introspection/v1/response.go).
type Task struct {
	ARN           string      `json:"Arn"`
	DesiredStatus string      `json:"DesiredStatus"`
	KnownStatus   string      `json:"KnownStatus"`
	Family        string      `json:"Family"`
	Version       string      `json:"Version"` // task definition revision
	Containers    []Container `json:"Containers"`
}

// Container is a container of a Task. Zero times mean "not yet".
type Container struct {
	DockerID     string    `json:"DockerId"`
	DockerName   string    `json:"DockerName"`
	Name         string    `json:"Name"` // as in the task definition
	Image        string    `json:"Image"`
	ImageID      string    `json:"ImageID"`
	CreatedAt    time.Time `json:"CreatedAt"`
	StartedAt    time.Time `json:"StartedAt"`
	Ports        []Port    `json:"Ports"`
	Networks     []Network `json:"Networks"`
	Volumes      []Volume  `json:"Volumes"`
	RestartCount *int      `json:"RestartCount"` // nil without a restart policy
}

// Port is a port mapping of a Container.
type Port struct {
	ContainerPort uint16 `json:"ContainerPort"`
	Protocol      string `json:"Protocol"`
	HostPort      uint16 `json:"HostPort"`
	HostIP        string `json:"HostIp"`
}

// Network is a network of a Container. Addresses stay strings, so that an invalid one does not hide all tasks.
type Network struct {
	Mode          string   `json:"NetworkMode"` // bridge, host, awsvpc, none
	IPv4Addresses []string `json:"IPv4Addresses"`
	IPv6Addresses []string `json:"IPv6Addresses"`
}

// Volume is a mount of a Container.
type Volume struct {
	DockerName  string `json:"DockerName"`
	Source      string `json:"Source"`
	Destination string `json:"Destination"`
}
