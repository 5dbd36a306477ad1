package containers

import "slices"

// Health is the state of a container's HEALTHCHECK, or of a task by ECS's rule.
type Health string

// States of health. Tasks are never Starting or NoCheck, and containers are never Unknown.
const (
	NoCheck   Health = "none"
	Starting  Health = "starting"
	Healthy   Health = "healthy"
	Unhealthy Health = "unhealthy"
	Unknown   Health = "unknown"
)

// checked reports whether h is a state of a HEALTHCHECK.
func (h Health) checked() bool { return h == Starting || h == Healthy || h == Unhealthy }

// TaskHealth applies ECS's rule to the health of those containers of a task whose checks ECS honors. The task is
// UNHEALTHY if one of them is. It is UNKNOWN while one has no result, and if there is no check (ECS developer guide,
// "Determine Amazon ECS task health").
//
// ECS counts only essential containers. Only the task definition marks those, and the instance does not have it.
// Therefore every container with a check counts as essential here.
func TaskHealth(containers []Health) Health {
	switch {
	case slices.Contains(containers, Unhealthy):
		return Unhealthy
	case slices.Contains(containers, Starting), !slices.Contains(containers, Healthy):
		return Unknown
	}
	return Healthy
}
