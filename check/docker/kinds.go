package docker

import (
	"muster/check"
)

// The checks of the docker group, each with its possible findings. SymptomOf and Needs refer to these variables. The
// IDs must never change.
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
