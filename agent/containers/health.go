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

// TaskHealth is ECS's rule, given the health of the task's containers whose check
// ECS honors: UNHEALTHY when one is, UNKNOWN while one is not evaluated and when there
// is no check (ECS developer guide, "Determine Amazon ECS task health").
//
// ECS counts only essential containers. Only the task definition names these, not the
// instance, so each container with a check counts as essential.
func TaskHealth(containers []Health) Health {
	switch {
	case slices.Contains(containers, Unhealthy):
		return Unhealthy
	case slices.Contains(containers, Starting), !slices.Contains(containers, Healthy):
		return Unknown
	}
	return Healthy
}
