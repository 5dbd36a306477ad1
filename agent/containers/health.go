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

// TaskHealth applies ECS's rule to the health of those containers of a task whose checks ECS honors: UNHEALTHY takes
// precedence over UNKNOWN, and UNKNOWN over HEALTHY. A check without a result yet, and a container without a check, are
// UNKNOWN (ECS API reference, HealthCheck, whose examples are the test's).
//
// ECS counts only essential containers. Only the task definition marks those, and the instance does not have it.
// Therefore every container counts as essential here, as it does by default in a task definition.
func TaskHealth(containers []Health) Health {
	other := func(h Health) bool { return h != Healthy }
	switch {
	case slices.Contains(containers, Unhealthy):
		return Unhealthy
	case len(containers) == 0, slices.ContainsFunc(containers, other):
		return Unknown
	}
	return Healthy
}
