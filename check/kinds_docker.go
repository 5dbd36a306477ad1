package check

// The checks of the docker group, each with what it may find. What explains what refers to these
// variables, so that the compiler finds a reference to nothing. Their ids are frozen.
var (
	DockerCheck       = &Kind{ID: "docker"}
	DockerNotRunning  = &Kind{ID: "docker-not-running"}
	DockerHung        = &Kind{ID: "docker-hung"}
	DockerRejects     = &Kind{ID: "docker-rejects"}
	DockerUnsupported = &Kind{ID: "docker-unsupported"}
	DockerDenied      = &Kind{ID: "docker-denied"}
	DockerGarbled     = &Kind{ID: "docker-garbled"}

	AgentImageCheck       = &Kind{ID: "agent-image"}
	AgentNotCached        = &Kind{ID: "agent-not-cached"}
	AgentContainerMissing = &Kind{ID: "agent-container-missing"}
	AgentContainerDown    = &Kind{ID: "agent-container-down"}
	AgentOutOfMemory      = &Kind{ID: "agent-out-of-memory"}
)
