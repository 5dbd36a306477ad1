package subject

import (
	"muster/check"
	"muster/internal/base/fix"
)

// NoEngine returns the finding of a check that needs a Docker Engine. why is the error if the Engine cannot be queried.
// A nil why means that there is no Engine.
func NoEngine(why error) []check.Finding {
	if why != nil {
		return check.Undetermined(why, fix.Do("Correct MUSTER_DOCKER_HOST."))
	}
	return check.Skipped("no Docker Engine is available to check")
}
