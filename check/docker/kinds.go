package docker

import (
	"muster/check"
)

// The checks of the docker group, each with what it may find. What explains what refers to these
// variables, so that the compiler finds a reference to nothing. Their ids are frozen.
var (
	DockerCheck       = &check.Kind{ID: "docker"}
	DockerNotRunning  = &check.Kind{ID: "docker-not-running"}
	DockerHung        = &check.Kind{ID: "docker-hung"}
	DockerRejects     = &check.Kind{ID: "docker-rejects"}
	DockerUnsupported = &check.Kind{ID: "docker-unsupported"}
	DockerDenied      = &check.Kind{ID: "docker-denied"}
	DockerGarbled     = &check.Kind{ID: "docker-garbled"}

	AgentImageCheck       = &check.Kind{ID: "agent-image"}
	AgentNotCached        = &check.Kind{ID: "agent-not-cached"}
	AgentContainerMissing = &check.Kind{ID: "agent-container-missing"}
	AgentContainerDown    = &check.Kind{ID: "agent-container-down"}
	AgentOutOfMemory      = &check.Kind{ID: "agent-out-of-memory"}
)
