package containers

import "slices"

// Health is what Docker's HEALTHCHECK says of a container, or ECS's rule of a task.
type Health string

// The states of health. Of a task there is no Starting and no NoCheck, of a
// container no Unknown.
const (
	NoCheck   Health = "none"
	Starting  Health = "starting"
	Healthy   Health = "healthy"
	Unhealthy Health = "unhealthy"
	Unknown   Health = "unknown"
)

// checked says whether h is the word of a HEALTHCHECK.
func (h Health) checked() bool { return h == Starting || h == Healthy || h == Unhealthy }

// TaskHealth is ECS's rule, given the health of the task's containers as ECS sees it: UNHEALTHY before UNKNOWN before HEALTHY.
// A check that has no result yet, and no check in the task definition, are UNKNOWN (ECS API reference, HealthCheck, which has
// the examples of the test).
//
// ECS counts essential containers alone. Only the task definition names these, not the instance, so each container counts as
// essential, which it is if its definition does not say otherwise.
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
