package subject

import (
	"muster/check"
	"muster/internal/base/fix"
)

// NoEngine is the finding of a check that needs a Docker Engine and has none: why says
// why it cannot be asked; nil: there is none.
func NoEngine(why error) []check.Finding {
	if why != nil {
		return check.CouldNotLook(why, fix.Do("Correct MUSTER_DOCKER_HOST."))
	}
	return check.Skipped("no Docker Engine is available to check")
}
